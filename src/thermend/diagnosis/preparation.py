"""An image made ready to be judged and mended: inpainted, normalised, free of single defects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands
from thermend.image import ThermalImage
from thermend.methods.classical.dead_pixels import find_dead_pixels, replace_dead_pixels
from thermend.methods.classical.inpaint import fill_invalid
from thermend.methods.classical.noise_level import noise_sigma
from thermend.normalisation import Normalisation

_ROUNDS = 3


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare` makes.

    Attributes
    ----------
    pixels : (H, W) float32, finite, normalised; the caller's to change
    normalisation : how to undo that
    stretched : between the image's percentiles; False for 8-bit pictures, which are divided by 255
    defects : number of dead pixels that were replaced
    """

    pixels: NDArray[np.float32]
    normalisation: Normalisation
    stretched: bool
    defects: int


def prepare(image: ThermalImage) -> Prepared:
    """Inpaint invalid pixels, normalise, and, where percentiles decide the range, replace single dead pixels.

    Dead pixels are none of the scene, like invalid ones: whatever the method, they must not be carried past it as hot
    spots, nor stretch the range in which it works. The percentiles are therefore taken anew once they are gone.
    """
    normalisation = Normalisation.of(image)
    measured = fill_invalid(image)
    pixels = normalisation.apply(measured)
    stretched = not image.is_picture
    defects = 0
    for _ in range(_ROUNDS if stretched else 0):
        dead = find_defects(pixels)
        if not dead.any():
            break
        defects += int(dead.sum())
        pixels = replace_dead_pixels(pixels, dead)
        if not normalisation.is_worn(pixels):
            break
        measured = replace_dead_pixels(measured, dead)
        normalisation = Normalisation.of(image.with_pixels(measured))
        pixels = normalisation.apply(measured)
    return Prepared(pixels, normalisation, stretched, defects)


def find_defects(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) bool, True at single dead pixels; band by band."""
    noise = noise_sigma(pixels)
    dead = np.zeros(pixels.shape, np.bool_)
    for band, inner in bands(pixels.shape, 4):
        dead[band][inner] = find_dead_pixels(pixels[band], noise)[inner]
    return dead
