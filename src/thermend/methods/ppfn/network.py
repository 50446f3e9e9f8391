"""A backbone with prompts (PPFN, Fig. 3), and its passes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone
from thermend.methods.ppfn.prompts import DEGRADATIONS, SCENARIOS, Film, FusionKind, PromptFusion, drawn_prompts


class PromptedNetwork(nn.Module):
    """A backbone whose stages are modulated by fused prompts.

    Stages of equal width share an encoder and a fusion; each has a modulation of its own.

    Parameters
    ----------
    stages : of the backbone, that are modulated; None takes all
    kind, nonlinear : as in :class:`PromptFusion`
    prompts : degradation prompts, (3, 128, 128), and scenario prompts, (2, 64); None draws them
    """

    def __init__(
        self,
        backbone: Backbone,
        stages: Sequence[str] | None = None,
        kind: FusionKind = "concatenate",
        nonlinear: bool = True,
        prompts: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        unknown = [stage for stage in stages or () if stage not in backbone.stages]
        if unknown:
            raise ValueError(f"stage {unknown[0]!r} is not known; known are {', '.join(backbone.stages)}")
        self.backbone = backbone
        widths = {stage: width for stage, width in backbone.stages.items() if stages is None or stage in stages}
        order = list(dict.fromkeys(widths.values()))
        self.fusions = nn.ModuleList(PromptFusion(kind, nonlinear) for _ in order)
        self.fusion_of = {stage: order.index(width) for stage, width in widths.items()}
        self.films = nn.ModuleDict({stage: Film(width) for stage, width in widths.items()})
        degradation, scenario = drawn_prompts() if prompts is None else prompts
        self.register_buffer("degradation_prompts", degradation)
        self.register_buffer("scenario_prompts", scenario)

    def forward(self, image: torch.Tensor, degradation: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """One pass: (B, 1, H, W) in [0, 1] to the same, unclipped.

        Parameters
        ----------
        degradation : (B, 3), how much of each degradation's prompt, in the order of :data:`DEGRADATIONS`
        scenario : (B, 2), likewise of :data:`SCENARIOS`
        """
        vectors = []
        for fusion in self.fusions:
            of_degradation, of_scenario = fusion.encode(self.degradation_prompts, self.scenario_prompts)
            vectors.append(fusion.fuse(degradation @ of_degradation, scenario @ of_scenario))

        def modulate(stage: str, features: torch.Tensor) -> torch.Tensor:
            if stage not in self.fusion_of:
                return features
            return self.films[stage](features, vectors[self.fusion_of[stage]])

        height, width = image.shape[2:]
        down, right = -height % self.backbone.multiple, -width % self.backbone.multiple
        if down or right:
            image = functional.pad(image, (0, right, 0, down), "replicate")
        return self.backbone(image, modulate)[..., :height, :width]

    def one(self, image: torch.Tensor, degradation: str, scenario: str) -> torch.Tensor:
        """One pass with prompts given by their names."""
        return self(
            image, *(chosen(name, names, image) for name, names in ((degradation, DEGRADATIONS), (scenario, SCENARIOS)))
        )

    def progressive(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Composite damage undone from the last to the first, clamped between; the result of each pass."""
        results = []
        for degradation in reversed(DEGRADATIONS):
            image = self.one(image, degradation, "composite").clamp(0, 1)
            results.append(image)
        return results


def chosen(name: str, names: Sequence[str], image: torch.Tensor) -> torch.Tensor:
    """(B, N) that is 1 for one name.

    Raises
    ------
    ValueError : the name is not among them
    """
    if name not in names:
        raise ValueError(f"{name!r} is not known; known are {', '.join(names)}")
    row = torch.tensor([float(n == name) for n in names], device=image.device)
    return row.expand(len(image), -1)
