"""Keep the temperatures: what a radiometric result owes to the measurement.

Its mean is the input's. Its smooth component (Gaussian, 16 px) is that of the input without stripes and shading. Its hot
and cold spots are those of the input.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.methods.classical.filters import median3
from thermend.restoration.bands import PIXELS_AT_ONCE

Image = NDArray[np.float32]

SMOOTH_SIGMA = 16.0  # px of the input
_REDUCTION = 8


@dataclass(frozen=True)
class Evidence:
    """What is remembered of an input, in a fraction of its memory.

    Attributes
    ----------
    mean : of the input's valid pixels, as measured
    reduced : the input without stripes and shading, reduced 8 times
    spots : flat indices of the pixels beyond the 0.1th and 99.9th percentile that are no single outliers
    spot_values : their 3 x 3 medians
    """

    mean: float
    reduced: Image
    spots: NDArray[np.int64]
    spot_values: Image


def collect(reference: Image, mean: float, low: float, high: float) -> Evidence:
    """Remember what the result will be held against.

    Parameters
    ----------
    reference : (H, W), the input without stripes, shading and dead pixels
    mean : of the input as measured
    low, high : the 0.1th and 99.9th percentile
    """
    spots, values = [], []
    width = reference.shape[1]
    rows = max(1, PIXELS_AT_ONCE // width)
    for top in range(0, reference.shape[0], rows):
        above = min(top, 1)
        middle = median3(reference[top - above : top + rows + 1])[above : above + rows]
        found = np.flatnonzero((middle > high) | (middle < low))
        spots.append(found + top * width)
        values.append(middle.ravel()[found])
    return Evidence(mean, _reduce(reference, 1), np.concatenate(spots), np.concatenate(values))


def keep(result: Image, evidence: Evidence, scale: int, tolerance: float, counted: NDArray[np.bool_] | None) -> None:
    """Bring a result back to the measurement, in place.

    Parameters
    ----------
    result : (H · scale, W · scale)
    scale : how many times larger than the input the result is
    tolerance : how far a spot may stay from its 3 x 3 median, in the result's unit
    counted : where the mean is taken; None: everywhere
    """
    difference = evidence.reduced - _reduce(result, scale)
    sigma = SMOOTH_SIGMA / _REDUCTION
    smooth = cv2.GaussianBlur(difference, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    _add_enlarged(result, smooth)
    if scale == 1 and len(evidence.spots):
        flat = result.reshape(-1)
        flat[evidence.spots] = np.clip(
            flat[evidence.spots], evidence.spot_values - tolerance, evidence.spot_values + tolerance
        )
    now = float(result.mean(dtype=np.float64) if counted is None else result[counted].mean(dtype=np.float64))
    result += np.float32(evidence.mean - now)


def _reduce(pixels: Image, scale: int) -> Image:
    height, width = (max(1, round(n / scale / _REDUCTION)) for n in pixels.shape)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _add_enlarged(result: Image, small: Image) -> None:
    """Add a reduced image, enlarged bilinearly, band by band."""
    height, width = result.shape
    rows = max(1, PIXELS_AT_ONCE // width)
    wide = cv2.resize(small, (width, small.shape[0]), interpolation=cv2.INTER_LINEAR)
    positions = (np.arange(height) + 0.5) * small.shape[0] / height - 0.5
    first = np.clip(np.floor(positions).astype(int), 0, small.shape[0] - 1)
    second = np.minimum(first + 1, small.shape[0] - 1)
    share = np.clip(positions - first, 0, 1).astype(np.float32)[:, None]
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        result[part] += wide[first[part]] * (1 - share[part]) + wide[second[part]] * share[part]
