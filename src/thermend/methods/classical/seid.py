"""Simultaneous destriping and denoising by expectation-maximisation (SEID)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from thermend.estimation.noise import noise_sigma
from thermend.filters.smoothing import Image, box
from thermend.methods.classical.nonlocal_means import denoise_nlm

_SLOW = 12.0  # columns; slower changes are the scene's


def destripe_and_denoise(
    image: Image, sigma: float | None = None, iterations: int = 4, keep_noise: bool = False
) -> Image:
    """Alternate between the conditional expectation of the scene, by non-local means, and the stripes, as the column
    means of what is left.

    The model is Y = X + 1 sᵀ + N. The E-step takes X from similar patches of Y − s in other columns; the M-step takes s as
    the column means of Y − X, its maximum-likelihood value. Slow changes of s, which any scene has too, are left to the
    scene. At the end the usual non-local means remove the noise.

    Parameters
    ----------
    sigma : float or None
        standard deviation of the noise without the stripes; estimated if None
    keep_noise : bool
        return Y − s instead of X

    References
    ----------
    L. Song, H. Huang, Simultaneous destriping and image denoising using a nonparametric model with the EM algorithm, IEEE
    TIP 32 (2023). How its non-local means are modified is assumed: see :func:`_expected_scene`.
    """
    sigma = noise_sigma(image) if sigma is None else sigma
    height, width = image.shape
    if width < 4 or height < 4:
        return image.copy()
    offsets = np.zeros(width, np.float32)
    remaining = float(np.std(np.median(np.diff(image, axis=1), axis=0))) / np.sqrt(2)
    for _ in range(iterations):
        clean = image - offsets
        means = (image - _expected_scene(clean, float(np.hypot(sigma, remaining)))).mean(axis=0)
        means -= gaussian_filter1d(means, _SLOW, mode="nearest")
        remaining = float(np.std(means - offsets))
        offsets = means.astype(np.float32)
        if remaining < 1e-4:
            break
    return image - offsets if keep_noise else denoise_nlm(image - offsets, sigma)


def _expected_scene(image: Image, sigma: float, reach: int = 4, patch: int = 7) -> Image:
    """Non-local means over the pixels of other columns only: a column's own offset must not vouch for itself.

    Parameters
    ----------
    sigma : float
        standard deviation of everything that is not scene
    reach : int
        columns to either side that are searched
    patch : int
        side of the patches, pixels
    """
    total, weights = np.zeros_like(image), np.full_like(image, 1e-6)
    padded = np.pad(image, ((0, 0), (reach, reach)), mode="reflect")
    scale = np.float32(2 * max(sigma, 1e-4) ** 2)
    for shift in (s for s in range(-reach, reach + 1) if s):
        other = padded[:, reach + shift : reach + shift + image.shape[1]]
        distance = box((image - other) ** 2, 3 * patch, patch)
        weight = np.exp(-np.maximum(distance - scale, 0) / scale)
        total += weight * other
        weights += weight
    return (total + np.float32(1e-6) * image) / weights
