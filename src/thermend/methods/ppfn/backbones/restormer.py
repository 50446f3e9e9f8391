"""Restormer (S. W. Zamir et al., CVPR 2022): transposed attention over channels, gated feed-forward layers, four levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone, LayerNorm, Modulate, unmodulated
from thermend.methods.ppfn.whole import Whole

EXPANSION = 2.66


class TransposedAttention(nn.Module):
    """MDTA: attention between channels, whose map is C/heads × C/heads for any size of the image."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.depthwise = nn.Conv2d(3 * width, 3 * width, 3, padding=1, groups=3 * width, bias=False)
        self.out = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        batch, width, height, wide = features.shape
        shape = (batch, self.heads, width // self.heads, height * wide)
        q, k, v = (part.reshape(shape) for part in self.depthwise(self.qkv(features)).chunk(3, 1))
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        attention = (q @ k.transpose(-2, -1) * self.temperature).softmax(-1)
        return self.out((attention @ v).reshape(batch, width, height, wide))


class GatedFeedForward(nn.Module):
    """GDFN: two depthwise branches, one of which gates the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = int(width * EXPANSION)
        self.inside = nn.Conv2d(width, 2 * hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.out = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        gate, values = self.depthwise(self.inside(features)).chunk(2, 1)
        return self.out(functional.gelu(gate) * values)


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attention, self.feed_forward = TransposedAttention(width, heads), GatedFeedForward(width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = features + self.attention(self.norm1(features))
        return features + self.feed_forward(self.norm2(features))


def _down(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, width // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))


def _up(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1, bias=False), nn.PixelShuffle(2))


class Restormer(Backbone):
    """Parameters
    ----------
    width : channels at full resolution; twice as many a level
    blocks : of the four encoder levels; the decoder's are alike
    refinement : blocks at the end
    heads : of the four levels
    """

    multiple = 8

    def __init__(
        self,
        width: int = 48,
        blocks: Sequence[int] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.heads = tuple(heads)
        self.embed = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(self._blocks(w, level, blocks[level]) for level, w in enumerate(widths))
        self.downs = nn.ModuleList(_down(w) for w in widths[:3])
        self.ups = nn.ModuleList(_up(w) for w in widths[:0:-1])
        self.reductions = nn.ModuleList(nn.Conv2d(2 * w, w, 1, bias=False) for w in (widths[2], widths[1]))
        self.decoders = nn.ModuleList(
            self._blocks(w, level, blocks[level]) for level, w in ((2, widths[2]), (1, widths[1]), (0, widths[1]))
        )
        self.refinement = self._blocks(widths[1], 0, refinement)
        self.output = nn.Conv2d(widths[1], 1, 3, padding=1, bias=False)
        self.stages = {
            "latent": widths[3], "decoder-3": widths[2], "decoder-2": widths[1], "decoder-1": widths[1],
            "refinement": widths[1], "output": 1,
        }  # fmt: skip

    def block(self, width: int, level: int) -> nn.Module:
        """One block of a level, 0 to 3."""
        return TransformerBlock(width, self.heads[level])

    def _blocks(self, width: int, level: int, count: int) -> nn.Sequential:
        return nn.Sequential(*(self.block(width, level) for _ in range(count)))

    def forward(
        self, image: torch.Tensor, modulate: Modulate = unmodulated, whole: Whole | None = None
    ) -> torch.Tensor:
        """(B, 1, H, W) to what is added to it."""
        features, skips = self.embed(image), []
        for encoder, down in zip(self.encoders, self.downs):
            skips.append(encoder(features))
            features = down(skips[-1])
        features = modulate("latent", self.encoders[3](features))
        for level, (up, decoder) in zip((3, 2, 1), zip(self.ups, self.decoders)):
            features = torch.cat((up(features), skips.pop()), 1)
            if level > 1:
                features = self.reductions[3 - level](features)
            features = modulate(f"decoder-{level}", decoder(features))
        features = modulate("refinement", self.refinement(features))
        return modulate("output", self.output(features))
