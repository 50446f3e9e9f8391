"""Denoising by thresholded sliding-window DCT."""

from __future__ import annotations

from thermend.estimation.noise import noise_sigma
from thermend.filters.dct import denoise_dct as threshold_dct
from thermend.filters.smoothing import Image


def denoise_dct(image: Image, sigma: float | None = None) -> Image:
    """The image after :func:`thermend.filters.dct.denoise_dct`, against the noise that is estimated in it.

    Parameters
    ----------
    sigma : float or None
        standard deviation of the noise, in the image's unit; estimated if None
    """
    return threshold_dct(image, noise_sigma(image) if sigma is None else sigma)
