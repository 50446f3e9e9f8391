"""A thermal image as a picture of 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from thermend.image import ThermalImage


def rendered(image: ThermalImage) -> NDArray[np.uint8]:
    """An (H, W) uint8 picture of any image: grey levels as they are, everything else from its 0.1th to 99.9th percentile; one
    without any valid pixel is black."""
    if image.is_empty:
        return np.zeros(image.shape, np.uint8)
    pixels = np.nan_to_num(image.pixels, nan=float(image.extent[0]))
    if image.unit == "display":
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    low, high = image.extent
    return np.clip(np.rint((pixels - low) * (255 / (high - low or 1.0))), 0, 255).astype(np.uint8)
