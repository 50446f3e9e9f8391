"""Measures of temperatures and counts, in their own unit."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from thermend.errors import UsageError

SMOOTH_SIGMA = 16.0
"""Pixels: the Gaussian whose result is an image's smooth component."""


def rmse(image: ArrayLike, clean: ArrayLike) -> float:
    """Root mean square difference, in the images' unit, over the pixels that both have.

    Parameters
    ----------
    image, clean : (H, W)

    Raises
    ------
    UsageError
        the two differ in size, or share no valid pixel
    """
    difference = _difference(image, clean)
    return float(np.sqrt(np.mean(difference[np.isfinite(difference)] ** 2)))


def mean_shift(image: ArrayLike, reference: ArrayLike) -> float:
    """By how much the mean of one image lies off another's, in their unit; never negative.

    Parameters
    ----------
    image, reference : (H, W)

    Raises
    ------
    UsageError
        as for :func:`rmse`
    """
    difference = _difference(image, reference)
    return float(abs(np.mean(difference[np.isfinite(difference)])))


def smooth_shift(image: ArrayLike, reference: ArrayLike, sigma: float = SMOOTH_SIGMA) -> float:
    """Largest difference of the smooth components of two images, in their unit.

    Parameters
    ----------
    image, reference : (H, W)
    sigma : float
        of the Gaussian, pixels; invalid pixels take no part in it

    Raises
    ------
    UsageError
        as for :func:`rmse`
    """
    difference = _difference(image, reference)
    known = np.isfinite(difference)
    border = cv2.BORDER_REFLECT
    weight = cv2.GaussianBlur(known.astype(np.float64), (0, 0), sigma, borderType=border)
    smooth = cv2.GaussianBlur(np.where(known, difference, 0), (0, 0), sigma, borderType=border)
    return float(np.abs(smooth[known] / np.maximum(weight[known], 1e-12)).max())


def _difference(image: ArrayLike, other: ArrayLike) -> np.ndarray:
    first, second = (np.asarray(each, np.float64) for each in (image, other))
    if first.shape != second.shape:
        raise UsageError(f"images of {first.shape} and {second.shape} cannot be compared")
    difference = np.where(np.isfinite(first) & np.isfinite(second), first, np.nan) - second
    if not np.isfinite(difference).any():
        raise UsageError("the images share no valid pixel")
    return np.asarray(difference)
