"""What counts as evidence that a picture lost its level and contrast."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.estimation import Diagnosis
from thermend.methods.protocol import Correction, Image

LEAST_CONTRAST = 0.18
"""Share of the range; undamaged images use 0.19 and more."""
HIGHEST_BLACK = 0.41
"""Share of the range; the darkest hundredth of an undamaged image lies below 0.39."""
LOST, LIKELY_LOST = 0.5, 0.8
"""Chances, as the level network has them, from which on level and contrast may have been lost, and from which on vignetting
under noise is taken for the camera's."""
FILLED = 0.62
"""Share of the range: a picture that spans more, from its darkest to its brightest 3 × 3 median, has lost no contrast,
however dull it is (benchmarks/level_gate.py, on training images: undamaged ones span 0.63 and more)."""
VIGNETTED = 15.0
"""Grey levels, highest less lowest of the field that the level network answers with: where so much of it comes with
noise, it is the camera's (the same script)."""
ALL_BUT_GONE, WHITED = 0.1, 0.5
"""Shares of the range: a picture without noise that uses less, or whose darkest hundredth lies higher, has lost more than the
network was shown, and is stretched."""
LITTLE_NOISE = 4.0
"""Grey levels; white noise that is weaker is left to the filters, which keep more of a scene there."""
EVEN = 0.01
"""Share of the range; a picture that spans less is an even field, and holds no contrast that could be raised."""
STILL_DULL = 2 * LEAST_CONTRAST
"""Share of the range; where the network leaves a flat image with less, it is stretched."""


def is_lost(pixels: Image, diagnosis: Diagnosis, correction: Correction) -> bool:
    """Whether there is evidence enough that a picture lost its level and contrast.

    Parameters
    ----------
    pixels : (H, W) float32
        without its noise and stripes
    diagnosis : Diagnosis
        of the picture as it came
    correction : Correction
        what the level network answers
    """
    if diagnosis.noise_sigma >= LITTLE_NOISE and 255 * correction.vignetting >= VIGNETTED:
        return bool(correction.chance >= LIKELY_LOST)
    return bool(correction.chance >= LOST) and span(pixels) <= FILLED


def span(pixels: Image) -> float:
    """From the darkest to the brightest 3 × 3 median, share of the range.

    A camera fills its range with something, however dull the rest of a scene is, and loses that with the contrast.
    """
    steady = cv2.medianBlur(np.ascontiguousarray(pixels, np.float32), 3)
    return float(np.clip(steady.max(), 0, 1) - np.clip(steady.min(), 0, 1))


def is_beyond_the_network(diagnosis: Diagnosis) -> bool:
    """Whether a picture is an even field, or has lost so much contrast, and nothing else, that no network knows it. Where
    the range is not known (counts, temperatures) the picture was spread over it already."""
    if diagnosis.contrast is None:
        return False
    gone = diagnosis.contrast < ALL_BUT_GONE or (diagnosis.black_level or 0.0) > WHITED
    return diagnosis.contrast < EVEN or (gone and diagnosis.noise_sigma < LITTLE_NOISE)


def is_flat(diagnosis: Diagnosis) -> bool:
    """Whether contrast is far outside what undamaged pictures have: too little of the range, or nothing near black."""
    contrast, black = diagnosis.contrast, diagnosis.black_level
    if contrast is None or black is None or contrast < EVEN:
        return False
    return contrast < LEAST_CONTRAST or black > HIGHEST_BLACK
