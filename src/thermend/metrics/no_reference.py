"""Contrast and detail of one image. Arrays are (H, W), grey levels of 255, rounded to 8 bits where that is the definition."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.metrics.fidelity import grey_levels


def _levels(image: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(image, np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a measure takes (height, width) arrays, not one of shape {array.shape}")
    return array


def average_gradient(image: ArrayLike) -> float:
    """AG: mean of √(Δx² + Δy²) with first differences (2D-GAN, Eq. 11)."""
    levels = _levels(image)
    right = np.diff(levels, axis=1, append=levels[:, -1:])
    down = np.diff(levels, axis=0, append=levels[-1:])
    return float(np.mean(np.sqrt(right**2 + down**2)))


def average_gradient_fusion(image: ArrayLike) -> float:
    """AG as the fusion literature has it: central differences, mean of √((gx² + gy²) / 2)."""
    levels = _levels(image)
    if min(levels.shape) < 2:
        return 0.0
    down, right = np.gradient(levels)
    return float(np.mean(np.sqrt((right**2 + down**2) / 2)))


def entropy(image: ArrayLike) -> float:
    """IE or EN: entropy of the 256 grey levels, bits (2D-GAN, Eq. 12)."""
    counts = np.bincount(grey_levels(image).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log2(shares)))


def eme(image: ArrayLike, blocks: int = 8) -> float:
    """EME, measure of enhancement: mean over blocks of 20 ln(max / min).

    Parameters
    ----------
    blocks : int
        along each side (assumed: 2D-GAN gives no number); levels are raised by 1, so that black has a logarithm

    References
    ----------
    S. S. Agaian, K. Panetta, A. M. Grigoryan, Transform-based image enhancement algorithms with performance measure, IEEE
    TIP 10 (2001).
    """
    levels = grey_levels(image).astype(np.float64) + 1
    values = [
        20 * np.log(block.max() / block.min())
        for rows in np.array_split(levels, min(blocks, levels.shape[0]), axis=0)
        for block in np.array_split(rows, min(blocks, levels.shape[1]), axis=1)
    ]
    return float(np.mean(values))


def spatial_frequency(image: ArrayLike) -> float:
    """SF: √(mean squared horizontal + mean squared vertical first difference).

    References
    ----------
    A. M. Eskicioglu, P. S. Fisher, Image quality measures and their performance, IEEE Trans. Communications 43 (1995).
    """
    levels = _levels(image)
    across = np.mean(np.diff(levels, axis=1) ** 2) if levels.shape[1] > 1 else 0.0
    down = np.mean(np.diff(levels, axis=0) ** 2) if levels.shape[0] > 1 else 0.0
    return float(np.sqrt(across + down))


def standard_deviation(image: ArrayLike) -> float:
    """SD of the grey levels."""
    return float(_levels(image).std())


def standard_deviation_uint8(image: ArrayLike) -> float:
    """SD as an older evaluation computes it, in saturating 8-bit arithmetic: √mean(min(max(round(F − m), 0)², 255)).

    It never exceeds 16; DEAL's tables hold it.
    """
    levels = grey_levels(image).astype(np.float64)
    above = np.maximum(np.rint(levels - levels.mean()), 0)
    return float(np.sqrt(np.mean(np.minimum(above**2, 255))))


def local_contrast(image: ArrayLike) -> float:
    """Mean over 3 x 3 neighbourhoods of (max − min) / (max + min)."""
    from scipy.ndimage import maximum_filter, minimum_filter

    levels = grey_levels(image).astype(np.float64)
    high, low = maximum_filter(levels, 3), minimum_filter(levels, 3)
    return float(np.mean((high - low) / np.maximum(high + low, 1)))


def contrast_enhancement_index(image: ArrayLike, before: ArrayLike) -> float:
    """CEI: local contrast after by local contrast before; over 1 is enhanced.

    References
    ----------
    After W. M. Morrow et al., Region-based contrast enhancement of mammograms, IEEE TMI 11 (1992); the neighbourhood is
    assumed.
    """
    denominator = local_contrast(before)
    return float("inf") if denominator == 0 else local_contrast(image) / denominator
