"""What every backbone has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.whole import Whole

Modulate = Callable[[str, torch.Tensor], torch.Tensor]


def unmodulated(stage: str, features: torch.Tensor) -> torch.Tensor:
    """Without prompts."""
    return features


class Backbone(nn.Module):
    """Base of the backbones: from an image, (B, 1, H, W), to what is added to it.

    Attributes
    ----------
    stages : mapping
        channels of the features at each named stage, in the order of the forward pass; a stage ``output`` has the image's
    multiple : int
        sides of the images are multiples of this
    needs_whole : whether it asks for what is told of the whole image
    has_surface : whether :meth:`surface` gives something, which is added to the image before it comes here
    """

    stages: Mapping[str, int]
    multiple: int
    needs_whole = False
    has_surface = False

    def surface(self, modulate: Modulate, whole: Whole) -> torch.Tensor:
        """What is added to the whole image first, coarsely: (B, 1, h, w)."""
        raise NotImplementedError


class LayerNorm(nn.Module):
    """Layer norm over the channels of (B, C, H, W), with weight and bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():  # engines are a quarter quicker with what it is made of
            deviation = features - features.mean(1, keepdim=True)
            variance = deviation.square().mean(1, keepdim=True)
            return deviation * torch.rsqrt(variance + 1e-5) * self.weight[:, None, None] + self.bias[:, None, None]
        last = features.permute(0, 2, 3, 1)
        return functional.layer_norm(last, (self.width,), self.weight, self.bias).permute(0, 3, 1, 2)
