"""N_E, the dual-interaction network (DEAL, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.deal.blocks import (
    TIME_STEPS,
    WIDTH,
    ReflectedConv,
    ScaleTransformBlock,
    SpikingConv,
    SpikingSeparationBlock,
)


@dataclass(frozen=True)
class BlockSpec:
    """One block: its kind, the sides of its two kernels, and the dilation of the first."""

    kind: Literal["scale", "spiking"]
    up: int
    down: int
    dilation: int


_STM5 = BlockSpec("scale", 5, 3, 1)
_STM7 = BlockSpec("scale", 7, 5, 1)
_SSM7 = BlockSpec("spiking", 7, 5, 2)
_SSM11 = BlockSpec("spiking", 11, 7, 2)
_STM11 = BlockSpec("scale", 11, 5, 1)
_STM11_WIDE = BlockSpec("scale", 11, 7, 3)

PRESETS: dict[str, tuple[BlockSpec, ...]] = {
    "cascade-1": (_SSM11, _STM11),
    "cascade-2": (_STM7, _SSM7, _SSM11, _STM11),
    "cascade-3": (_STM7, _SSM7, _SSM11, _SSM11, _SSM11, _STM11),
    "six-block": (_STM5, _STM7, _SSM7, _SSM11, _STM11, _STM11_WIDE),
}
"""The cascades of Table 6 (the order in ``cascade-3`` is assumed), and the authors' released model."""


class DualInteractionNetwork(nn.Module):
    """Head, a chain of blocks with a residual stream beside the features, tail; the result is tanh(tail) + input.

    Parameters
    ----------
    blocks : str or sequence of BlockSpec
        any list of blocks, or the name of one of :data:`PRESETS`
    time_steps : int
        T of the spiking blocks; 0 takes their neurons out
    """

    def __init__(
        self, blocks: str | Sequence[BlockSpec] = "cascade-2", width: int = WIDTH, time_steps: int = TIME_STEPS
    ) -> None:
        super().__init__()
        if isinstance(blocks, str):
            if blocks not in PRESETS:
                raise ValueError(f"blocks {blocks!r}: expected a list of blocks or one of {', '.join(PRESETS)}")
            blocks = PRESETS[blocks]
        self.specs, self.width, self.time_steps = tuple(blocks), width, time_steps
        self.head = nn.ModuleList([ReflectedConv(3, width, 3), ReflectedConv(width, width, 3)])
        self.blocks = nn.ModuleList(_build(spec, width, time_steps) for spec in self.specs)
        self.tail = nn.ModuleList([ReflectedConv(width, width, 3), ReflectedConv(width, 3, 3)])

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """From (B, 1, H, W) in [0, 1] to the same, unclipped: the mean over the three channels.

        Raises
        ------
        ValueError
            another shape, or sides not larger than the widest kernel reaches
        """
        if grey.ndim != 4 or grey.shape[1] != 1:
            raise ValueError(f"images of shape {tuple(grey.shape)}: expected (B, 1, H, W)")
        return self.three_channels(grey.expand(-1, 3, -1, -1)).mean(1, keepdim=True)

    def three_channels(self, image: torch.Tensor) -> torch.Tensor:
        """From (B, 3, H, W), as the authors' network takes it, to the same."""
        if min(image.shape[2:]) <= self.reach:
            raise ValueError(
                f"images of {image.shape[3]} x {image.shape[2]} pixels: expected more than {self.reach} along each side"
            )
        features = image
        for convolution in self.head:
            features = functional.relu(convolution(features))
        stream = features
        for block in self.blocks:
            features, stream = block(features, stream)
        features = functional.relu(self.tail[0](features))
        return torch.tanh(self.tail[1](features)) + image

    @property
    def variant(self) -> str:
        """Name of its blocks, as in the catalogue; ``custom`` where they are none of :data:`PRESETS`."""
        return next((name for name, specs in PRESETS.items() if specs == self.specs), "custom")

    @property
    def reach(self) -> int:
        """The widest margin that a convolution mirrors, pixels."""
        return max(m.reach for m in self.modules() if isinstance(m, ReflectedConv))

    def use_mean_spike(self, use: bool = True) -> DualInteractionNetwork:
        """Whether the spiking blocks, in evaluation, run once on the mean spike: the same but for rounding, and faster."""
        for module in self.modules():
            if isinstance(module, SpikingConv):
                module.mean_spike = use
        return self


def _build(spec: BlockSpec, width: int, time_steps: int) -> nn.Module:
    if spec.kind == "scale":
        return ScaleTransformBlock(spec.up, spec.down, spec.dilation, width)
    return SpikingSeparationBlock(spec.up, spec.down, spec.dilation, width, time_steps)
