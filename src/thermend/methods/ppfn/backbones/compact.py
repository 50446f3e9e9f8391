"""A small NAFNet for CPUs: it works at half the resolution, and the whole image sets the level.

Not the paper's. Contrast that was lost cannot be undone from a piece, so that a branch sees the thumbnail and the percentiles
of the whole image; prompted like the other stages, it sets a gain and an offset on the input and modulates the bottleneck. Nor
does a piece show shading from side to side: that is estimated from the thumbnail, and taken off before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone, LayerNorm, Modulate, unmodulated
from thermend.methods.ppfn.passes import PERCENTILES
from thermend.methods.ppfn.whole import Whole, places_of

LEVEL = 64
"""Features of the branch."""


class ResidualBlock(nn.Module):
    """Layer norm, two 3 × 3 convolutions, attention of channels; it begins at nothing."""

    compiles = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = LayerNorm(width)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.attention = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner = self.convs[1](functional.gelu(self.convs[0](self.norm(features))))
        attention = self.attention(inner.mean((2, 3), keepdim=True)).sigmoid()
        # not inner * (attention * beta): OpenVINO (2026.4) fuses that wrongly in bf16
        return features + inner * attention * self.beta


class LevelBranch(nn.Module):
    """From what is told of the whole image to (B, 64)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.layers = nn.Sequential(nn.Linear(64 + len(PERCENTILES), 128), nn.GELU(), nn.Linear(128, LEVEL), nn.GELU())

    def forward(self, whole: Whole) -> torch.Tensor:
        features = whole.thumbnail
        for conv in self.convs:
            features = functional.gelu(conv(features))
        return self.layers(torch.cat((features.mean((2, 3)), whole.percentiles), 1))


class SurfaceBranch(nn.Module):
    """From the thumbnail, and what the level branch knows, to a shift of the grey levels, (B, 1, 16, 20); it begins at 0."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise((3, width // 2, width)))
        self.told = nn.Linear(LEVEL, width)
        self.wide = nn.ModuleList(nn.Conv2d(width, width, 3, padding=n, dilation=n) for n in (1, 2, 4, 2))
        self.out = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.out.weight), nn.init.zeros_(self.out.bias)

    def forward(self, thumbnail: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """(B, 1, 64, 80) and (B, 64)."""
        places = places_of(*thumbnail.shape[2:]).to(thumbnail).expand(len(thumbnail), -1, -1, -1)
        features = torch.cat((thumbnail, places), 1)
        for conv in self.down:
            features = functional.gelu(conv(features))
        features = features + self.told(known)[..., None, None]
        for conv in self.wide:
            features = features + functional.gelu(conv(features))
        return self.out(features)


class CompactNAFNet(Backbone):
    """Parameters
    ----------
    width : channels at half resolution; twice as many a level
    encoder, middle, decoder : blocks of each level
    surface : whether shading is estimated from the thumbnail
    """

    needs_whole = True

    def __init__(
        self,
        width: int = 32,
        encoder: Sequence[int] = (1, 1),
        middle: int = 8,
        decoder: Sequence[int] = (1, 2),
        surface: bool = False,
    ) -> None:
        super().__init__()
        levels = len(encoder)
        if len(decoder) != levels:
            raise ValueError(f"{levels} levels of the encoder and {len(decoder)} of the decoder: expected as many")
        self.multiple = 2 * 2**levels
        widths = [width * 2**level for level in range(levels + 1)]
        self.branch = LevelBranch()
        self.level = nn.Linear(LEVEL, 2)
        self.bottom = nn.Linear(LEVEL, 2 * widths[-1])
        self.shading, self.has_surface = SurfaceBranch() if surface else None, surface
        nn.init.zeros_(self.level.weight), nn.init.zeros_(self.level.bias)
        self.intro = nn.Conv2d(4, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(w) for _ in range(n))) for w, n in zip(widths, encoder)
        )
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, stride=2) for w in widths[:-1])
        self.middle = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(middle)))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, 2 * w, 1, bias=False), nn.PixelShuffle(2)) for w in widths[:0:-1]
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(w) for _ in range(n))) for w, n in zip(widths[-2::-1], decoder)
        )
        self.output = nn.Sequential(nn.Conv2d(width, 4, 3, padding=1), nn.PixelShuffle(2))
        decoded = {f"decoder-{levels - n}": w for n, w in enumerate(widths[-2::-1])}
        self.stages = {"level": LEVEL, "latent": widths[-1], **decoded, "output": 1}

    def surface(self, modulate: Modulate, whole: Whole) -> torch.Tensor:
        """(B, 1, 16, 20)."""
        assert self.shading is not None
        result: torch.Tensor = self.shading(whole.thumbnail, self._known(modulate, whole))
        return result

    def _known(self, modulate: Modulate, whole: Whole) -> torch.Tensor:
        return modulate("level", self.branch(whole)[..., None, None])[..., 0, 0]

    def forward(
        self, image: torch.Tensor, modulate: Modulate = unmodulated, whole: Whole | None = None
    ) -> torch.Tensor:
        """(B, 1, H, W) to what is added to it."""
        if whole is None:
            raise ValueError("nothing is told of the whole image")
        known = self._known(modulate, whole)
        # not as a linear layer, which autocast rounds: a hundredth of a gain is two grey levels
        level = (known.float()[:, None] * self.level.weight).sum(2) + self.level.bias
        gain, offset = level[..., None, None, None].unbind(1)
        # eᵍ − 1 = 2 half / (1 − half): ONNX has no expm1, and in bf16 a difference would cancel
        half = (gain / 2).tanh()
        change = image * (2 * half / (1 - half)) + offset
        scale, shift = self.bottom(known)[..., None, None].chunk(2, 1)
        features, skips = self.intro(functional.pixel_unshuffle(image + change, 2)), []
        for encoder, down in zip(self.encoders, self.downs):
            skips.append(encoder(features))
            features = down(skips[-1])
        features = modulate("latent", self.middle(features * (1 + scale) + shift))
        for up, decoder in zip(self.ups, self.decoders):
            level = len(skips)
            features = modulate(f"decoder-{level}", decoder(up(features) + skips.pop()))
        return modulate("output", self.output(features)) + change
