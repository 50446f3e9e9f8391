"""The detail network: noise, fixed pattern, what is left of stripes, and blur. Ours; no paper's.

| module | what |
| --- | --- |
| `network` | a residual U-Net that begins at half the resolution |
| `pipeline` | the damage that it learns from |
| `chain` | what the classical chain does before it, for batches |
| `training` | its recipe and its loss |
| `method` | the network in use |
| `known` | what it is told of an image |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo

METHODS = (
    MethodInfo(
        "detail",
        "compact",
        ("radiometric", "display"),
        "network against noise, fixed pattern and blur, after the classical destriper",
        "thermend.methods.detail.method:Detail",
        parameters=4_339_908,
        macs=37_630_771_200,
        weights="detail-compact",
        licence="CC-BY-4.0 AND CC0-1.0",
        serves="detail",
        network="thermend.methods.detail.checkpoints:load_network",
        recipe="thermend.methods.detail.recipe:DetailRecipe",
        training="thermend.methods.detail.training:DetailTraining",
    ),
)
