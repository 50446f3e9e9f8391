"""The recipe of the level network: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from thermend.training.recipe import Recipe


class LevelRecipe(Recipe):
    """What a recipe of the level network has besides; ``batch`` counts whole images, ``crop`` does not matter.

    Attributes
    ----------
    scenes : so many rendered scenes are added to the images
    scene_share : how often one of them is drawn
    judging : weight of the question whether anything was lost
    weight_decay : of AdamW
    options : of the network
    """

    crop: int = Field(128, ge=32)
    scenes: int = Field(5000, ge=0)
    scene_share: float = Field(0.6, ge=0, le=1)
    judging: float = Field(0.1, ge=0)
    weight_decay: float = Field(1e-2, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)
