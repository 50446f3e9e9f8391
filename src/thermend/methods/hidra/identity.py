"""How the embedded prior begins its training: as the identity, from which it departs as it learns.

Networks of these classes end in a group normalisation, which takes level and contrast off every image, and what takes hours to
learn is to put them back. So some channels carry the image through instead: each number x as a pair, x and −x (then a group's
mean is 0, and SiLU(x) − SiLU(−x) = x, exactly), beside references, ±:data:`REFERENCE` everywhere, which make a group's variance
all but independent of the image. Residual branches that the carried numbers pass begin as zeros.

Numbers are carried as coefficients of a cosine transform of squares of pixels, each times the square root of what would make
them equally strong in natural images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.fft import dct
from torch import nn

REFERENCE = 12.0
"""Much above the numbers that are carried: those of size 4 come out weaker by a share of 4² / (2 · 12²), or less."""
LOG_VARIANCE = -10.0
"""Of the latents of an autoencoder at its start."""


@dataclass(frozen=True)
class Carrier:
    """Which channels, of those that a group normalisation sees, carry.

    Parameters
    ----------
    channels, groups : int
        of the normalisation
    numbers : int
        that are carried

    Raises
    ------
    ValueError
        there is no room for as many references as carriers in each group
    """

    channels: int
    groups: int
    numbers: int

    def __post_init__(self) -> None:
        if self.size % 2 or 2 * self.pairs > self.size // 2:
            raise ValueError(
                f"identity: {self.channels} channels in {self.groups} groups cannot carry {self.numbers} numbers;"
                " identity=false begins at random"
            )

    @property
    def size(self) -> int:
        """Of a group."""
        return self.channels // self.groups

    @property
    def pairs(self) -> int:
        """In a group, at most."""
        return -(-self.numbers // self.groups)

    @property
    def plus(self) -> torch.Tensor:
        """Channel of x, of each number."""
        number = torch.arange(self.numbers)
        return number % self.groups * self.size + 2 * (number // self.groups)

    def references(self) -> torch.Tensor:
        """(channels,): 0 where a number is carried, ±REFERENCE elsewhere."""
        found = torch.tensor([REFERENCE, -REFERENCE]).repeat(self.channels // 2)
        found[self.plus], found[self.plus + 1] = 0, 0
        return found

    def enter(self, layer: nn.Conv2d, matrix: torch.Tensor) -> None:
        """A convolution that puts matrix · (what it takes) onto the carriers."""
        middle = layer.kernel_size[0] // 2
        assert layer.bias is not None
        layer.weight.zero_()
        for channel, sign in ((self.plus, 1), (self.plus + 1, -1)):
            layer.weight[channel, :, middle, middle] = sign * matrix
        layer.bias.copy_(self.references())

    def through(self, norm: nn.GroupNorm, offset: int = 0) -> None:
        """A normalisation that lets all pass as it is, and takes the references away (nearly, where its groups are not the
        carrier's own).

        Parameters
        ----------
        offset : int
            of the carrier's channels among those that are normalised
        """
        references = self.references()
        deviation = references.view(self.groups, -1).square().mean(1).sqrt().repeat_interleave(self.size)
        norm.weight[offset : offset + self.channels] = deviation
        norm.bias[offset : offset + self.channels] = -references

    def unseen(self, layer: nn.Conv2d, offset: int = 0) -> None:
        """A convolution without a normalisation before it to which the references say nothing."""
        layer.weight[:, offset + self.references().nonzero()[:, 0]] = 0

    def leave(self, layer: nn.Conv2d, matrix: torch.Tensor, bias: torch.Tensor | float = 0.0) -> None:
        """A convolution after a SiLU that gives matrix · (the numbers carried)."""
        middle = layer.kernel_size[0] // 2
        assert layer.bias is not None
        layer.weight.zero_()
        layer.weight[:, self.plus, middle, middle] = matrix
        layer.weight[:, self.plus + 1, middle, middle] = -matrix
        layer.bias.copy_(torch.as_tensor(bias).expand(len(layer.bias)))


def transform(side: int) -> torch.Tensor:
    """(n², n²): pixels of a square of n × n to their numbers; natural images' coefficients fall off as 1 / (1 + 2 (u + v))²."""
    rows = torch.from_numpy(dct(np.eye(side), axis=0, norm="ortho")).float()
    frequency = torch.arange(side)
    gain = 0.75 * (1 + 2 * (frequency[:, None] + frequency))
    gain[0, 0] /= 2  # level is certain enough
    return (torch.einsum("ui,vj->uvij", rows, rows) * gain[..., None, None]).reshape(side**2, side**2)


def carrier_of_autoencoder(configuration: Mapping[str, Any]) -> Carrier:
    """From diffusers' configuration.

    Raises
    ------
    ValueError
        it has several levels (what is repeated to twice the size cannot be told apart again), other than as many numbers in the
        latent as pixels, attention, or no room
    """
    pixels, latents = configuration["in_channels"], configuration["latent_channels"]
    widths = configuration["block_out_channels"]
    blocks = [*configuration["down_block_types"], *configuration["up_block_types"]]
    if (
        len(widths) != 1
        or latents != pixels
        or math.isqrt(pixels) ** 2 != pixels
        or configuration["mid_block_add_attention"]
        or blocks != ["DownEncoderBlock2D", "UpDecoderBlock2D"]
    ):
        raise ValueError(
            "identity: only an autoencoder of one level without attention, whose latent has as many numbers as the image has"
            " pixels, can begin so; identity=false begins at random"
        )
    return Carrier(widths[0], configuration["norm_num_groups"], latents)


def carrier_of_unet(configuration: Mapping[str, Any]) -> Carrier:
    """From diffusers' configuration; raises ValueError where its first level has attention on the way up, or no room."""
    if configuration["up_block_types"][-1] != "UpBlock2D":
        raise ValueError("identity: up_block_types: the last has to be UpBlock2D; identity=false begins at random")
    width = configuration["block_out_channels"][0]
    return Carrier(width, configuration["norm_num_groups"], configuration["in_channels"])


def autoencoder_as_identity(model: Any) -> None:
    """An ``AutoencoderKL``, in place; raises ValueError as :func:`carrier_of_autoencoder` does."""
    with torch.no_grad():
        carrier = carrier_of_autoencoder(model.config)
        numbers, forth = carrier.numbers, transform(math.isqrt(carrier.numbers))
        one, none = torch.eye(numbers), torch.zeros(numbers, numbers)
        for half in (model.encoder, model.decoder):
            _quiet(half, carrier)
            carrier.through(half.conv_norm_out)
        carrier.enter(model.encoder.conv_in, forth)
        uncertain = torch.cat([torch.zeros(numbers), torch.full((numbers,), LOG_VARIANCE)])
        carrier.leave(model.encoder.conv_out, torch.cat([one, none]), uncertain)
        carrier.enter(model.decoder.conv_in, one)
        carrier.leave(model.decoder.conv_out, torch.linalg.inv(forth))
        for layer in (model.quant_conv, model.post_quant_conv):
            layer.weight.copy_(torch.eye(len(layer.weight))[..., None, None])
            layer.bias.zero_()


def unet_as_identity(model: Any) -> None:
    """A ``UNet2DConditionModel``, in place: its ε is what it is given, which at the last timestep is nearly right.

    Raises
    ------
    ValueError
        as :func:`carrier_of_unet` does
    """
    with torch.no_grad():
        carrier = carrier_of_unet(model.config)
        width, one = carrier.channels, torch.eye(carrier.numbers)
        carrier.enter(model.conv_in, one)
        carrier.through(model.down_blocks[0].resnets[0].norm1)
        for layer in model.down_blocks[0].downsamplers or ():
            carrier.unseen(layer.conv)
        for resnet in model.up_blocks[-1].resnets[:-1]:
            carrier.through(resnet.norm1, resnet.conv1.in_channels - width)
            carrier.unseen(resnet.conv_shortcut, resnet.conv1.in_channels - width)
        last = model.up_blocks[-1].resnets[-1]  # takes what came so far, and what conv_in gave
        before = last.conv1.in_channels - width
        carrier.through(last.norm1, before)
        last.conv_shortcut.weight.zero_()
        last.conv_shortcut.weight[:, before:, 0, 0] = torch.eye(width)
        last.conv_shortcut.bias.zero_()
        _zero(last.conv2)
        carrier.through(model.conv_norm_out)
        carrier.leave(model.conv_out, one)


def _quiet(half: nn.Module, carrier: Carrier) -> None:
    """All residual branches give nothing, and see the carriers as they are."""
    for name, module in half.named_modules():
        if name.endswith("norm1"):
            assert isinstance(module, nn.GroupNorm)
            carrier.through(module)
        if name.endswith("conv2"):
            _zero(module)


def _zero(layer: Any) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
