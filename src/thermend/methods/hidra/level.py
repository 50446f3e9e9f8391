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
        """P, (B, width), and :func:`thermend.methods.hidra.guidance.statistics_of` the restored images, (B, 9), to (B, 2)."""
        result: torch.Tensor = self.head(self.layers(vector) + self.statistics(4 * statistics))
        return result

    def applied(self, image: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W), restored, to the same with its level."""
        flat = image.flatten(1)
        shares = flat.new_tensor(PERCENTILES) / 100
        numbers = [flat.mean(1)[:, None], flat.std(1, correction=0)[:, None], torch.quantile(flat, shares, dim=1).T]
        gain, offset = self(vector, torch.cat(numbers, 1).detach()).float()[..., None, None].unbind(1)
        mean = image.mean((2, 3), keepdim=True)
        return mean + offset[:, None] + gain[:, None].exp() * (image - mean)
