"""Per-pixel fixed-pattern noise: what every frame of a camera has in the same place."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from thermend.estimation.noise import noise_sigma
from thermend.filters.smoothing import Image, box
from thermend.methods.classical.dct_denoise import denoise_dct


def estimate_fixed_pattern(frames: Iterable[Image]) -> Image:
    """The fixed pattern of a camera, from frames of different scenes: the mean of what denoising takes off them.

    The scene's own residue differs from frame to frame and averages out; the pattern stays. Ten frames of moving scenery
    halve what one frame leaves.

    Parameters
    ----------
    frames : (H, W)
        arrays of one shape and unit

    References
    ----------
    After D. Scribner et al., Adaptive nonuniformity correction for IR focal plane arrays using neural networks, SPIE 1541
    (1991): the correction drives each pixel towards a spatially smoothed frame.
    """
    total: np.ndarray | None = None
    count = 0
    for frame in frames:
        residual = (frame - denoise_dct(frame)).astype(np.float64)
        total = residual if total is None else total + residual
        count += 1
    if total is None:
        raise ValueError("a fixed pattern is estimated from at least one frame")
    pattern = total / count
    return np.asarray(pattern - pattern.mean(), np.float32)


def correct_fixed_pattern(
    image: Image, pattern: Image | None = None, sigma: float | None = None, window: int = 5
) -> Image:
    """Subtract a known pattern; without one, shrink each pixel towards its neighbourhood's mean where it is flat.

    From a single frame the pattern cannot be told from noise, so that the second form is the local Wiener filter [1]_:
    m + (v − s²)/v (x − m), with m and v the mean and variance in the window.

    Parameters
    ----------
    pattern : (H, W) or None
        from :func:`estimate_fixed_pattern`
    sigma : float or None
        standard deviation of pattern and noise together; estimated if None
    window : int
        side of the neighbourhood, pixels

    References
    ----------
    .. [1] J.-S. Lee, Digital image enhancement and noise filtering by use of local statistics, IEEE TPAMI 2 (1980).
    """
    if pattern is not None:
        if pattern.shape != image.shape:
            raise ValueError(f"the pattern is {pattern.shape}, the image {image.shape}: they must be of one camera")
        return image - pattern
    sigma = noise_sigma(image) if sigma is None else sigma
    mean = box(image, window, window)
    variance = np.maximum(box((image - mean) ** 2, window, window), 1e-12)
    share = np.maximum(variance - np.float32(sigma**2), 0) / variance
    return mean + share * (image - mean)
