"""Medians by sorting: numpy sorts floats with the CPU's vector instructions, which is several times as fast as selecting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def column_medians(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """(W,) medians of the columns of (H, W), of what is not NaN; NaN where a column has nothing else."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    known = np.full(values.shape[1], len(values))
    if np.isnan(ordered[-1]).any():
        known -= np.isnan(values).sum(axis=0)
    middle = np.stack([np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(values) - 1)])
    return np.asarray(np.take_along_axis(ordered, middle, axis=0).mean(axis=0, dtype=values.dtype))


def median(values: NDArray[np.floating]) -> float:
    """Of all values, none of which is NaN."""
    return float(column_medians(values.reshape(-1, 1))[0])
