"""What a network is told of the whole image while it sees a piece: contrast lost cannot be known from a crop or a tile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from thermend.methods.ppfn.passes import THUMBNAIL, percentiles


class Whole(NamedTuple):
    """Of whole images.

    Attributes
    ----------
    thumbnail : (B, 1, 64, 80)
        means over areas
    percentiles : (B, 13)
    places : torch.Tensor or None
        of the pixels of a piece in its whole image, (B, 2, H, W): column and row from -1 to 1, as `grid_sample` has them; None
        where the piece is the whole
    """

    thumbnail: torch.Tensor
    percentiles: torch.Tensor
    places: torch.Tensor | None = None


def places_of(height: int, width: int) -> torch.Tensor:
    """Of the pixels of a whole image, (2, H, W)."""
    rows, columns = ((torch.arange(side) + 0.5) * (2 / side) - 1 for side in (height, width))
    return torch.stack((columns.expand(height, -1), rows[:, None].expand(-1, width)))


def whole_of(images: torch.Tensor) -> Whole:
    """(B, 1, H, W) in [0, 1]; carries no gradient."""
    values = images.detach().float()
    thumbnail = functional.interpolate(values, THUMBNAIL, mode="area")
    rows = np.stack([percentiles(row) for row in values[:, 0].cpu().numpy()])
    return Whole(thumbnail, torch.from_numpy(rows).to(values.device))
