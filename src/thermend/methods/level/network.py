"""The level network: from a thumbnail and percentiles to a gain and a smooth field."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.level.correction import FIELD, PERCENTILES, THUMBNAIL

WIDTHS = (48, 96, 192, 256)
GLOBAL = 192
_FITS = 5
"""Rounds of iterated weights."""
_EDGE = 2e-3
"""Share of full range; a difference that is left and is smaller counts as if it were this."""


class Block(nn.Module):
    """x + conv(silu(conv(x) (1 + scale) + shift)), 3 × 3 each, scale and shift from what is known of the whole."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="replicate")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="replicate")
        self.modulation = nn.Linear(GLOBAL, 2 * channels)
        for layer in (self.second, self.modulation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) and (B, 192) to (B, C, H, W)."""
        scale, shift = self.modulation(known)[:, :, None, None].chunk(2, 1)
        return features + self.second(functional.silu(self.first(features) * (1 + scale) + shift))


class SurfaceFit(nn.Module):
    """The lens's surface in a thumbnail, as far as a fit of the cos⁴ law can tell it.

    A scene's differences from place to place are few and large (edges), a surface's are everywhere and small: so the amplitude
    A of a surface n, whose centre is one of a grid's, is the one that leaves the least sum of |∇I − A ∇n| (least absolute
    deviations, by iterated weights). A negative one is the law's complement, whose differences are those of −n. The surfaces of
    all centres are then averaged, those that leave little counting most.

    Parameters
    ----------
    centres : tuple of int
        of the grid, down and across; the outermost lie on the image's border
    """

    def __init__(self, centres: tuple[int, int] = (7, 9)) -> None:
        super().__init__()
        height, width = FIELD
        rows = (torch.arange(height) + 0.5).view(1, -1, 1)
        columns = (torch.arange(width) + 0.5).view(1, 1, -1)
        down = torch.linspace(0, height, centres[0]).repeat_interleave(centres[1]).view(-1, 1, 1)
        across = torch.linspace(0, width, centres[1]).repeat(centres[0]).view(-1, 1, 1)
        radius = torch.hypot(rows - down, columns - across)
        surfaces = torch.cos(torch.pi / 2 * radius / radius.amax((1, 2), keepdim=True)) ** 4
        self.register_buffer("surfaces", (surfaces - surfaces.mean((1, 2), keepdim=True)).flatten(1), persistent=False)
        self.register_buffer("slopes", self._differences(surfaces), persistent=False)
        self.sharpness = nn.Parameter(torch.tensor(100.0))

    @staticmethod
    def _differences(images: torch.Tensor) -> torch.Tensor:
        """(N, H, W) to (N, M), between neighbours across and down."""
        across, down = images[:, :, 1:] - images[:, :, :-1], images[:, 1:] - images[:, :-1]
        return torch.cat((across.flatten(1), down.flatten(1)), 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, 64, 80) to the surface, (B, 1, 16, 20) of mean 0, share of full range."""
        small = functional.avg_pool2d(image, THUMBNAIL[0] // FIELD[0])[:, 0]
        seen = self._differences(small)[:, None]
        slopes = self.slopes[None]
        amplitude = seen.new_zeros(1)
        for _ in range(_FITS):
            weight = 1 / ((seen - amplitude * slopes).abs() + _EDGE)
            amplitude = (weight * seen * slopes).sum(2, keepdim=True) / (weight * slopes * slopes).sum(2, keepdim=True)
        cost = (seen - amplitude * slopes).abs().sum(2) / (seen.abs().sum(2) + 1e-3)
        share = torch.softmax(-self.sharpness * cost, 1)
        surface = torch.matmul((share * amplitude[:, :, 0]).unsqueeze(1), self.surfaces)
        return surface.view(-1, 1, *FIELD)


class LevelNetwork(nn.Module):
    """A U-Net over a thumbnail that decodes to a field of a quarter of its resolution, and a gain beside it.

    A fit of the lens's law goes in with the thumbnail, and some share of it comes off; the decoder adds what the fit
    does not know.

    Parameters
    ----------
    widths : sequence of int
        four, channels at 32 × 40, 16 × 20, 8 × 10 and 4 × 5
    blocks : int
        at each resolution on the way down
    """

    output_names = ("restored", "numbers")
    variant = "compact"

    def __init__(self, widths: Sequence[int] = WIDTHS, blocks: int = 2) -> None:
        super().__init__()
        if len(widths) != 4 or min(widths) < 1 or blocks < 1:
            raise ValueError("expected 4 widths, of 1 or more, and 1 block or more")
        self.widths, self.blocks = tuple(widths), blocks
        self.fit = SurfaceFit()
        self.head = nn.Conv2d(6, widths[0], 5, stride=2, padding=2, padding_mode="replicate")
        self.percentiles = nn.Sequential(
            nn.Linear(len(PERCENTILES), GLOBAL), nn.SiLU(), nn.Linear(GLOBAL, GLOBAL), nn.SiLU()
        )
        self.encoders = nn.ModuleList(nn.ModuleList(Block(w) for _ in range(blocks)) for w in widths)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.whole = nn.Sequential(
            nn.Linear(2 * widths[-1] + GLOBAL, GLOBAL), nn.SiLU(), nn.Linear(GLOBAL, GLOBAL), nn.SiLU()
        )
        self.numbers = nn.Linear(GLOBAL, 4)
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths[1:]))
        self.decoders = nn.ModuleList(Block(w) for w in widths[1:-1])
        self.tail = nn.Conv2d(widths[1], 1, 3, padding=1, padding_mode="replicate")
        for layer in (self.numbers, self.tail):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        rows, columns = (torch.linspace(-1, 1, n) for n in THUMBNAIL)
        places = torch.stack((rows[:, None].expand(THUMBNAIL), columns.expand(THUMBNAIL)))[None]
        self.register_buffer("places", places, persistent=False)

    def example_inputs(self) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
        """Inputs to export with."""
        return {
            "image": (torch.rand(1, 1, *THUMBNAIL), {0: "batch"}),
            "percentiles": (torch.rand(1, len(PERCENTILES)), {0: "batch"}),
        }

    def metadata(self) -> dict[str, Any]:
        """From which :func:`built` builds it again."""
        return {"widths": list(self.widths), "blocks": self.blocks}

    def forward(self, image: torch.Tensor, percentiles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The field and the numbers of the correction: gain · image + field.

        Parameters
        ----------
        image : torch.Tensor
            (B, 1, 64, 80), the thumbnail, 0 to 1
        percentiles : torch.Tensor
            (B, 13)

        Returns
        -------
        (B, 1, 16, 20) field, share of full range, and (B, 2): logarithm of the gain, logit of the chance that level or contrast
        were lost
        """
        low, high = percentiles[:, 1, None, None, None], percentiles[:, -2, None, None, None]
        stretched = (image - low) / (high - low).clamp_min(0.02) - 0.5
        places = self.places.expand(len(image), -1, -1, -1)
        surface = self.fit(image)
        drawn = functional.interpolate(surface, THUMBNAIL, mode="bilinear")
        features = self.head(torch.cat((image - 0.5, stretched, 2 * drawn, 2 * (image - drawn) - 1, places), 1))
        known = self.percentiles(2 * percentiles - 1)
        skips = []
        for depth, blocks in enumerate(self.encoders):
            features = features if depth == 0 else self.downs[depth - 1](features)
            for block in blocks:  # type: ignore[attr-defined]
                features = block(features, known)
            skips.append(features)
        pooled = torch.cat((features.mean((2, 3)), features.amax((2, 3)), known), 1)
        whole = self.whole(pooled)
        log_gain, offset, logit, share = self.numbers(whole).split(1, 1)
        skips.pop()
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders)):
            features = functional.interpolate(up(features), scale_factor=2, mode="nearest") + skips.pop()
            features = decoder(features, whole)
        field = self.tail(features)
        # About the middle of the image's own range, so that a change of the gain alone does not shift the level.
        middle = ((low + high) / 2)[:, 0, 0]
        gain = log_gain.exp()
        field = field + (offset + middle * (1 - gain))[:, :, None, None] - (share * gain)[:, :, None, None] * surface
        return field, torch.cat((log_gain, logit), 1)


def corrected(image: torch.Tensor, field: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """gain · image + field, (B, 1, H, W): see :meth:`thermend.methods.level.correction.Correction.apply`."""
    smooth = functional.interpolate(field, image.shape[2:], mode="bicubic", align_corners=False)
    return image * numbers[:, :1, None, None].exp() + smooth


def built(facts: dict[str, Any]) -> LevelNetwork:
    """The network that a recipe, or a file of weights, describes.

    Raises
    ------
    ValueError, TypeError
        there can be none such
    """
    return LevelNetwork(facts.get("widths") or WIDTHS, int(facts.get("blocks", 2)))


assert tuple(4 * n for n in FIELD) == THUMBNAIL
