"""Denoising by non-local means."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.estimation.noise import noise_sigma
from thermend.filters.smoothing import Image


def denoise_nlm(
    image: Image, sigma: float | None = None, strength: float = 1.0, patch: int = 5, search: int = 15
) -> Image:
    """Non-local means (NLM), by OpenCV at 16 bits.

    Parameters
    ----------
    sigma : float or None
        standard deviation of the noise, in the image's unit; estimated if None
    strength : float
        decay of the weights, in units of sigma
    patch, search : int
        sides of the patch and of the window that is searched, pixels

    References
    ----------
    A. Buades, B. Coll, J.-M. Morel, A non-local algorithm for image denoising, CVPR 2005.
    """
    sigma = noise_sigma(image) if sigma is None else sigma
    low, high = float(image.min()), float(image.max())
    if sigma <= 0 or high <= low:
        return image.copy()
    scale = min(40_000 / (high - low), 200 / sigma)  # OpenCV's weights are tables over integer distances
    levels = np.rint((image - low) * scale).astype(np.uint16)
    smooth = cv2.fastNlMeansDenoising(
        levels,
        h=[float(strength * sigma * scale)],
        templateWindowSize=patch,
        searchWindowSize=search,
        normType=cv2.NORM_L1,
    )
    return smooth.astype(np.float32) / np.float32(scale) + np.float32(low)
