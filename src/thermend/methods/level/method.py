"""The level network in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from thermend.methods.level.correction import Correction, shown
from thermend.methods.network import Image, NetworkMethod
from thermend.methods.watch import UNWATCHED, Watch


class Level(NetworkMethod):
    """The level network, run once, on a thumbnail."""

    inputs = {"percentiles": False}  # noqa: RUF012
    says_its_plan = True

    def correction(self, pixels: Image) -> Correction:
        """What brings an image's level and contrast back.

        Parameters
        ----------
        pixels : (H, W) float32
            without noise and stripes, as far as they can be taken off
        """
        given = shown(pixels)
        field, numbers = self.network.outputs(given.pop("image"), **given)[:2]
        log_gain, logit = (float(n) for n in numbers[0])
        return Correction(float(np.exp(log_gain)), np.asarray(field[0, 0], np.float32), 1 / (1 + float(np.exp(-logit))))

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """The image at the level and contrast that it had, (H, W), and what was done."""
        found, result = self.correction(image), image.copy()
        found.apply(result)
        return result, [found.facts]
