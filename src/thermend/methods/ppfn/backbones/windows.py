"""Square windows of features, for attention between places."""

from __future__ import annotations

import torch
from torch import nn


def split(features: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, H, W) to (B · windows, side², C); H and W are multiples of the side."""
    batch, width, height, wide = features.shape
    grid = features.reshape(batch, width, height // side, side, wide // side, side)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, width)


def join(windows: torch.Tensor, side: int, height: int, wide: int) -> torch.Tensor:
    """The inverse of :func:`split`."""
    width = windows.shape[-1]
    grid = windows.reshape(-1, height // side, wide // side, side, side, width)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(-1, width, height, wide)


class PlaceBias(nn.Module):
    """Learned bias of attention from every place of a window to every place of another, concentric one.

    Parameters
    ----------
    side, other : int, int or None
        of the window that asks and of the one that is asked, pixels
    """

    index: torch.Tensor

    def __init__(self, heads: int, side: int, other: int | None = None) -> None:
        super().__init__()
        other = side if other is None else other
        reach = side + other - 1
        self.table = nn.Parameter(torch.zeros(reach**2, heads))
        nn.init.trunc_normal_(self.table, std=0.02)
        offset = torch.arange(side)[:, None] - torch.arange(other)[None] + other - 1
        rows = offset[:, None, :, None] * reach + offset[None, :, None, :]
        self.register_buffer("index", rows.reshape(side**2, other**2), persistent=False)

    def forward(self) -> torch.Tensor:
        """(heads, side², other²)."""
        return self.table[self.index].permute(2, 0, 1)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int, bias: torch.Tensor) -> torch.Tensor:
    """Attention in windows: (N, n, C) asks (N, m, C); the bias is added to the logits, (N or 1, heads, n, m)."""
    q, k, v = (t.reshape(*t.shape[:2], heads, -1).transpose(1, 2) for t in (q, k, v))
    weights = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1) + bias).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)
