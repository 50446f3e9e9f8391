"""What the detail network is told of an image; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands
from thermend.methods.classical.deblur import within_measured
from thermend.methods.classical.noise_level import noise_sigma

Image = NDArray[np.float32]

MULTIPLE = 16
MARGIN = 16
"""Pixels by which an image is mirrored beyond its borders: the network sees nothing there, and would be unsure of what lies
along them."""
_NEARBY = 3  # px
PADDED_AT_MOST = 4_000_000
"""Pixels; a larger image is not copied for it."""


def known_of(pixels: Image, stripes: float = 0.0) -> Image:
    """(1, 2) standard deviations, of the noise that is in an image, (H, W), and of the stripes that were."""
    return np.array([[noise_sigma(pixels), stripes]], np.float32)


class DetailPass:
    """Runs the detail network once.

    Parameters
    ----------
    facts : mapping
        what the weights say of themselves; nothing is needed of it
    """

    inputs: Mapping[str, bool] = {"known": False}
    tiling: Mapping[str, int] = {"multiple": MULTIPLE}

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts

    def __call__(
        self, image: Image, mode: str, network: Any, stripes: float = 0.0
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The image with less noise and blur, (H, W), and what was done."""
        known = known_of(image, stripes)
        margin = MARGIN if min(image.shape) > MARGIN and image.size <= PADDED_AT_MOST else 0
        padded = np.pad(image, margin, mode="reflect") if margin else image
        result = network.tiled(padded, known=known)
        result = result[margin : margin + image.shape[0], margin : margin + image.shape[1]]
        result += image
        if mode == "radiometric":  # it sharpens; nothing is drawn that was not measured nearby
            for place, own in bands(image.shape, _NEARBY):
                result[place][own] = within_measured(result[place], image[place], _NEARBY)[own]
        return result, [{"noise": round(255 * float(known[0, 0]), 3)}]
