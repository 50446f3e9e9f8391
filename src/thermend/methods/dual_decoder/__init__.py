"""2D-GAN: dual-decoding generative adversarial network (Y. Yu et al., Scientific Reports 2025).

| module | section of the paper |
| --- | --- |
| `network` | generator with inner and outer skips and cross-level attention (Figs. 2 to 4); Markovian discriminator |
| `training` | the joint loss (Eqs. 4 to 8) |
| `augmentation` | Fig. 6: more faces of few |
| `method` | the generator in use |
| `checkpoints` | weights |
"""

from __future__ import annotations

from functools import partial

from thermend.methods.info import RESEARCH_ONLY, MethodInfo

_variant = partial(
    MethodInfo,
    "dual-decoder",
    modes=("display",),
    opener="thermend.methods.dual_decoder.method:DualDecoding",
    network="thermend.methods.dual_decoder.checkpoints:load_network",
    recipe="thermend.methods.dual_decoder.recipe:DualDecoderRecipe",
    training="thermend.methods.dual_decoder.training:DualDecoderTraining",
)


METHODS = (
    _variant(
        "compact",
        title="dual-decoding GAN against low contrast (2D-GAN), half as wide",
        parameters=3_049_606,
        macs=19_283_312_640,
        weights="dual-decoder-compact",
        licence=RESEARCH_ONLY,
    ),
    _variant(
        "full",
        title="2D-GAN in the paper's size",
        parameters=12_169_478,
        macs=75_371_642_880,
    ),
)
