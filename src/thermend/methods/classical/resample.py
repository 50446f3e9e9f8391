"""Upsampling by a fixed kernel, by Pillow in floating point."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from thermend.methods.classical.filters import Image


def _resize(image: Image, scale: int, kernel: Pillow.Resampling) -> Image:
    if scale == 1:
        return image.copy()
    height, width = image.shape
    return np.array(Pillow.fromarray(image).resize((width * scale, height * scale), kernel), np.float32)


def bicubic(image: Image, scale: int = 2) -> Image:
    """Cubic convolution with a = −1/2.

    References
    ----------
    R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29 (1981).
    """
    return _resize(image, scale, Pillow.Resampling.BICUBIC)


def lanczos(image: Image, scale: int = 2) -> Image:
    """Lanczos interpolation with three lobes.

    References
    ----------
    C. E. Duchon, Lanczos filtering in one and two dimensions, Journal of Applied Meteorology 18 (1979).
    """
    return _resize(image, scale, Pillow.Resampling.LANCZOS)
