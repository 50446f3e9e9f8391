"""DEAL: data-efficient adversarial learning (Z. Liu, Z. Wang, J. Liu, F. Meng, L. Ma, R. Liu, CVPR 2025).

| module | section of the paper |
| --- | --- |
| `blocks`, `network` | 2.2, the dual-interaction network N_E |
| `levels` | not in the paper: what of an image's contrast the whole image alone can tell |
| `generator` | 2.1, Eq. 3, the degradation generator N_G |
| `training` | 2.1, Algorithm 1, Eqs. 4 and 5, the dynamic adversarial solution; section 3, its losses and rates |
| `method` | the network in use |
| `checkpoints` | weights, ours and the authors' |
"""

from __future__ import annotations

from functools import partial

from thermend.methods.info import RESEARCH_ONLY, MethodInfo

_variant = partial(
    MethodInfo,
    "deal",
    modes=("display",),
    opener="thermend.methods.deal.method:SpikingRestorer",
    network="thermend.methods.deal.checkpoints:load_for_running",
    recipe="thermend.methods.deal.recipe:DealRecipe",
    training="thermend.methods.deal.training:DealTraining",
)


METHODS = (
    _variant(
        "cascade-2",
        parameters=572_323,
        macs=189_142_138_880,
        title="adversarially trained spiking network, four blocks (DEAL)",
        weights="deal-cascade-2",
        licence=RESEARCH_ONLY,
    ),
    _variant(
        "cascade-1",
        parameters=382_307,
        macs=126_059_806_720,
        title="DEAL with two blocks",
    ),
    _variant(
        "cascade-3",
        parameters=959_779,
        macs=317_991_157_760,
        title="DEAL with six blocks",
    ),
    _variant(
        "six-block",
        parameters=818_851,
        macs=269_672_775_680,
        title="DEAL's released network",
    ),
)
