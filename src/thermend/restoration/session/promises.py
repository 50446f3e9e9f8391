"""What radiometric mode promises, held for every frame of a recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from thermend.image import ThermalImage
from thermend.restoration import temperatures
from thermend.restoration.session.coarse import enlarged, reduced

Image = NDArray[np.float32]

_KELVIN = 0.15
_SHARE = 0.0008  # of the range, for counts


def keep(made: Image, image: ThermalImage, reference: Image, low: float, high: float) -> None:
    """Bring a frame's result back to what was measured, in place: its mean, and its smooth component.

    Parameters
    ----------
    made : (H, W) float32
        shares of the range from `low` to `high`
    image : ThermalImage
        the frame as it came
    reference : (H, W) float32
        the same without its fixed pattern, as shares
    low, high : float
        in the frame's unit
    """
    span = high - low
    tolerance = _KELVIN / span if image.unit == "celsius" else _SHARE
    coldest, hottest = ((value - low) / span for value in image.extent)
    counted = None if image.nodata is None else ~image.nodata
    evidence = temperatures.collect(reference, coldest, hottest, tolerance, counted)
    # a spot of one frame is noise too; those of the scene are in the estimate
    temperatures.keep(made, replace(evidence, spots=evidence.spots[:0]), 1, counted)


def without_smooth(pattern: Image) -> Image:
    """A fixed pattern without what is smooth in it, which cannot be told from the scene's own temperatures."""
    return pattern - enlarged(reduced(pattern), pattern.shape)
