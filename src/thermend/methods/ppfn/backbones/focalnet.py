"""FocalNet (Y. Cui, W. Ren, X. Cao, A. Knoll, ICCV 2023): convolutions at two scales at once, and a gate at the bottom."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone, Modulate, unmodulated
from thermend.methods.ppfn.whole import Whole


def _conv(inputs: int, outputs: int, side: int, stride: int = 1, active: bool = True) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, side, stride=stride, padding=side // 2)
    return nn.Sequential(conv, nn.GELU()) if active else nn.Sequential(conv)


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.GELU())


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width, 3), _conv(width, width, 3, active=False))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.convs(features)


class TwoScales(nn.Module):
    """One half of the channels runs at half the resolution, side by side with the other."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        half = width // 2
        self.down = nn.Conv2d(half, half, 2, stride=2, groups=half)
        self.fine, self.coarse = (nn.Sequential(*(Residual(half) for _ in range(count))) for _ in range(2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        fine, coarse = features.chunk(2, 1)
        fine, coarse = self.fine(fine), self.coarse(self.down(coarse))
        return torch.cat((fine, functional.interpolate(coarse, fine.shape[2:], mode="bilinear")), 1)


class DualGate(nn.Module):
    """A gate over places from the maximum and the mean of the channels, then contrast to the mean over places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2, 1, 3, padding=1)
        self.wide = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=4, dilation=2, groups=width),
            nn.Conv2d(width, width, 7, padding=9, dilation=3, groups=width),
        )
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.contrast, self.out = (nn.Parameter(torch.zeros(width, 1, 1)) for _ in range(2))
        self.same, self.skip = (nn.Parameter(torch.ones(width, 1, 1)) for _ in range(2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        pooled = torch.cat((features.amax(1, keepdim=True), features.mean(1, keepdim=True)), 1)
        gated = self.wide(features) * self.gate(pooled) + self.near(features)
        gated = (self.contrast * (gated - gated.mean((2, 3), keepdim=True)) + self.same) * gated
        return self.out * gated + self.skip * features


class FocalNet(Backbone):
    """Parameters
    ----------
    width : channels at full resolution; twice as many a level
    blocks : residual blocks of each level

    Its outputs at lower resolutions serve a loss of theirs that PPFN does not have, and are left out.
    """

    multiple = 8

    def __init__(self, width: int = 32, blocks: int = 4) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        self.intro = _conv(1, one, 3)
        self.encoders = nn.ModuleList(
            (TwoScales(one, blocks), *(nn.Sequential(*(Residual(w) for _ in range(blocks))) for w in (two, four)))
        )
        self.downs = nn.ModuleList((_conv(one, two, 3, 2), _conv(two, four, 3, 2)))
        self.shallow = nn.ModuleList(self._shallow(w) for w in (two, four))
        self.merges = nn.ModuleList(_conv(2 * w, w, 3, active=False) for w in (two, four))
        self.attention = DualGate(four)
        self.decoders = nn.ModuleList(
            (*(nn.Sequential(*(Residual(w) for _ in range(blocks))) for w in (four, two)), TwoScales(one, blocks))
        )
        self.ups = nn.ModuleList((_up(four, two), _up(two, one)))
        self.reductions = nn.ModuleList((_conv(four, two, 1), _conv(two, one, 1)))
        self.output = _conv(one, 1, 3, active=False)
        self.stages = {"latent": four, "decoder-3": four, "decoder-2": two, "decoder-1": one, "output": 1}

    @staticmethod
    def _shallow(width: int) -> nn.Sequential:
        return nn.Sequential(
            _conv(1, width // 4, 3), _conv(width // 4, width // 2, 1), _conv(width // 2, width // 2, 3),
            _conv(width // 2, width, 1, active=False), nn.InstanceNorm2d(width, affine=True),
        )  # fmt: skip

    def forward(
        self, image: torch.Tensor, modulate: Modulate = unmodulated, whole: Whole | None = None
    ) -> torch.Tensor:
        """(B, 1, H, W) to what is added to it."""
        small = [image[..., ::2, ::2], image[..., ::4, ::4]]
        features, skips = self.encoders[0](self.intro(image)), []
        for down, shallow, merge, encoder, seen in zip(self.downs, self.shallow, self.merges, self.encoders[1:], small):
            skips.append(features)
            features = encoder(merge(torch.cat((down(features), shallow(seen)), 1)))
        features = modulate("latent", self.attention(features))
        features = modulate("decoder-3", self.decoders[0](features))
        for level, (up, reduction, decoder) in zip((2, 1), zip(self.ups, self.reductions, self.decoders[1:])):
            features = decoder(reduction(torch.cat((up(features), skips.pop()), 1)))
            features = modulate(f"decoder-{level}", features)
        return modulate("output", self.output(features))
