"""Sharpening against a Gaussian blur."""

from __future__ import annotations

import numpy as np

from thermend.estimation.noise import noise_sigma
from thermend.filters import deconvolution
from thermend.filters.smoothing import Image, gaussian


def unsharp(image: Image, sigma: float = 1.5, amount: float = 1.0) -> Image:
    """Unsharp masking: I + amount (I − G_sigma * I).

    Parameters
    ----------
    sigma : float
        of the Gaussian, pixels
    amount : float
        strength of the mask
    """
    return image + np.float32(amount) * (image - gaussian(image, sigma))


def wiener(image: Image, blur_sigma: float = 1.5) -> Image:
    """The image after :func:`thermend.filters.deconvolution.wiener`, against the noise that is estimated in it.

    Parameters
    ----------
    blur_sigma : float
        of the point spread function, pixels
    """
    return deconvolution.wiener(image, blur_sigma, noise_sigma(image))
