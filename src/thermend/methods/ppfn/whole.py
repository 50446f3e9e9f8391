"""What a network is told of the whole image while it sees a piece: contrast lost cannot be known from a crop or a tile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

THUMBNAIL = (64, 80)
PERCENTILES = (0.1, 1, 5, 10, 20, 35, 50, 65, 80, 90, 95, 99, 99.9)


class Whole(NamedTuple):
    """Of whole images.

    Attributes
    ----------
    thumbnail : (B, 1, 64, 80), means over areas
    percentiles : (B, 13), :data:`PERCENTILES`
    """

    thumbnail: torch.Tensor
    percentiles: torch.Tensor


def whole_of(images: torch.Tensor) -> Whole:
    """(B, 1, H, W) in [0, 1]; carries no gradient."""
    values = images.detach().float()
    thumbnail = functional.interpolate(values, THUMBNAIL, mode="area")
    rows = np.stack([percentiles(row) for row in values[:, 0].cpu().numpy()])
    return Whole(thumbnail, torch.from_numpy(rows).to(values.device))


def percentiles(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) to (13,)."""
    return np.percentile(image, PERCENTILES).astype(np.float32)
