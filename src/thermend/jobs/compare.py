"""Input and result side by side."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.image import ThermalImage
from thermend.rendering import rendered

_GAP = 8  # px


def side_by_side(before: ThermalImage, after: ThermalImage, palette: str) -> ThermalImage:
    """One picture of an input (left) and its result (right), on one scale of grey where their units agree.

    Parameters
    ----------
    palette : str
        in which the picture will be written; decides the colour of the gap
    """
    left = _picture(before, before if before.unit != after.unit else after)
    right = _picture(after, after)
    if left.shape != right.shape:
        left = cv2.resize(left, right.shape[::-1], interpolation=cv2.INTER_NEAREST)
    gap = np.full((right.shape[0], _GAP), 0 if palette == "black-hot" else 255, np.uint8)
    return ThermalImage(np.concatenate([left, gap, right], axis=1), "display", "uint8")


def _picture(image: ThermalImage, scale: ThermalImage) -> np.ndarray:
    if image.unit == "display" or image.is_empty:
        return rendered(image)
    low, high = scale.extent
    pixels = np.nan_to_num(image.pixels, nan=low, posinf=high, neginf=low)
    return np.clip(np.rint((pixels - low) * (255 / (high - low or 1))), 0, 255).astype(np.uint8)
