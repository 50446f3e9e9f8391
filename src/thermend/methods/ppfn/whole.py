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
    thumbnail : (B, 1, 64, 80), means over areas
    percentiles : (B, 13)
    """

    thumbnail: torch.Tensor
    percentiles: torch.Tensor


def whole_of(images: torch.Tensor) -> Whole:
    """(B, 1, H, W) in [0, 1]; carries no gradient."""
    values = images.detach().float()
    thumbnail = functional.interpolate(values, THUMBNAIL, mode="area")
    rows = np.stack([percentiles(row) for row in values[:, 0].cpu().numpy()])
    return Whole(thumbnail, torch.from_numpy(rows).to(values.device))
