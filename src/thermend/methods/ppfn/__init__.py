"""PPFN: progressive prompt fusion network (Z. Chen et al., Enhancing infrared vision, NeurIPS 2025).

| module | section of the paper |
| --- | --- |
| `prompts` | dual prompts, their encoders, fusion, modulation |
| `backbones` | what they are plugged into |
| `network` | a backbone with prompts |
| `pipeline`, `samples` | the gated degradation pipeline |
| `training` | selective progressive training |
| `passes` | inference, pass by pass |
| `method` | the network in use |
| `estimator` | not in the paper: prompts that choose themselves |
| `whole` | not in the paper: what a network is told of the whole image while it sees a piece |
| `checkpoints` | weights, ours and the authors' |
"""

from __future__ import annotations

from functools import partial

from thermend.methods.info import RESEARCH_ONLY, MethodInfo

_variant = partial(
    MethodInfo,
    "ppfn",
    modes=("radiometric", "display"),
    opener="thermend.methods.ppfn.method:PromptedRestorer",
    network="thermend.methods.ppfn.checkpoints:load_for_running",
    recipe="thermend.methods.ppfn.recipe:PpfnRecipe",
    training="thermend.methods.ppfn.training:PpfnTraining",
)


METHODS = (
    # parameters with the prompts' encoders, and the estimator where there is one; multiply-accumulates of one pass
    _variant(
        "compact",
        title="prompted network: undoes noise, blur, low contrast step by step (PPFN)",
        parameters=3_222_415,
        macs=19_040_095_872,
        weights="ppfn-compact",
        licence=RESEARCH_ONLY,
        opener="thermend.methods.ppfn.method:QuickPromptedRestorer",
    ),
    _variant(
        "restormer",
        title="PPFN with Restormer",
        parameters=26_627_926,
        macs=773_560_923_520,
    ),
    _variant(
        "nafnet",
        title="PPFN with NAFNet",
        parameters=29_874_787,
        macs=79_832_139_776,
    ),
    _variant(
        "uformer",
        title="PPFN with Uformer",
        parameters=21_430_237,
        macs=204_393_866_944,
    ),
    _variant(
        "focalnet",
        title="PPFN with FocalNet",
        parameters=4_171_638,
        macs=135_910_937_984,
    ),
    _variant(
        "x-restormer",
        title="PPFN with X-Restormer",
        parameters=26_553_650,
        macs=891_485_418_880,
    ),
)
