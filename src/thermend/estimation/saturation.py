"""Where a detector, or what stored its values, was at the end of its range."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.image import ThermalImage

_LEAST = 9
"""Pixels all around which have the same value; noise never gives one by chance."""


def saturated(image: ThermalImage) -> NDArray[np.bool_] | None:
    """(H, W) bool, True where an image's values are cut off: areas that all have its greatest value, or its least.

    None where there are none.

    Stripes that a camera adds before it cuts off are not in there, and none may be taken off.
    """
    pixels, valid = image.pixels, image.valid
    if not valid.any():
        return None
    measured = pixels if valid.all() else pixels[valid]
    found = None
    for end in (measured.max(), measured.min()):
        at_end = (pixels == end) & valid
        inner = cv2.erode(at_end.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
        if np.count_nonzero(inner) >= _LEAST and not at_end.all():
            found = at_end if found is None else found | at_end
    return found
