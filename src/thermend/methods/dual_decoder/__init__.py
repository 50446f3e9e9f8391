"""2D-GAN: dual-decoding generative adversarial network (Y. Yu et al., Scientific Reports 2025).

| module | section of the paper |
| --- | --- |
| `network` | generator with inner and outer skips and cross-level attention (Figs. 2 to 4); Markovian discriminator |
| `training` | the joint loss (Eqs. 4 to 8) |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.description import MethodDescription


def _variant(name: str, title: str, parameters: int, macs: int, weights: str | None = None) -> MethodDescription:
    return MethodDescription(
        "dual-decoder",
        name,
        ("display",),
        None,
        "network",
        title,
        parameters,
        macs,
        weights,
        network="thermend.methods.dual_decoder.checkpoints:load_network",
        training="thermend.methods.dual_decoder.training:DualDecoderTraining",
        tiling={"overlap": 96, "multiple": 16},
    )


METHODS = (
    _variant(
        "compact",
        "dual-decoding GAN against low contrast (2D-GAN), half as wide",
        3_049_606,
        19_283_312_640,
    ),
    _variant("full", "2D-GAN in the paper's size", 12_169_478, 75_371_642_880),
)
