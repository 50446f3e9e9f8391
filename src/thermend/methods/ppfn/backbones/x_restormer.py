"""X-Restormer (X. Chen et al., ECCV 2024): Restormer with attention between places beside that between channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import LayerNorm
from thermend.methods.ppfn.backbones.restormer import GatedFeedForward, Restormer, TransposedAttention
from thermend.methods.ppfn.backbones.windows import PlaceBias, attend, join, split

WINDOW, OVERLAPPING = 8, 12
"""Sides of the windows that ask and of those that are asked, pixels."""
_OF_A_HEAD = 16


class OverlappingAttention(nn.Module):
    """OCA: each window attends to itself and a margin around it; biases of place are a table (theirs has two factors)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * _OF_A_HEAD
        self.qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.bias = PlaceBias(heads, WINDOW, OVERLAPPING)
        self.out = nn.Conv2d(inner, width, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        height, wide = features.shape[2:]
        q, k, v = self.qkv(features).chunk(3, 1)
        attended = attend(split(q, WINDOW), self._overlapping(k), self._overlapping(v), self.heads, self.bias()[None])
        return self.out(join(attended, WINDOW, height, wide))

    @staticmethod
    def _overlapping(features: torch.Tensor) -> torch.Tensor:
        width, margin = features.shape[1], (OVERLAPPING - WINDOW) // 2
        pieces = functional.unfold(features, OVERLAPPING, padding=margin, stride=WINDOW)  # (B, C · m, windows)
        pieces = pieces.reshape(features.shape[0], width, OVERLAPPING**2, -1)
        return pieces.permute(0, 3, 2, 1).reshape(-1, OVERLAPPING**2, width)


class TwofoldBlock(nn.Module):
    """Attention between channels and between places, each with a feed-forward layer."""

    def __init__(self, width: int, heads: int, spatial_heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(LayerNorm(width) for _ in range(4))
        self.parts = nn.ModuleList(
            (
                TransposedAttention(width, heads), GatedFeedForward(width),
                OverlappingAttention(width, spatial_heads), GatedFeedForward(width),
            )
        )  # fmt: skip

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        for norm, part in zip(self.norms, self.parts):
            features = features + part(norm(features))
        return features


class XRestormer(Restormer):
    """Parameters as Restormer's, and ``spatial_heads`` of the four levels."""

    multiple = WINDOW * 8

    def __init__(
        self,
        width: int = 48,
        blocks: Sequence[int] = (2, 4, 4, 4),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
        spatial_heads: Sequence[int] = (1, 2, 4, 8),
    ) -> None:
        self._spatial_heads = tuple(spatial_heads)  # asked for while the levels are built
        super().__init__(width, blocks, refinement, heads)

    def block(self, width: int, level: int) -> nn.Module:
        return TwofoldBlock(width, self.heads[level], self._spatial_heads[level])
