"""More pixels by a fixed kernel, by Pillow in floating point."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image as Pillow

from thermend.bands import bands
from thermend.filters.smoothing import Image


def limit_overshoot(large: Image, image: Image, scale: int) -> None:
    """Bound an upsampled image, in place, by what the nine pixels of the image around each place hold.

    Kernels with negative lobes ring beside edges, by a tenth of their height.

    Parameters
    ----------
    large : (H · scale, W · scale)
    image : (H, W)
    """
    nearby = np.ones((3, 3), np.uint8)
    for band, inner in bands(image.shape, 1):
        part = image[band]
        low, high = (f(part, nearby)[inner].repeat(scale, 0).repeat(scale, 1) for f in (cv2.erode, cv2.dilate))
        rows = slice((band.start + inner.start) * scale, (band.start + inner.stop) * scale)
        np.clip(large[rows], low, high, out=large[rows])


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


def enlarged(pixels: Image, scale: int, upsample: Callable[[Image, int], Image], mode: str) -> Image:
    """Upsampled pixels; where they are temperatures, without the overshoot beside edges, which nobody measured."""
    large = upsample(pixels, scale)
    if mode == "radiometric":
        limit_overshoot(large, pixels, scale)
    return large
