"""Noise that neighbouring pixels share, as cameras give it that filter, enlarge or compress what they read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from thermend.filters.smoothing import Image

_SIDE = 16
_CROP = 1536  # px; of a larger image the middle is judged
_LEAST_BLOCKS = 48
_BANDS = ((6.0, 10.0), (10.0, 15.0), (15.0, 24.0))
"""Of the cosine transform's frequencies, half periods a block."""
_QUIET = 0.15
"""Quantile over the blocks: what the quiet ones have."""
_EVEN = 0.76
"""Least ratio of the 5th to the 30th percentile over the blocks: noise is alike everywhere (0.77 to 0.86 where it was added to
training images), texture is not (0.36 to 0.76 in undamaged ones)."""
_LEAST_SLOPE = 1.5
"""Least ratio of the first band's power to the last one's: less is white."""
_LEAST = 3.0 / 255
"""Standard deviation in the first band; what a good camera has of its own lies below."""


def correlated_noise(image: Image, valid: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Standard deviation and correlation of noise that is not white; both 0 where there is none to be told from the scene.

    The power of blocks of 16 × 16 in three bands of their cosine transform is taken from the quiet ones. White noise gives all
    bands the same; noise that was blurred falls as exp(−k f²), which gives its whole power, and with it what neighbours share.
    A texture falls too, but differs from block to block, as noise does not.

    Parameters
    ----------
    image : (H, W) float32
        in [0, 1]
    valid : (H, W) bool or None
        pixels that were measured; None, all

    Returns
    -------
    sigma : float
        standard deviation, in the image's unit
    correlation : float
        of a pixel with its neighbour, 0 to 1
    """
    top, left = (max(0, (side - _CROP) // 2) for side in image.shape)
    crop = image[top : top + _CROP, left : left + _CROP]
    down, across = (side // _SIDE for side in crop.shape)
    if down * across < _LEAST_BLOCKS:
        return 0.0, 0.0
    transform = dct(np.eye(_SIDE), axis=0, norm="ortho").astype(np.float32)
    blocks = crop[: down * _SIDE, : across * _SIDE].reshape(down, _SIDE, across, _SIDE).swapaxes(1, 2)
    power = np.square(transform @ blocks @ transform.T).reshape(-1, _SIDE, _SIDE)
    if valid is not None:
        part = valid[top : top + _CROP, left : left + _CROP][: down * _SIDE, : across * _SIDE]
        power = power[part.reshape(down, _SIDE, across, _SIDE).all(axis=(1, 3)).ravel()]
        if len(power) < _LEAST_BLOCKS:
            return 0.0, 0.0
    u, v = np.mgrid[:_SIDE, :_SIDE]
    frequency, crossing = np.hypot(u, v), (u > 0) & (v > 0)  # columns and rows lie at 0: stripes are no noise
    found, places = [], []
    for low, high in _BANDS:
        band = crossing & (frequency >= low) & (frequency < high)
        found.append(power[:, band].mean(1))
        places.append(float(np.mean(frequency[band] ** 2)))
    quiet = np.array([np.quantile(values, _QUIET) for values in found])
    calm, busy = np.sqrt(np.quantile(found[0], (0.05, 0.3)))
    if quiet[0] < _LEAST**2 or calm < _EVEN * busy or quiet[0] < _LEAST_SLOPE * quiet[-1]:
        return 0.0, 0.0
    fall, height = np.polyfit(places, np.log(np.maximum(quiet, 1e-14)), 1)
    # Nothing is known of the lowest frequencies, where the scene is: they count as the lowest that are.
    spectrum = np.exp(height + min(fall, 0.0) * np.maximum(frequency, _BANDS[0][0] / 2) ** 2)
    shared = float((spectrum * np.cos(np.pi * u / _SIDE)).sum() / spectrum.sum())
    return float(np.sqrt(spectrum.mean())), min(1.0, max(0.0, shared))
