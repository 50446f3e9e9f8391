"""The adversarial loss's critic: it judges patches (assumed; the paper names an adversarial loss and no more)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm


class PatchCritic(nn.Sequential):
    """Four convolutions with spectral norm, (B, 1, H, W) in [0, 1] to a map of judgements, each of 46 × 46 pixels."""

    def __init__(self, width: int = 32) -> None:
        layers: list[nn.Module] = []
        inputs = 1
        for n in range(3):
            layers += [spectral_norm(nn.Conv2d(inputs, width << n, 4, 2, 1)), nn.LeakyReLU(0.2)]
            inputs = width << n
        super().__init__(*layers, spectral_norm(nn.Conv2d(inputs, 1, 4, 1, 1)))


def critic_loss(critic: nn.Module, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the critic on real and made images, (B, 1, H, W) each; ()."""
    return functional.relu(1 - critic(real)).mean() + functional.relu(1 + critic(made)).mean()


def generator_loss(critic: nn.Module, made: torch.Tensor) -> torch.Tensor:
    """The hinge loss's other side, of made images, (B, 1, H, W); ()."""
    result: torch.Tensor = -critic(made).mean()
    return result
