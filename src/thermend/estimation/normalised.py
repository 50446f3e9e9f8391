"""An image as estimators and methods see it: inpainted, normalised, free of single defects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thermend.estimation.bad_pixels import find_defects
from thermend.estimation.estimates import Estimates
from thermend.estimation.saturation import saturated
from thermend.filters.inpainting import inpaint
from thermend.filters.replacement import replace_pixels
from thermend.filters.smoothing import Image
from thermend.image import ThermalImage
from thermend.normalisation import Normalisation

_ROUNDS = 3
_NEARLY_ALL = 0.99
"""Of the pixels: where fewer are valid, what lies between them is not estimated from."""


@dataclass(frozen=True)
class Normalised:
    """What :func:`normalised` makes.

    Attributes
    ----------
    pixels : (H, W) float32
        finite, normalised; the caller's to change
    normalisation : Normalisation
        how to undo that
    stretched : bool
        between the image's percentiles; False for 8-bit pictures, which are divided by 255
    defects : int
        number of dead pixels that were replaced
    valid : (H, W) bool or None
        which pixels were measured, where many were not: what is inpainted, or cut off, tells nothing of the camera
    cut_off : (H, W) bool or None
        where the values of an image of temperatures or counts are at the end of their range
    """

    pixels: NDArray[np.float32]
    normalisation: Normalisation
    stretched: bool
    defects: int
    valid: NDArray[np.bool_] | None = None
    cut_off: NDArray[np.bool_] | None = None

    @cached_property
    def estimates(self) -> Estimates:
        """What is measured of the pixels as they are."""
        return Estimates(self.pixels, self.valid)


def normalised(image: ThermalImage) -> Normalised:
    """Inpaint invalid pixels, normalise, and, where percentiles decide the range, replace single dead pixels.

    Dead pixels are none of the scene, like invalid ones: whatever the method, they must not be carried past it as hot
    spots, nor stretch the range in which it works. The percentiles are therefore taken anew once they are gone.
    """
    normalisation = Normalisation.of(image)
    measured = fill_invalid(image)
    pixels = normalisation.apply(measured)
    stretched = not image.is_picture
    cut_off = saturated(image) if stretched else None
    telling = image.valid if cut_off is None else image.valid & ~cut_off
    valid = telling if 0 < np.mean(telling) < _NEARLY_ALL else None
    defects = 0
    for _ in range(_ROUNDS if stretched else 0):
        dead = find_defects(pixels, valid=valid)
        if not dead.any():
            break
        defects += int(dead.sum())
        pixels = replace_pixels(pixels, dead)
        if not normalisation.is_worn(pixels):
            break
        measured = replace_pixels(measured, dead)
        normalisation = Normalisation.of(image.with_pixels(measured))
        pixels = normalisation.apply(measured)
    return Normalised(pixels, normalisation, stretched, defects, valid, cut_off)


def unit_levels(image: ThermalImage) -> Image:
    """An image as networks learn from it, and as they get it: inpainted, normalised, clipped to [0, 1]; (H, W) float32."""
    return np.clip(Normalisation.of(image).apply(fill_invalid(image)), 0, 1)


def fill_invalid(image: ThermalImage) -> Image:
    """The image's pixels with every invalid one inpainted; the image's own array where none is."""
    return image.pixels if image.valid.all() else inpaint(image.pixels, ~image.valid)
