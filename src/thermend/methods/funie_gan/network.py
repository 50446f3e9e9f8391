"""U-Net and discriminator of FUnIE-GAN, as its released code has them; an image has one channel here, there three."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (32, 128, 256, 256, 256)
"""Channels of the levels, 1/2 to 1/32 of the resolution."""
CRITIC_WIDTHS = (32, 64, 128, 256)
MOMENTUM = 0.8
SLOPE = 0.2
"""Of Leaky ReLU."""
DEVIATION = 0.02
"""Of the weights that a training begins with."""


class Down(nn.Sequential):
    """Convolution 4 × 4 of stride 2, batch norm perhaps, Leaky ReLU: half the size."""

    def __init__(self, inputs: int, outputs: int, norm: bool, bias: bool) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]
        if norm:
            layers.append(nn.BatchNorm2d(outputs, momentum=MOMENTUM))
        super().__init__(*layers, nn.LeakyReLU(SLOPE))


class Up(nn.Sequential):
    """Transposed convolution 4 × 4 of stride 2, batch norm, ReLU: twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs, momentum=MOMENTUM),
            nn.ReLU(),
        )


def _kept_size(inputs: int, bias: bool) -> tuple[nn.Module, nn.Module]:
    """Convolution 4 × 4 to one channel; it keeps the size with one row and column more on one side."""
    return nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(inputs, 1, 4, padding=1, bias=bias)


class UNet(nn.Module):
    """Five levels down, and up again with skips; neither the first nor the deepest level has a norm.

    Parameters
    ----------
    widths : sequence of int
        channels of the levels
    """

    variant = None

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths {list(widths)}: expected two levels or more")
        self.widths, self.multiple = tuple(widths), 2 ** len(widths)
        inner = range(1, len(widths) - 1)
        self.downs = nn.ModuleList(
            Down(i, o, norm=level in inner, bias=False) for level, (i, o) in enumerate(zip((1, *widths), widths))
        )
        below = [widths[-1], *(2 * width for width in widths[-2:0:-1])]
        self.ups = nn.ModuleList(Up(i, o) for i, o in zip(below, widths[-2::-1]))
        self.image = nn.Sequential(nn.Upsample(scale_factor=2), *_kept_size(2 * widths[0], bias=True), nn.Tanh())
        self.apply(_drawn)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same."""
        height, width = image.shape[2:]
        down, right = -height % self.multiple, -width % self.multiple
        padded = functional.pad(image, (0, right, 0, down), "replicate") if down or right else image
        encoded = [2 * padded - 1]
        for layer in self.downs:
            encoded.append(layer(encoded[-1]))
        features = encoded.pop()
        for layer in self.ups:
            features = torch.cat((layer(features), encoded.pop()), 1)
        result: torch.Tensor = self.image(features)
        return (result[..., :height, :width] + 1) / 2


class ConditionalDiscriminator(nn.Module):
    """Judges patches of an image beside what it was made of: four convolutions of stride 2, one of stride 1."""

    def __init__(self, widths: Sequence[int] = CRITIC_WIDTHS) -> None:
        super().__init__()
        downs = [Down(i, o, norm=n > 0, bias=True) for n, (i, o) in enumerate(zip((2, *widths), widths))]
        self.layers = nn.Sequential(*downs, *_kept_size(widths[-1], bias=False))
        self.apply(_drawn)

    def forward(self, image: torch.Tensor, degraded: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] each to (B, 1, H / 16, W / 16): 1 where it is real, 0 where it was made."""
        result: torch.Tensor = self.layers(2 * torch.cat((image, degraded), 1) - 1)
        return result


def _drawn(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, DEVIATION)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, DEVIATION)
