"""DEAL in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thermend.methods.deal.levels import preparation
from thermend.methods.network import Image, NetworkMethod
from thermend.methods.watch import UNWATCHED, Watch


class SpikingRestorer(NetworkMethod):
    """The dual-interaction network N_E, after what its weights want done to the level of the whole image."""

    tiling = {"overlap": 128, "multiple": 1, "least": 32, "whole": 450_000, "side": 640}  # noqa: RUF012
    """A pixel costs about a kilobyte and a half on its way through, and sees some fifty pixels to each side."""

    def read_plan(self, facts: Mapping[str, Any]) -> None:
        """Take the number of grey levels to spread an image over."""
        self.prepare = preparation(facts)

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """One run, on the spread image."""
        return super().run(image if self.prepare is None else self.prepare(image), mode, watch)
