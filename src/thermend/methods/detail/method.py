"""The detail network in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from thermend.bands import bands
from thermend.filters.deconvolution import within_measured
from thermend.methods.detail.known import known_of
from thermend.methods.network import Image, NetworkMethod
from thermend.methods.protocol import Restored
from thermend.methods.watch import UNWATCHED, Watch

MULTIPLE = 16
MARGIN = 16
"""Pixels by which an image is mirrored beyond its borders: the network sees nothing there, and would be unsure of what lies
along them."""
_NEARBY = 3  # px
PADDED_AT_MOST = 4_000_000
"""Pixels; a larger image is not copied for it."""


class Detail(NetworkMethod):
    """The detail network, run once; it gives what is added to the image."""

    inputs = {"known": False}  # noqa: RUF012
    tiling = {"overlap": 96, "multiple": MULTIPLE, "whole": 1_500_000, "side": 768}  # noqa: RUF012
    says_its_plan = True
    quick = True

    def run(
        self, image: Image, mode: str, watch: Watch = UNWATCHED, stripes: float = 0.0
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The image with less noise and blur, (H, W), and what was done.

        Parameters
        ----------
        stripes : float
            standard deviation of the stripes that were taken off, share of full range
        """
        known = known_of(image, stripes)
        margin = MARGIN if min(image.shape) > MARGIN and image.size <= PADDED_AT_MOST else 0
        padded = np.pad(image, margin, mode="reflect") if margin else image
        result = self.network.tiled(padded, watch.at, known=known)
        result = result[margin : margin + image.shape[0], margin : margin + image.shape[1]]
        result += image
        if mode == "radiometric":  # it sharpens; nothing is drawn that was not measured nearby
            for place, own in bands(image.shape, _NEARBY):
                result[place][own] = within_measured(result[place], image[place], _NEARBY)[own]
        return result, [{"noise": round(255 * float(known[0, 0]), 3)}]

    def mend_detail(self, pixels: Image, mode: str, stripes: float, watch: Watch = UNWATCHED) -> Restored:
        """As :class:`~thermend.methods.protocol.MendsDetail` has it."""
        mended, runs = self.run(pixels, mode, watch, stripes)
        return Restored(np.ascontiguousarray(mended, np.float32), self.records(runs))
