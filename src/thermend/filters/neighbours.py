"""The pixels around places of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def neighbours(image: NDArray[Any], ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[Any]:
    """(N, 8) values around each of N places; mirrored at the border."""
    height, width = image.shape
    columns = []
    for y, x in ((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)):
        rows, across = np.abs(ys + y), np.abs(xs + x)
        rows = np.where(rows >= height, 2 * height - 2 - rows, rows)
        across = np.where(across >= width, 2 * width - 2 - across, across)
        columns.append(image[rows, across])
    return np.stack(columns, 1)
