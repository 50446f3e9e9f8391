"""The width of the blur, from the sharpest edges of one image."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.filters.dct import denoise_dct
from thermend.filters.smoothing import Image, gaussian

_FIRST, _SECOND = 1.0, 2.0  # px; the two known blurs that are compared
_BROADEST, _REACH = 10.0, 8  # px
_CROP = 1536
_MUCH_NOISE = 2 / 255
_LEFT_NOISE = 0.2  # share that denoising leaves, at most


def blur_sigma(image: Image, noise: float) -> float:
    """Standard deviation of a Gaussian point spread function, pixels; 0 where there is no edge to tell it from.

    At a step edge blurred by σ the gradient is proportional to 1/σ. After two further, known blurs its ratio is
    R² = (σ² + s₂²) / (σ² + s₁²), which gives σ. The median over the strongest edges is returned.

    Parameters
    ----------
    noise : float
        standard deviation of the noise, in the image's unit

    References
    ----------
    S. Zhuo, T. Sim, Defocus map estimation from a single image, Pattern Recognition 44 (2011), Eqs. 4 to 7.
    """
    height, width = image.shape
    if min(height, width) < 16:
        return 0.0
    top, left = max(0, (height - _CROP) // 2), max(0, (width - _CROP) // 2)
    crop = np.ascontiguousarray(image[top : top + _CROP, left : left + _CROP])
    if noise > _MUCH_NOISE:
        crop, noise = denoise_dct(crop, noise, step=4), _LEFT_NOISE * noise
    first, second = (_gradient(gaussian(crop, s)) for s in (_FIRST, _SECOND))
    peaks = first >= cv2.dilate(first, np.ones((3, 3), np.uint8))
    of_noise = noise / (_FIRST**2 * np.sqrt(8 * np.pi))  # what the noise alone gives the smoothed gradient
    floor = max(float(np.quantile(first, 0.97)), 4 * of_noise, 1e-4)
    # An edge ends: some pixels away the gradient is small. On a slope of the scene it goes on, and its peaks are noise.
    ends = cv2.erode(first, np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)) < 0.5 * first
    edges = peaks & ends & (first > floor)
    margin = min(_REACH + 4, min(crop.shape) // 4)  # mirrored borders end every slope
    edges[:margin] = edges[-margin:] = edges[:, :margin] = edges[:, -margin:] = False
    if edges.sum() < 20:
        return 0.0
    squared = (first[edges] / np.maximum(second[edges], 1e-9)) ** 2
    variance = (_SECOND**2 - _FIRST**2) / np.maximum(squared - 1, 1e-3) - _FIRST**2
    variance = variance[variance < _BROADEST**2]
    return float(np.sqrt(max(0.0, np.median(variance)))) if len(variance) >= 20 else 0.0


def _gradient(image: Image) -> Image:
    return cv2.magnitude(cv2.Sobel(image, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(image, cv2.CV_32F, 0, 1) / 8)
