"""The recipe of the level network: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from thermend.training.recipe import OnDeviceRecipe, Section


class Options(Section):
    """The network's size, as :class:`thermend.methods.level.network.LevelNetwork` has it."""

    widths: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((48, 96, 192, 256), min_length=4, max_length=4)
    blocks: int = Field(2, ge=1, le=16)


class LevelRecipe(OnDeviceRecipe):
    """What a recipe of the level network has besides; ``batch_size`` counts whole images, ``patch_size`` does not matter.

    Attributes
    ----------
    judging : float
        weight of the question whether anything was lost
    options : Options
        of the network (:class:`Options`)
    """

    patch_size: int = Field(128, ge=32)
    scenes: int = Field(5000, ge=0)
    scene_share: float = Field(0.6, ge=0, le=1)
    judging: float = Field(0.1, ge=0)
    weight_decay: float = Field(1e-2, ge=0)
    options: Options = Options()
