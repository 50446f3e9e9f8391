"""Prompts that choose themselves: which degradations are in an image, and how strong. The paper names it as open."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.passes import DEGRADATIONS, PERCENTILES, TEXTURE_MULTIPLE
from thermend.methods.ppfn.whole import Whole


class Estimate(NamedTuple):
    """Of a batch of images.

    Attributes
    ----------
    presence : (B, 3)
        logits of each degradation, in the order of :data:`DEGRADATIONS`
    severity : (B, 3)
        root mean square of what each changed, in grey levels of 255
    """

    presence: torch.Tensor
    severity: torch.Tensor

    @property
    def degradation(self) -> torch.Tensor:
        """(B, 3): chances that they are present."""
        return self.presence.sigmoid()

    @property
    def scenario(self) -> torch.Tensor:
        """(B, 2): chances that at most one is, and that several are, as if they came independently."""
        absent = 1 - self.degradation
        none = absent.prod(1)
        one = sum(self.degradation[:, k] * torch.cat((absent[:, :k], absent[:, k + 1 :]), 1).prod(1) for k in range(3))
        single = none + one
        return torch.stack((single, 1 - single), 1)


class PromptEstimator(nn.Module):
    """Texture at full resolution, averaged over the image or a piece of it, and what is told of the whole image."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            (
                nn.Conv2d(TEXTURE_MULTIPLE**2, width, 3, padding=1),
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
                nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            )
        )
        self.layers = nn.Sequential(
            nn.Linear(4 * width + len(PERCENTILES), 128), nn.GELU(), nn.Linear(128, 2 * len(DEGRADATIONS))
        )

    def forward(self, image: torch.Tensor, whole: Whole) -> Estimate:
        """(B, 1, H, W) in [0, 1]."""
        down, right = (-side % TEXTURE_MULTIPLE for side in image.shape[2:])
        padded = functional.pad(image, (0, right, 0, down), "replicate") if down or right else image
        features = functional.pixel_unshuffle(padded, TEXTURE_MULTIPLE)
        features = features - features.mean(1, keepdim=True)  # texture alone; the level comes from the percentiles
        for conv in self.convs:
            features = functional.gelu(conv(features))
        pooled = torch.cat((features.mean((2, 3)), features.square().mean((2, 3)), whole.percentiles), 1)
        presence, severity = self.layers(pooled).chunk(2, 1)
        return Estimate(presence, functional.softplus(severity))
