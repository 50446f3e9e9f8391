"""The recipe of the detail network: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from thermend.training.recipe import Recipe, as_list


class DetailRecipe(Recipe):
    """What a recipe of the detail network has besides.

    Attributes
    ----------
    noise : folders that hold recordings of plain scenes, as :class:`RealNoise` reads them
    scenes : so many rendered scenes are added to the images
    scene_share : how often one of them is drawn
    reduced : chance that a piece is taken at half the resolution, where the image is large enough
    frame : side of the pieces that are damaged and destriped; crops are cut from them
    ssim_weight : of 1 − SSIM beside the logarithm of the mean square error
    weight_decay : of AdamW
    options : of the network
    """

    noise: Annotated[tuple[Path, ...], BeforeValidator(as_list)] = ()
    scenes: int = Field(0, ge=0)
    scene_share: float = Field(0.5, ge=0, le=1)
    reduced: float = Field(0.5, ge=0, le=1)
    frame: int = Field(256, ge=64, multiple_of=16)
    ssim_weight: float = Field(4.0, ge=0)
    weight_decay: float = Field(1e-4, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)
