"""The whole-image correction in use: what the network is shown, and how its answer is applied; without torch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

THUMBNAIL = (64, 80)
"""Height and width of what the network is shown."""
OVERVIEW = (128, 160)
"""Of what the percentiles are taken from: the same for every image, whatever its size."""
FIELD = (16, 20)
"""Of the smooth field that it answers with."""
PERCENTILES = (0.1, 1, 5, 10, 20, 35, 50, 65, 80, 90, 95, 99, 99.9)


@dataclass(frozen=True)
class Correction:
    """What brings an image's level and contrast back: gain · image + field.

    Attributes
    ----------
    gain : float
        contrast that was lost, 1 where none was
    field : (16, 20) float32
        what is added, share of full range
    chance : float
        that level or contrast were lost at all, 0 to 1
    """

    gain: float
    field: Image
    chance: float

    @property
    def vignetting(self) -> float:
        """Highest less lowest value of the field, share of full range."""
        return float(np.ptp(self.field))

    @property
    def facts(self) -> dict[str, float]:
        """For the provenance."""
        return {
            "gain": round(self.gain, 3),
            "vignetting": round(255 * self.vignetting, 1),
            "chance": round(self.chance, 3),
        }

    def apply(self, image: Image) -> None:
        """Correct an image, (H, W), in place."""
        height, width = image.shape
        image *= np.float32(self.gain)
        image += cv2.resize(self.field, (width, height), interpolation=cv2.INTER_CUBIC)


def overview(image: Image) -> Image:
    """(H, W) to (128, 160), means over areas."""
    return np.asarray(cv2.resize(image, OVERVIEW[::-1], interpolation=cv2.INTER_AREA), np.float32)


def shown(image: Image) -> dict[str, Image]:
    """What the network is shown of an image, (H, W) in [0, 1] without its noise and stripes."""
    small = np.clip(overview(image), 0, 1)
    thumbnail = small.reshape(THUMBNAIL[0], 2, THUMBNAIL[1], 2).mean((1, 3))
    return {
        "image": np.ascontiguousarray(thumbnail[None, None]),
        "percentiles": np.percentile(small, PERCENTILES).astype(np.float32)[None],
    }
