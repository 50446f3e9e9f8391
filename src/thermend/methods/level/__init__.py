"""The level network: level, contrast and vignetting of a whole image, from a thumbnail. Ours; no paper's.

| module | what |
| --- | --- |
| `network` | a U-Net over a thumbnail: a gain and a smooth field |
| `pipeline` | the loss of level and contrast that it learns from |
| `training` | its recipe and its loss |
| `correction` | what it is shown, and how its answer is applied |
| `method` | the network in use |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo

METHODS = (
    MethodInfo(
        "level",
        "compact",
        ("display",),
        "whole-image network against lost level and contrast and against vignetting",
        "thermend.methods.level.method:Level",
        parameters=6_079_926,
        macs=500_335_488,
        weights="level-compact",
        licence="CC-BY-4.0 AND CC0-1.0",
        serves="level",
        network="thermend.methods.level.checkpoints:load_network",
        recipe="thermend.methods.level.recipe:LevelRecipe",
        training="thermend.methods.level.training:LevelTraining",
    ),
)
