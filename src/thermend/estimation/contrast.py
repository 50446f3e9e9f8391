"""How much of its range a scene uses."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.estimation.normalised import Normalised
from thermend.image import ThermalImage

_MOST_REDUCTION = 8  # px


def used_range(made: Normalised, image: ThermalImage) -> tuple[float | None, float | None]:
    """The share of the file's range that the scene uses, without its noise and stripes, and where it begins.

    Parameters
    ----------
    made : Normalised
    image : ThermalImage
        what the pixels were

    Returns
    -------
    contrast, black_level : float or None
        shares of the range, 0 to 1; None where the range is not known
    """
    if image.valid_range is None:
        return None, None
    pixels, estimates = made.pixels, made.estimates
    direction = estimates.stripes.direction
    if direction != "none":
        offsets = estimates.offsets(direction).astype(np.float32)
        pixels = pixels - (offsets if direction == "columns" else offsets[:, None])
    height, width = pixels.shape
    # Means over squares that leave a grey level of noise or so: of single pixels the extremes would be noise.
    side = min(int(np.ceil(255 * estimates.noise)), _MOST_REDUCTION, height, width) or 1
    if side > 1:
        pixels = cv2.resize(pixels, (max(1, width // side), max(1, height // side)), interpolation=cv2.INTER_AREA)
    if made.valid is not None:
        seen = made.valid.astype(np.float32)
        if side > 1:
            seen = cv2.resize(seen, pixels.shape[::-1], interpolation=cv2.INTER_AREA)
        pixels = pixels[seen > 0.999] if (seen > 0.999).any() else pixels
    normalisation = made.normalisation
    first, last = (float(p) / normalisation.gain + normalisation.offset for p in np.percentile(pixels, (1, 99)))
    low, high = image.valid_range
    return (last - first) / (high - low), (first - low) / (high - low)
