"""Contrast from the histogram: equalisation, CLAHE, plateau equalisation, linear stretch."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.filters.smoothing import Image
from thermend.filters.tone import stretch

_BINS = 4096


def _through_cumulative(image: Image, weights: np.ndarray) -> Image:
    """Map intensities so that the weights of the bins up to each one become its new value, from 0 to 1."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    first = weights[np.flatnonzero(weights)[0]] if weights.any() else 0
    if cumulative[-1] <= first:
        return image.copy()
    curve = np.clip((cumulative - first) / (cumulative[-1] - first), 0, 1).astype(np.float32)
    return curve[np.clip(np.rint(image * (_BINS - 1)), 0, _BINS - 1).astype(np.int32)]


def _histogram(image: Image) -> np.ndarray:
    levels = np.clip(np.rint(image * (_BINS - 1)), 0, _BINS - 1).astype(np.int32)
    return np.bincount(levels.ravel(), minlength=_BINS)


def equalise(image: Image) -> Image:
    """Histogram equalisation (HE): v = (cdf(x) − cdf_min) / (1 − cdf_min).

    References
    ----------
    R. C. Gonzalez, R. E. Woods, Digital Image Processing, 3rd ed., Sec. 3.3.1.
    """
    return _through_cumulative(image, _histogram(image))


def plateau_equalise(image: Image, plateau: float = 0.01) -> Image:
    """Plateau equalisation: no bin counts for more than a plateau, so that a large uniform background does not take all
    the contrast.

    Parameters
    ----------
    plateau : float
        as a share of the pixels; 0 projects (every occupied bin counts alike), 1 equalises

    References
    ----------
    V. E. Vickers, Plateau equalization algorithm for real-time display of high-quality infrared imagery,
    Optical Engineering 35 (1996).
    """
    return _through_cumulative(image, np.minimum(_histogram(image), max(1.0, plateau * image.size)))


def clahe(image: Image, clip_limit: float = 2.0, tiles: int = 8) -> Image:
    """Contrast-limited adaptive histogram equalisation (CLAHE), by OpenCV on 8 bits; what lies between two levels rides on.

    Parameters
    ----------
    clip_limit : float
        highest count of a bin, in multiples of the mean count
    tiles : int
        tiles along each side

    References
    ----------
    K. Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV (1994).
    """
    height, width = image.shape
    levels = np.clip(np.rint(image * (_BINS - 1)), 0, _BINS - 1).astype(np.uint16)
    grid = (max(1, min(tiles, width // 2)), max(1, min(tiles, height // 2)))
    # OpenCV's 16-bit CLAHE has 65536 bins, which leaves almost every bin empty; 8 bits carry the curve, the rest rides on.
    coarse = (levels >> 4).astype(np.uint8)
    equalised = cv2.createCLAHE(clip_limit, grid).apply(coarse).astype(np.float32)
    fine = (image * 255 - coarse).clip(-1, 1)
    return np.clip((equalised + fine) / 255, 0, 1).astype(np.float32)


__all__ = ["clahe", "equalise", "plateau_equalise", "stretch"]
