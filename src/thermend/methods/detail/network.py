"""The detail network: a residual U-Net that begins at half the resolution."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (48, 96, 128, 192)
ENCODER_BLOCKS = (2, 2, 2)
MIDDLE_BLOCKS = 3
DECODER_BLOCKS = (2, 2, 2)
KNOWN = ("noise", "stripes")
"""What the network is told of the image, each a standard deviation as a share of full range."""
_UNIT = 8.0  # a standard deviation of an eighth of the range, 32 grey levels, becomes 1


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), 3 × 3 each; without normalisation, which would take the level off an image.

    Parameters
    ----------
    channels : int
        of input and output
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        return features + self.second(functional.relu(self.first(features)))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[ResidualBlock(channels) for _ in range(count)])


class DetailNetwork(nn.Module):
    """Removes noise, fixed pattern, what is left of stripes, and blur; gives what is to be added to the image.

    Pixels are folded two by two into channels (as FFDNet does), the U-Net is DRUNet's in small: residual blocks without
    normalisation, strided convolutions down, transposed ones up, skips that add.

    Parameters
    ----------
    widths : sequence of int
        channels at a half, a quarter, an eighth and a sixteenth of the resolution
    encoder, decoder : sequence of int
        residual blocks at all but the last of these
    middle : int
        residual blocks at the last

    References
    ----------
    K. Zhang, W. Zuo, L. Zhang, FFDNet, IEEE TIP 27 (2018). K. Zhang et al., Plug-and-play image restoration with deep
    denoiser prior, IEEE TPAMI 44 (2022).
    """

    output_names = ("restored",)
    variant = "compact"

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        encoder: Sequence[int] = ENCODER_BLOCKS,
        middle: int = MIDDLE_BLOCKS,
        decoder: Sequence[int] = DECODER_BLOCKS,
    ) -> None:
        super().__init__()
        if not 2 <= len(widths) <= 6 or min(widths) < 1 or min(*encoder, *decoder, middle) < 0:
            raise ValueError("expected 2 to 6 widths, of 1 or more, and no fewer than 0 blocks")
        if not len(encoder) == len(decoder) == len(widths) - 1:
            raise ValueError(f"{len(widths)} widths go with {len(widths) - 1} groups of blocks on either side")
        self.widths, self.encoder_blocks = tuple(widths), tuple(encoder)
        self.middle_blocks, self.decoder_blocks = middle, tuple(decoder)
        self.head = nn.Conv2d(4 + len(KNOWN), widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, encoder))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.middle = _blocks(widths[-1], middle)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.decoders = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, decoder))
        self.tail = nn.Conv2d(widths[0], 4, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    @property
    def multiple(self) -> int:
        """Of this the sides of the images are multiples."""
        return int(2 ** len(self.widths))

    def example_inputs(self) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
        """Inputs to export with."""
        side = 4 * self.multiple
        return {
            "image": (torch.zeros(1, 1, side, side), {0: "batch", 2: "height", 3: "width"}),
            "known": (torch.zeros(1, len(KNOWN)), {0: "batch"}),
        }

    def metadata(self) -> dict[str, Any]:
        """From which :func:`built` builds it again."""
        return {
            "widths": list(self.widths),
            "encoder": list(self.encoder_blocks),
            "middle": self.middle_blocks,
            "decoder": list(self.decoder_blocks),
        }

    def forward(self, image: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """What is to be added to an image.

        Parameters
        ----------
        image : torch.Tensor
            (B, 1, H, W), 0 to 1 for the most part; sides that are multiples of :attr:`multiple`
        known : torch.Tensor
            (B, 2), standard deviations of noise and of stripes that were found, share of full range
        """
        folded = functional.pixel_unshuffle(image, 2)
        maps = (known * _UNIT)[:, :, None, None] * torch.ones_like(folded[:, :1])
        features = self.head(torch.cat((folded, maps), 1))
        skips = []
        for encoder, down in zip(self.encoders, self.downs):
            skips.append(encoder(features))
            features = down(skips[-1])
        features = self.middle(features)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups)):
            features = decoder(up(features) + skips.pop())
        return functional.pixel_shuffle(self.tail(features), 2)


def built(facts: dict[str, Any]) -> DetailNetwork:
    """The network that a recipe, or a file of weights, describes.

    Raises
    ------
    ValueError, TypeError
        there can be none such
    """
    return DetailNetwork(
        facts.get("widths") or WIDTHS,
        facts.get("encoder") or ENCODER_BLOCKS,
        facts.get("middle", MIDDLE_BLOCKS),
        facts.get("decoder") or DECODER_BLOCKS,
    )
