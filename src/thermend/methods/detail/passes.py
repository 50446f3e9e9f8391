"""What the detail network is told of an image; without torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.methods.classical.noise_level import noise_sigma

Image = NDArray[np.float32]

MULTIPLE = 16


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
        self, image: Image, mode: str, network: Any, leave: Collection[str] = (), stripes: float = 0.0
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The image with less noise and blur, (H, W), and what was done."""
        known = known_of(image, stripes)
        result = network.tiled(image, known=known)
        result += image
        return result, [{"noise": round(255 * float(known[0, 0]), 3)}]

    def estimate(self, image: Image, network: Any) -> dict[str, tuple[float, float]]:
        """It estimates nothing of its own."""
        return {}
