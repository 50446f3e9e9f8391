"""Level and contrast of the whole image (not in the paper): a crop, or a tile, does not show them.

What a scene's contrast was is told by all of its grey levels and by the degradation vector together; so once the image is
restored, a gain about its mean and an offset are read off both.
"""

from __future__ import annotations

import torch
from torch import nn

from thermend.methods.hidra.guidance import PERCENTILES, STATISTICS


class Level(nn.Module):
    """Logarithm of the gain, and offset. Begins as none of both.

    Parameters
    ----------
    width : of P
    hidden : int
        of its layers
    """

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        last = nn.Linear(hidden, 2)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.statistics = nn.Linear(STATISTICS, hidden)
        self.head = nn.Sequential(nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), last)

    def forward(self, vector: torch.Tensor, statistics: torch.Tensor) -> torch.Tensor:
        """P, (B, width), and :func:`thermend.methods.hidra.guidance.statistics_of` the restored images, (B, 13), to (B, 2)."""
        result: torch.Tensor = self.head(self.layers(vector) + self.statistics(4 * statistics))
        return result

    def applied(self, image: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W), restored, to the same with its level."""
        gain, offset = self(vector, told(image)).float()[..., None, None].unbind(1)
        mean = image.mean((2, 3), keepdim=True)
        return mean + offset[:, None] + gain[:, None].exp() * (image - mean)


def told(image: torch.Tensor) -> torch.Tensor:
    """:func:`thermend.methods.hidra.guidance.statistics_of` of images, (B, 1, H, W), without gradient: (B, 13)."""
    flat = image.detach().flatten(1)
    shares = flat.new_tensor(PERCENTILES) / 100
    numbers = [flat.mean(1)[:, None], flat.std(1, correction=0)[:, None], torch.quantile(flat, shares, dim=1).T]
    return torch.cat(numbers, 1)


class Examples(nn.Module):
    """Restored images that the level is learned from, each many times: all that its error depends on is kept of them.

    Parameters
    ----------
    most : int
        images that there is room for
    width : of P
    """

    vectors: torch.Tensor
    statistics: torch.Tensor
    moments: torch.Tensor
    count: torch.Tensor

    def __init__(self, most: int, width: int) -> None:
        super().__init__()
        for name, size in {"vectors": width, "statistics": STATISTICS, "moments": 5}.items():
            self.register_buffer(name, torch.zeros(most, size))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def add(self, made: torch.Tensor, clean: torch.Tensor, vectors: torch.Tensor) -> None:
        """Restored images and clean ones, (B, 1, H, W), and the P of what was restored, (B, width)."""
        first = int(self.count)
        rows = slice(first, first + len(made))
        x, y = made.flatten(1), clean.flatten(1)
        means = x.mean(1), y.mean(1)
        dx, dy = x - means[0][:, None], y - means[1][:, None]
        self.vectors[rows], self.statistics[rows] = vectors, told(made)
        self.moments[rows] = torch.stack([*means, (dx * dx).mean(1), (dx * dy).mean(1), (dy * dy).mean(1)], 1)
        self.count.fill_(first + len(made))

    def drawn(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Numbers of some of them, (count,)."""
        return torch.randint(int(self.count), (count,), generator=generator)

    def left(self, level: Level | None, which: torch.Tensor | slice) -> torch.Tensor:
        """Mean square error of those with the level that is read off, or as they were restored; (N,)."""
        x, y, xx, xy, yy = self.moments[which].unbind(1)
        if level is None:
            gain, offset = torch.ones_like(x), torch.zeros_like(x)
        else:
            found = level(self.vectors[which], self.statistics[which]).float()
            gain, offset = found[:, 0].exp(), found[:, 1]
        return (x + offset - y).square() + gain * gain * xx - 2 * gain * xy + yy
