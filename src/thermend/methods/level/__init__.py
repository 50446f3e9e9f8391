"""The level network: level, contrast and vignetting of a whole image, from a thumbnail. Ours; no paper's.

| module | what |
| --- | --- |
| `network` | a U-Net over a thumbnail: a gain and a smooth field |
| `pipeline` | the loss of level and contrast that it learns from |
| `training` | its recipe and its loss |
| `passes` | what it is shown in use, and how its answer is applied |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.description import MethodDescription

METHODS = (
    MethodDescription(
        "level",
        "compact",
        ("display",),
        None,
        "whole-image network against lost level and contrast and against vignetting",
        parameters=3_233_574,
        macs=230_570_880,
        weights="level-compact",
        licence="CC-BY-4.0 AND CC0-1.0",
        runs_network=True,
        network="thermend.methods.level.checkpoints:load_network",
        passes="thermend.methods.level.passes:LevelPass",
        recipe="thermend.methods.level.recipe:LevelRecipe",
        training="thermend.methods.level.training:LevelTraining",
    ),
)
