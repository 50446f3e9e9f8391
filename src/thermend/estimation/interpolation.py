"""Whether an image was enlarged by interpolation: then its soft edges are not the optics', and no filter brings more back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.smoothing import Image

_SHORTEST = 64
"""Pixels; in a shorter side there are too few periods to tell one from chance."""
_LEAST_FREQUENCY = 0.23
"""Of a period, per pixel: four pixels and less to one that was measured."""
_DEPTH, _HEIGHT = 0.12, 8.0
"""How much of the curvature comes and goes with the period, and how far that stands out of the other frequencies."""
_AROUND, _SCENE = 9, 4.0
"""Pixels; in a square so large the scene's curvature is more than so many deviations of noise. Noise alone gives 2.4."""
_NEAR = 0.02
"""Per pixel; so far apart the periods across and down may be."""
_GRID = (0.125, 0.375)
"""Per pixel: frequencies that JPEG's blocks of eight leave, and that interpolation by two, three or four does not."""
_QUIETEST_KELVIN = 0.004
"""Half of what the quietest detectors leave after averaging over frames."""


def is_interpolated(
    image: Image, noise: float, kelvin: float | None = None, valid: NDArray[np.bool_] | None = None
) -> bool:
    """Whether an image's pixels were made from fewer, or smoothed until nothing was left of the detector's noise.

    Told for two, three and four pixels to one that was measured, from the scene's own texture; not in a scene without any.

    Parameters
    ----------
    image : (H, W) float32
    noise : float
        standard deviation of the noise, in the image's unit
    kelvin : float or None
        that one unit of the image stands for; None where it is not known
    valid : (H, W) bool or None
        pixels that were measured; None, all

    References
    ----------
    A. C. Gallagher, Detection of linear and cubic interpolation in JPEG compressed images, CRV 2005: the second difference
    of an interpolated image varies with the period of the pixels that were measured. The product of neighbouring ones varies
    too, and that also where an image was enlarged by two.
    """
    if kelvin is not None and 0 < noise * kelvin < _QUIETEST_KELVIN:
        return True
    if min(image.shape) < _SHORTEST:
        return False
    seen = None if valid is None else cv2.erode(valid.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    across = _period(image, noise, seen)
    return across > 0 and abs(across - _period(image.T, noise, None if seen is None else seen.T)) < _NEAR


def _period(image: Image, noise: float, seen: NDArray[np.bool_] | None) -> float:
    """Frequency at which the curvature along the rows comes and goes from column to column, per pixel; 0 for none."""
    curvature = image[:, 2:] - 2 * image[:, 1:-1] + image[:, :-2]
    if seen is not None:
        curvature = np.where(seen[:, 1:-1], curvature, 0)
    around = np.sqrt(np.maximum(cv2.blur(curvature**2, (_AROUND, _AROUND)), 0))
    of_scene = around > _SCENE * noise
    if not of_scene.any():
        return 0.0
    relative = np.where(of_scene, curvature / np.maximum(around, 1e-9), 0)  # weak edges count as strong ones do
    count = of_scene.sum(0)
    usual = cv2.blur(count[None].astype(np.float32), (2 * _AROUND - 1, 1))[0] + 1
    for products in (relative**2, relative[:, 1:] * relative[:, :-1]):
        profile = products.sum(0) / usual[: products.shape[1]]
        window = np.hanning(len(profile))
        spectrum = np.abs(np.fft.rfft((profile - profile.mean()) * window)) / (window.sum() / 2)
        frequencies = np.arange(len(spectrum)) / len(profile)
        high = frequencies > _LEAST_FREQUENCY
        peak = int(np.argmax(np.where(high, spectrum, 0)))
        of_blocks = np.min([np.abs(frequencies - line) for line in _GRID], axis=0) < 2 / len(profile)
        by_blocks = spectrum[of_blocks].max() > 0.25 * spectrum[peak]
        if spectrum[peak] > max(_DEPTH, _HEIGHT * float(np.median(spectrum[high]))) and not by_blocks:
            return float(frequencies[peak])
    return 0.0
