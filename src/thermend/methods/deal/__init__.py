"""DEAL: data-efficient adversarial learning (Z. Liu, Z. Wang, J. Liu, F. Meng, L. Ma, R. Liu, CVPR 2025).

| module | section of the paper |
| --- | --- |
| `blocks`, `network` | 2.2, the dual-interaction network N_E |
| `levels` | not in the paper: what of an image's contrast the whole image alone can tell |
| `generator` | 2.1, Eq. 3, the degradation generator N_G |
| `training` | 2.1, Algorithm 1, Eqs. 4 and 5, the dynamic adversarial solution; section 3, its losses and rates |
| `checkpoints` | weights, ours and the authors' |
"""

from __future__ import annotations

from thermend.methods.description import MethodDescription

_TILING = {"overlap": 128, "multiple": 1, "least": 32, "whole": 450_000, "side": 640}
"""A pixel costs about a kilobyte and a half on its way through, and sees some fifty pixels to each side."""


def _variant(name: str, parameters: int, macs: int, title: str, weights: str | None = None) -> MethodDescription:
    return MethodDescription(
        "deal",
        name,
        ("display",),
        None,
        "network",
        title,
        parameters,
        macs,
        weights,
        network="thermend.methods.deal.checkpoints:load_for_running",
        preparation="thermend.methods.deal.levels:preparation",
        training="thermend.methods.deal.training:DealTraining",
        tiling=_TILING,
    )


METHODS = (
    _variant(
        "cascade-2",
        572_323,
        189_142_138_880,
        "adversarially trained spiking network, four blocks (DEAL)",
        "deal-cascade-2",
    ),
    _variant("cascade-1", 382_307, 126_059_806_720, "DEAL with two blocks"),
    _variant("cascade-3", 959_779, 317_991_157_760, "DEAL with six blocks"),
    _variant("six-block", 818_851, 269_672_775_680, "DEAL's released network"),
)
