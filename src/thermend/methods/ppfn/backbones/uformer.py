"""Uformer (Z. Wang et al., CVPR 2022): a U of windowed transformers, with modulators in the decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone, LayerNorm, Modulate, unmodulated
from thermend.methods.ppfn.backbones.windows import PlaceBias, attend, join, split
from thermend.methods.ppfn.whole import Whole

WINDOW = 8


class LocallyEnhancedFeedForward(nn.Module):
    """LeFF: a feed-forward layer with a depthwise convolution inside."""

    def __init__(self, width: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = expansion * width
        self.inside, self.out = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = functional.gelu(self.inside(features))
        return self.out(functional.gelu(self.depthwise(hidden)))


class WindowBlock(nn.Module):
    """LeWin: attention within windows, which every second block shifts by half, and LeFF.

    Parameters
    ----------
    modulator : bool
        adds a learned window to every window, as the decoder's blocks do
    """

    def __init__(self, width: int, heads: int, shifted: bool, modulator: bool) -> None:
        super().__init__()
        self.heads, self.shift = heads, WINDOW // 2 if shifted else 0
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = PlaceBias(heads, WINDOW)
        self.modulator = nn.Parameter(torch.zeros(WINDOW**2, width)) if modulator else None
        self.feed_forward = LocallyEnhancedFeedForward(width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        height, wide = features.shape[2:]
        normal, bias = self.norm1(features), self.bias()[None]
        if self.shift:
            normal = normal.roll((-self.shift, -self.shift), (2, 3))
            bias = bias + self._apart(features)
        windows = split(normal, WINDOW)
        if self.modulator is not None:
            windows = windows + self.modulator
        q, k, v = self.qkv(windows).chunk(3, -1)
        attended = self.out(attend(q, k, v, self.heads, bias))
        attended = join(attended, WINDOW, height, wide)
        if self.shift:
            attended = attended.roll((self.shift, self.shift), (2, 3))
        features = features + attended
        return features + self.feed_forward(self.norm2(features))

    def _apart(self, features: torch.Tensor) -> torch.Tensor:
        """Keeps apart what only the shift brought together: (B · windows, 1, n, n), 0 or −100."""
        batch, _, height, wide = features.shape
        regions = features.new_zeros(1, 1, height, wide)
        for axis, length in ((2, height), (3, wide)):
            place = torch.arange(length, device=features.device)
            part = (place >= length - WINDOW).to(features) + (place >= length - self.shift).to(features)
            regions = 3 * regions + (part[:, None] if axis == 2 else part[None])
        own = split(regions, WINDOW)[..., 0]
        apart = (own[:, None, :] != own[:, :, None]).to(features) * -100
        return apart.repeat(batch, 1, 1)[:, None]


def _blocks(width: int, heads: int, count: int, modulator: bool = False) -> nn.Sequential:
    return nn.Sequential(*(WindowBlock(width, heads, bool(n % 2), modulator) for n in range(count)))


class Uformer(Backbone):
    """Parameters
    ----------
    width : channels at full resolution; twice as many a level
    blocks : of the encoder's four levels; the decoder's are alike
    middle : blocks of the bottleneck
    heads : of the encoder's four levels and of the bottleneck; the decoder has the bottleneck's at its deepest level, and so on
    """

    multiple = WINDOW * 2**4

    def __init__(
        self,
        width: int = 32,
        blocks: Sequence[int] = (2, 2, 2, 2),
        middle: int = 2,
        heads: Sequence[int] = (1, 2, 4, 8, 16),
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.intro = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.LeakyReLU(0.01))
        self.encoders = nn.ModuleList(_blocks(*of) for of in zip(widths, heads, blocks))
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1) for w in widths[:4])
        self.middle = _blocks(widths[4], heads[4], middle)
        of_ups = [widths[4], *(2 * w for w in widths[3:0:-1])]
        self.ups = nn.ModuleList(nn.ConvTranspose2d(w, out, 2, stride=2) for w, out in zip(of_ups, widths[3::-1]))
        self.decoders = nn.ModuleList(
            _blocks(2 * widths[level], heads[level + 1], blocks[level], modulator=True) for level in (3, 2, 1, 0)
        )
        self.output = nn.Conv2d(2 * width, 1, 3, padding=1)
        self.stages = {
            "latent": widths[4], **{f"decoder-{level + 1}": 2 * widths[level] for level in (3, 2, 1, 0)}, "output": 1,
        }  # fmt: skip

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
            features = modulate(f"decoder-{level}", decoder(torch.cat((up(features), skips.pop()), 1)))
        return modulate("output", self.output(features))
