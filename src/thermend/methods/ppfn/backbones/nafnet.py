"""NAFNet (L. Chen, X. Chu, X. Zhang, J. Sun, ECCV 2022): gates instead of activations, one attention of channels a block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from thermend.methods.ppfn.backbones.backbone import Backbone, LayerNorm, Modulate, unmodulated
from thermend.methods.ppfn.whole import Whole


def gate(features: torch.Tensor) -> torch.Tensor:
    """SimpleGate: one half of the channels times the other."""
    one, other = features.chunk(2, 1)
    return one * other


class GatedBlock(nn.Module):
    """The block of NAFNet; both of its branches begin at nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.inside = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.attention = nn.Conv2d(width, width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.expand, self.reduce = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(width, width, 1)
        self.beta, self.gamma = (nn.Parameter(torch.zeros(width, 1, 1)) for _ in range(2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner = gate(self.depthwise(self.inside(self.norm1(features))))
        inner = inner * self.attention(inner.mean((2, 3), keepdim=True))
        features = features + self.beta * self.out(inner)
        return features + self.gamma * self.reduce(gate(self.expand(self.norm2(features))))


class NAFNet(Backbone):
    """Parameters
    ----------
    width : channels at full resolution; twice as many a level
    encoder, middle, decoder : blocks of each level
    """

    def __init__(
        self,
        width: int = 32,
        encoder: Sequence[int] = (2, 2, 4, 8),
        middle: int = 12,
        decoder: Sequence[int] = (2, 2, 2, 2),
    ) -> None:
        super().__init__()
        levels = len(encoder)
        if len(decoder) != levels:
            raise ValueError(f"{levels} levels of the encoder and {len(decoder)} of the decoder: expected as many")
        self.multiple = 2**levels
        widths = [width * 2**level for level in range(levels + 1)]
        self.intro = nn.Conv2d(1, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            nn.Sequential(*(GatedBlock(w) for _ in range(n))) for w, n in zip(widths, encoder)
        )
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, stride=2) for w in widths[:-1])
        self.middle = nn.Sequential(*(GatedBlock(widths[-1]) for _ in range(middle)))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, 2 * w, 1, bias=False), nn.PixelShuffle(2)) for w in widths[:0:-1]
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(*(GatedBlock(w) for _ in range(n))) for w, n in zip(widths[-2::-1], decoder)
        )
        self.output = nn.Conv2d(width, 1, 3, padding=1)
        decoded = {f"decoder-{levels - n}": w for n, w in enumerate(widths[-2::-1])}
        self.stages = {"latent": widths[-1], **decoded, "output": 1}

    def forward(
        self, image: torch.Tensor, modulate: Modulate = unmodulated, whole: Whole | None = None
    ) -> torch.Tensor:
        """(B, 1, H, W) to what is added to it."""
        features, skips = self.intro(image), []
        for encoder, down in zip(self.encoders, self.downs):
            skips.append(encoder(features))
            features = down(skips[-1])
        features = modulate("latent", self.middle(features))
        for up, decoder in zip(self.ups, self.decoders):
            level = len(skips)
            features = modulate(f"decoder-{level}", decoder(up(features) + skips.pop()))
        return modulate("output", self.output(features))
