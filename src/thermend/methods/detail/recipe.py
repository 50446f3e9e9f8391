"""The recipe of the detail network: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from thermend.training.recipe import OnDeviceRecipe, Section, as_list

Channels = Annotated[int, Field(ge=1, le=1024)]
Blocks = Annotated[int, Field(ge=0, le=64)]


class Options(Section):
    """The network's size, as :class:`thermend.methods.detail.network.DetailNetwork` has it."""

    widths: tuple[Channels, ...] = Field((48, 96, 128, 192), min_length=2, max_length=6)
    encoder: tuple[Blocks, ...] = (2, 2, 2)
    middle: Blocks = 3
    decoder: tuple[Blocks, ...] = (2, 2, 2)

    @model_validator(mode="after")
    def _fit(self) -> Options:
        if not len(self.encoder) == len(self.decoder) == len(self.widths) - 1:
            raise ValueError(
                f"{len(self.widths)} widths go with {len(self.widths) - 1} groups of blocks on either side"
            )
        return self


class DetailRecipe(OnDeviceRecipe):
    """What a recipe of the detail network has besides.

    Attributes
    ----------
    noise : tuple of Path
        folders that hold recordings of plain scenes, as :class:`RealNoise` reads them
    reduced : float
        chance that a piece is taken at half the resolution, where the image is large enough
    frame : int
        side of the pieces that are damaged and destriped; patches are cut from them
    ssim_weight : float
        of 1 − SSIM beside the logarithm of the mean square error
    options : Options
        of the network (:class:`Options`)
    """

    noise: Annotated[tuple[Path, ...], BeforeValidator(as_list)] = ()
    reduced: float = Field(0.5, ge=0, le=1)
    frame: int = Field(256, ge=64, multiple_of=16)
    ssim_weight: float = Field(4.0, ge=0)
    options: Options = Options()

    @model_validator(mode="after")
    def _fits(self) -> DetailRecipe:
        multiple = 2 ** len(self.options.widths)
        if self.patch_size % multiple or self.patch_size > self.frame:
            raise ValueError(
                f"patch_size {self.patch_size}: expected a multiple of {multiple}, and no more than frame, {self.frame}"
            )
        return self
