"""PPFN: progressive prompt fusion network (Z. Chen et al., Enhancing infrared vision, NeurIPS 2025).

| module | section of the paper |
| --- | --- |
| `prompts` | dual prompts, their encoders, fusion, modulation |
| `backbones` | what they are plugged into |
| `network` | a backbone with prompts |
| `pipeline`, `samples` | the gated degradation pipeline |
| `training` | selective progressive training |
| `passes` | inference, pass by pass |
| `estimator` | not in the paper: prompts that choose themselves |
| `whole` | not in the paper: what a network is told of the whole image while it sees a piece |
| `checkpoints` | weights, ours and the authors' |
"""

from __future__ import annotations

from thermend.methods.description import MethodDescription


def _variant(
    name: str, title: str, parameters: int, macs: int, weights: str | None = None, quick: bool = False
) -> MethodDescription:
    return MethodDescription(
        "ppfn",
        name,
        ("radiometric", "display"),
        None,
        "network",
        title,
        parameters,
        macs,
        weights,
        network="thermend.methods.ppfn.checkpoints:load_for_running",
        passes="thermend.methods.ppfn.passes:ProgressivePasses",
        training="thermend.methods.ppfn.training:PpfnTraining",
        quick=quick,
        tiling={"overlap": 128, "whole": 1_500_000, "side": 768},
    )


METHODS = (
    # parameters with the prompts' encoders, and the estimator where there is one; multiply-accumulates of one pass
    _variant(
        "compact",
        "prompted network: undoes noise, blur, low contrast step by step (PPFN)",
        3_362_638,
        20_492_523_648,
        "ppfn-compact",
        quick=True,
    ),
    _variant("restormer", "PPFN with Restormer", 26_627_926, 773_560_923_520),
    _variant("nafnet", "PPFN with NAFNet", 29_874_787, 79_832_139_776),
    _variant("uformer", "PPFN with Uformer", 21_430_237, 204_393_866_944),
    _variant("focalnet", "PPFN with FocalNet", 4_171_638, 135_910_937_984),
    _variant("x-restormer", "PPFN with X-Restormer", 26_553_650, 891_485_418_880),
)
