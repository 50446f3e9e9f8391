"""Deconvolution of a Gaussian blur, and its bounds."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import fft

from thermend.filters.smoothing import Image

_ROUNDING = 1.3e-6  # variance of rounding to 8 bits, full range 1: no image has less noise


def within_measured(sharp: Image, image: Image, radius: int = 3) -> Image:
    """Bound a sharpened image by the least and the greatest value that was measured nearby.

    Deconvolution draws halos, and takes small hot objects higher than anything the camera saw; where pixels are
    temperatures that would be an invention. The price is 1.5 to 2.5 dB on strongly blurred images.

    Parameters
    ----------
    sharp, image : (H, W)
        after and before the sharpening
    radius : int
        of the square neighbourhood, pixels
    """
    nearby = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.clip(sharp, cv2.erode(image, nearby), cv2.dilate(image, nearby))


def scene_power(image: Image, noise: float) -> float:
    """The factor of 1/f² in a natural scene's power spectrum, from an image's variance less that of its noise."""
    variance = max(float(image.var()) - noise**2, 1e-8)
    return variance / float(2 * np.pi * np.log(max(image.shape) + 8))


def wiener(
    image: Image,
    blur_sigma: float = 1.5,
    noise: float = 0.0,
    regularity: float = 30.0,
    power: float | None = None,
) -> Image:
    """Wiener deconvolution of a Gaussian blur: X = H* Y / (|H|² + N/S).

    The scene's power spectrum S is modelled as that of a natural image, proportional to 1/f², scaled to the image's
    variance; borders are mirrored, so that they do not ring.

    Parameters
    ----------
    blur_sigma : float
        of the point spread function, pixels
    noise : float
        standard deviation of the noise, in the image's unit
    power : float or None
        the scene's, as :func:`scene_power` gives it; of the image itself if None. A part of an image takes the whole's
    regularity : float
        factor on N/S; more is smoother. 30 is best on blurred training images, and safe where the blur is no Gaussian

    References
    ----------
    R. C. Gonzalez, R. E. Woods, Digital Image Processing, 3rd ed., Sec. 5.8.
    """
    height, width = image.shape
    if blur_sigma <= 0 or min(height, width) < 4:
        return image.copy()
    margin = int(min(4 * blur_sigma + 8, height - 1, width - 1))
    padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    rows, columns = (fft.next_fast_len(n, real=True) for n in padded.shape)
    padded = cv2.copyMakeBorder(padded, 0, rows - padded.shape[0], 0, columns - padded.shape[1], cv2.BORDER_REFLECT_101)
    fy, fx = fft.fftfreq(rows)[:, None], fft.rfftfreq(columns)[None]
    squared = (fy**2 + fx**2).astype(np.float32)
    transfer = np.exp(np.float32(-2 * np.pi**2 * blur_sigma**2) * squared)
    power = scene_power(image, noise) if power is None else power
    ratio = np.float32(regularity * (noise**2 + _ROUNDING) / power) * squared
    spectrum = fft.rfft2(padded)
    spectrum *= transfer / (transfer**2 + ratio)
    sharp = fft.irfft2(spectrum, s=(rows, columns))
    return np.asarray(sharp[margin : margin + height, margin : margin + width], np.float32)
