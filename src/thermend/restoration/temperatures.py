"""Keep the temperatures: what a radiometric result owes to the measurement.

Its mean is the input's. Its smooth component (Gaussian, 16 px) is that of the input without stripes and shading. Its hot
and cold spots are those of the input.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.bands import PIXELS_AT_ONCE
from thermend.filters.smoothing import median3

Image = NDArray[np.float32]

SMOOTH_SIGMA = 16.0  # px of the input
_REDUCTION = 8
_EQUAL = 1e-3  # of full range: a saturated plateau is the percentile itself


@dataclass(frozen=True)
class Evidence:
    """What is remembered of an input, in a fraction of its memory.

    Attributes
    ----------
    mean : float
        of the input without stripes, shading and dead pixels
    reduced : array of float32
        the same, reduced 8 times
    spots : array of int64
        flat indices of the pixels whose 3 x 3 median reaches the 0.1th or 99.9th percentile
    lowest, highest : array of float32
        what they may be
    floor, ceiling : float
        what any pixel may be. The extreme of many noisy pixels lies outside the scene's; where it does so by little, the
        extreme of the 3 x 3 medians is the better witness
    """

    mean: float
    reduced: Image
    spots: NDArray[np.int64]
    lowest: Image
    highest: Image
    floor: float
    ceiling: float


def collect(reference: Image, low: float, high: float, tolerance: float, counted: NDArray[np.bool_] | None) -> Evidence:
    """Remember what the result will be held against.

    Parameters
    ----------
    reference : (H, W)
        the input without stripes, shading and dead pixels
    low, high : float
        the 0.1th and 99.9th percentile
    tolerance : float
        how far a spot may end from its 3 x 3 median. A peak that stands out of its median by more than thrice that is one which
        the lens drew (single defects are gone by now) and may keep its height.
    counted : array of bool or None
        where the mean is taken; None: everywhere
    """
    spots, lowest, highest = [], [], []
    coldest, hottest = np.inf, -np.inf
    width = reference.shape[1]
    rows = max(1, PIXELS_AT_ONCE // width)
    for top in range(0, reference.shape[0], rows):
        above = min(top, 1)
        middle = median3(reference[top - above : top + rows + 1])[above : above + rows]
        coldest, hottest = min(coldest, float(middle.min())), max(hottest, float(middle.max()))
        found = np.flatnonzero((middle > high - _EQUAL) | (middle < low + _EQUAL))
        spots.append(found + top * width)
        median, measured = middle.ravel()[found], reference.ravel()[found + top * width]
        lowest.append(np.where(measured < median - 3 * tolerance, measured, median - tolerance))
        highest.append(np.where(measured > median + 3 * tolerance, measured, median + tolerance))
    floor = coldest - tolerance if float(reference.min()) > coldest - 3 * tolerance else -np.inf
    ceiling = hottest + tolerance if float(reference.max()) < hottest + 3 * tolerance else np.inf
    return Evidence(
        _mean(reference, counted),
        _reduce(reference, 1),
        np.concatenate(spots),
        np.concatenate(lowest),
        np.concatenate(highest),
        floor,
        ceiling,
    )


def keep(result: Image, evidence: Evidence, scale: int, counted: NDArray[np.bool_] | None) -> None:
    """Bring a result back to the measurement, in place.

    Parameters
    ----------
    result : (H · scale, W · scale)
    scale : int
        how many times larger than the input the result is
    counted : array of bool or None
        where the mean is taken; None: everywhere
    """
    difference = evidence.reduced - _reduce(result, scale)
    sigma = SMOOTH_SIGMA / _REDUCTION
    smooth = cv2.GaussianBlur(difference, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    _add_enlarged(result, smooth)
    if scale == 1 and len(evidence.spots):
        flat = result.reshape(-1)
        flat[evidence.spots] = np.clip(flat[evidence.spots], evidence.lowest, evidence.highest)
        np.clip(result, evidence.floor, evidence.ceiling, out=result)
    result += np.float32(evidence.mean - _mean(result, counted))


def _mean(pixels: Image, counted: NDArray[np.bool_] | None) -> float:
    return float(pixels.mean(dtype=np.float64) if counted is None else pixels[counted].mean(dtype=np.float64))


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
