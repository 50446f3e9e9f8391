"""PPFN in use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from thermend.methods.network import Image, NetworkMethod
from thermend.methods.ppfn.passes import INPUTS, ProgressivePasses
from thermend.methods.watch import UNWATCHED, Watch


class PromptedRestorer(NetworkMethod):
    """A prompted network, run pass by pass."""

    inputs = INPUTS
    tiling = {"overlap": 128, "whole": 1_500_000, "side": 768}  # noqa: RUF012
    says_its_plan = True

    def read_plan(self, facts: Mapping[str, Any]) -> None:
        """Take order and number of the passes, and whether the network prompts itself."""
        self.passes = ProgressivePasses(facts)
        self.tiling = {**type(self).tiling, **self.passes.tiling}

    def prompt(self, path: str | os.PathLike[str]) -> None:
        """Take what to remove from a `.json` file."""
        self.passes.prompt(path)

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """The passes that the image needs."""
        return self.passes(image, mode, self.network, watch)


class QuickPromptedRestorer(PromptedRestorer):
    """As :class:`PromptedRestorer`, for backbones that lose nothing in bf16."""

    quick = True
