"""Dual prompts and their fusion (PPFN, section 3: dual prompt processing, prompt fusion module).

Which degradation is to be removed now, and whether it is alone in the image or one of several: each is a fixed random array, an
encoder of its own turns it into 64 features, and a small layer fuses the two.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.passes import DEGRADATIONS, SCENARIOS
from thermend.methods.ppfn.recipe import FusionKind

FEATURES = 64
_SEED = 1234
"""Of the authors' scenario prompts; ours have the same."""

Encoded = tuple[torch.Tensor, torch.Tensor]
"""Features of the degradation prompts, (3, 64), and of the scenario prompts, (2, 64)."""


def drawn_prompts(seed: int = _SEED) -> tuple[torch.Tensor, torch.Tensor]:
    """Degradation prompts, (3, 128, 128), and scenario prompts, (2, 64), uniform in [0, 1).

    With the default seed the scenario prompts are the authors'; their degradation prompts follow from no seed and are in no
    checkpoint.
    """
    scenario = np.random.RandomState(seed).rand(len(SCENARIOS), FEATURES)
    degradation = np.random.RandomState(seed + 1).rand(len(DEGRADATIONS), 128, 128)
    return torch.from_numpy(degradation).float(), torch.from_numpy(scenario).float()


class DegradationEncoder(nn.Module):
    """(N, 128, 128) to (N, 64): three convolutions of stride 2, and the mean over space."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, FEATURES, side, stride=2, padding=1)
            for inputs, side in ((1, 7), (FEATURES, 3), (FEATURES, 3))
        )

    def forward(self, prompts: torch.Tensor) -> torch.Tensor:
        features = prompts[:, None]
        for conv in self.convs:
            features = functional.relu(conv(features))
        return features.mean((2, 3))


class ScenarioEncoder(nn.Module):
    """(N, 64) to (N, 64): three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(FEATURES, FEATURES) for _ in range(3))

    def forward(self, prompts: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            prompts = functional.relu(layer(prompts))
        return prompts


class PromptFusion(nn.Module):
    """F_p = φ(W [F_deg, F_type]), W [f, t] written as A f + B t.

    Parameters
    ----------
    kind : FusionKind
        ``concatenate``, or ``multiply``: φ(A f ⊗ B t), the paper's ablation
    nonlinear : bool
        φ is ReLU, else nothing
    """

    def __init__(self, kind: FusionKind = "concatenate", nonlinear: bool = True) -> None:
        super().__init__()
        self.kind, self.nonlinear = kind, nonlinear
        self.degradation_encoder, self.scenario_encoder = DegradationEncoder(), ScenarioEncoder()
        self.of_degradation, self.of_scenario = (nn.Linear(FEATURES, FEATURES) for _ in range(2))

    def encode(self, prompts: tuple[torch.Tensor, torch.Tensor]) -> Encoded:
        """Of degradations, (3, 128, 128), and of scenarios, (2, 64)."""
        return self.degradation_encoder(prompts[0]), self.scenario_encoder(prompts[1])

    def forward(self, degradation: torch.Tensor, scenario: torch.Tensor, encoded: Encoded) -> torch.Tensor:
        """(B, 3) and (B, 2), how much of each prompt, to (B, 64)."""
        return self.fuse(degradation @ encoded[0], scenario @ encoded[1])

    def fuse(self, degradation: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """From features of a degradation and of a scenario, (B, 64) each, to (B, 64)."""
        return _fused(self.of_degradation(degradation), self.of_scenario(scenario), self.kind, self.nonlinear)

    def folded(self, prompts: tuple[torch.Tensor, torch.Tensor]) -> FoldedFusion:
        """The same for these prompts for ever, without the encoders."""
        return FoldedFusion(self, prompts)


class FoldedFusion(nn.Module):
    """A fusion whose prompts are constants: their features have gone through the linear layers."""

    def __init__(self, fusion: PromptFusion, prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
        super().__init__()
        self.kind, self.nonlinear = fusion.kind, fusion.nonlinear
        self.of_degradation, self.of_scenario = (
            nn.Linear(len(DEGRADATIONS), FEATURES),
            nn.Linear(len(SCENARIOS), FEATURES),
        )
        with torch.no_grad():
            f, t = fusion.encode(prompts)
            for own, before, features in (
                (self.of_degradation, fusion.of_degradation, f), (self.of_scenario, fusion.of_scenario, t)
            ):  # fmt: skip
                own.weight.copy_(before.weight @ features.T)
                own.bias.copy_(before.bias)

    def encode(self, prompts: tuple[torch.Tensor, torch.Tensor]) -> Encoded:
        """The prompts do not matter any more."""
        return prompts

    def forward(self, degradation: torch.Tensor, scenario: torch.Tensor, encoded: Encoded) -> torch.Tensor:
        """As :class:`PromptFusion`."""
        return _fused(self.of_degradation(degradation), self.of_scenario(scenario), self.kind, self.nonlinear)


def _fused(f: torch.Tensor, t: torch.Tensor, kind: FusionKind, nonlinear: bool) -> torch.Tensor:
    fused = f * t if kind == "multiply" else f + t
    return functional.relu(fused) if nonlinear else fused


class Film(nn.Module):
    """Feature-wise modulation x (1 + γ) + β, γ and β linear in the fused prompt."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Linear(FEATURES, width), nn.Linear(FEATURES, width)

    def forward(self, features: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) and (B, 64) to (B, C, H, W)."""
        return features * (1 + self.scale(prompt)[..., None, None]) + self.shift(prompt)[..., None, None]
