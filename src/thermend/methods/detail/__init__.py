"""The detail network: noise, fixed pattern, what is left of stripes, and blur. Ours; no paper's.

| module | what |
| --- | --- |
| `network` | a residual U-Net that begins at half the resolution |
| `pipeline` | the damage that it learns from |
| `chain` | what the classical chain does before it, for batches |
| `training` | its recipe and its loss |
| `passes` | what it is told in use |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.description import MethodDescription

METHODS = (
    MethodDescription(
        "detail",
        "compact",
        ("radiometric", "display"),
        None,
        "network against noise, fixed pattern and blur, after the classical destriper",
        parameters=1_625_092,
        macs=12_651_069_440,
        weights="detail-compact",
        licence="CC-BY-4.0 AND CC0-1.0",
        runs_network=True,
        network="thermend.methods.detail.checkpoints:load_network",
        passes="thermend.methods.detail.passes:DetailPass",
        recipe="thermend.methods.detail.recipe:DetailRecipe",
        training="thermend.methods.detail.training:DetailTraining",
        tiling={"overlap": 96, "whole": 1_500_000, "side": 768},
        quick=True,
    ),
)
