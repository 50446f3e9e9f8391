"""The level network in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from thermend.methods.level.correction import Correction, shown
from thermend.methods.network import Image, NetworkMethod
from thermend.methods.watch import UNWATCHED, Watch


class Level(NetworkMethod):
    """The level network, run on a thumbnail and on its mirror image."""

    inputs = {"percentiles": False}  # noqa: RUF012
    says_its_plan = True
    makes_image = False

    def correction(self, pixels: Image) -> Correction:
        """What brings an image's level and contrast back.

        The mean of what the network says of the image and of its mirror image, whose errors are not quite the same: 0.09 dB on
        the standing table (`benchmarks/default_model.py`).

        Parameters
        ----------
        pixels : (H, W) float32
            without noise and stripes, as far as they can be taken off
        """
        given = shown(pixels)
        image, percentiles = given["image"], given["percentiles"]
        field, numbers = self._answer(image, percentiles)
        mirrored, again = self._answer(np.ascontiguousarray(image[..., ::-1]), percentiles)
        log_gain, logit = (float(n) for n in (numbers + again) / 2)
        mean = np.asarray((field + mirrored[:, ::-1]) / 2, np.float32)
        return Correction(float(np.exp(log_gain)), mean, 1 / (1 + float(np.exp(-logit))))

    def _answer(self, image: Image, percentiles: Image) -> tuple[Image, Image]:
        """Field, (16, 20), and logarithm of the gain and logit of the chance, (2,)."""
        field, numbers = self.network.outputs(image, percentiles=percentiles)[:2]
        return field[0, 0], numbers[0]

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """The image at the level and contrast that it had, (H, W), and what was done."""
        found, result = self.correction(image), image.copy()
        found.apply(result)
        return result, [found.facts]
