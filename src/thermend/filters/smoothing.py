"""Smoothing filters that several classical methods share. Arrays are (H, W) float32."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_REDUCED_SIGMA = 4.0  # px, on the reduced image on which wide kernels run


def gaussian(image: Image, sigma: float) -> Image:
    """Gaussian blur with mirrored borders; wide kernels on a reduced image, to within 0.3 % of the range.

    Parameters
    ----------
    sigma : float
        standard deviation, pixels; 0 or less returns the image
    """
    if sigma <= 0:
        return image.copy()
    height, width = image.shape
    factor = int(sigma / _REDUCED_SIGMA)
    if factor < 2 or min(height, width) < 4 * factor:
        reach = min(2 * int(np.ceil(4 * sigma)) + 1, 2 * max(height, width) + 1)
        return cv2.GaussianBlur(image, (reach, reach), sigma, borderType=cv2.BORDER_REFLECT)
    small = cv2.resize(image, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    narrow = np.sqrt(sigma**2 - factor**2 / 12) / factor  # less what the reduction itself blurs
    blurred = cv2.GaussianBlur(small, (0, 0), float(narrow), borderType=cv2.BORDER_REFLECT)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)


def box(image: Image, height: int, width: int) -> Image:
    """Mean over a window of `height` x `width` pixels with mirrored borders."""
    return cv2.blur(image, (max(1, width), max(1, height)), borderType=cv2.BORDER_REFLECT)


def guided(guide: Image, source: Image, window: tuple[int, int], eps: float) -> tuple[Image, Image]:
    """Guided filter [1]_: `source`, smoothed so that it follows `guide` linearly in every window.

    Parameters
    ----------
    window : tuple
        height and width of the window, pixels; (1, n) and (n, 1) give the one-dimensional filters
    eps : float
        square of the contrast below which the guide counts as flat

    Returns
    -------
    The filtered image and the mean slope a of the local lines q = a I + b, which is near 1 at edges and 0 in flat parts.

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, Guided image filtering, IEEE TPAMI 35 (2013), Eqs. 4 to 8.
    """
    mean_guide, mean_source = box(guide, *window), box(source, *window)
    covariance = box(guide * source, *window) - mean_guide * mean_source
    variance = np.maximum(box(guide * guide, *window) - mean_guide * mean_guide, 0)
    slope = covariance / (variance + np.float32(eps))
    offset = mean_source - slope * mean_guide
    mean_slope = box(slope, *window)
    return mean_slope * guide + box(offset, *window), mean_slope


def median3(image: Image) -> Image:
    """3 x 3 median with repeated borders."""
    return cv2.medianBlur(np.ascontiguousarray(image), 3)
