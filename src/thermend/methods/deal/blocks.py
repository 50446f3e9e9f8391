"""The pieces of the dual-interaction network (DEAL, section 2.2, Fig. 2 b and c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

WIDTH = 32
TIME_STEPS = 4
DECAY = 0.25
MOST_SPIKES = 4


class ReflectedConv(nn.Conv2d):
    """A convolution that keeps the size; beyond its borders an image is mirrored."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        reach = dilation * (kernel - 1) // 2
        super().__init__(inputs, outputs, kernel, padding=reach, dilation=dilation, padding_mode="reflect")

    @property
    def reach(self) -> int:
        """How far it sees, pixels; an image has to be larger than this along each side."""
        return int(self.padding[0])


class _Round(torch.autograd.Function):
    """Rounding whose gradient is that of doing nothing."""

    @staticmethod
    def forward(_: Any, values: torch.Tensor) -> torch.Tensor:
        return values.round()

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return gradient


class IntegerLIF(nn.Module):
    """Leaky integrate-and-fire neurons whose spikes count: 0 to 4 at each time step.

    u_t = decay (u_{t−1} − s_{t−1}) + input,  s_t = round(clip(u_t, 0, 4)).

    The gradient goes straight through the rounding where u_t lies within [0, 4]; the spike that resets the membrane carries
    none.
    """

    def __init__(self, steps: int = TIME_STEPS) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, current: torch.Tensor) -> list[torch.Tensor]:
        """From the input, (B, C, H, W) and the same at every time step, to the spikes of each step, alike in shape."""
        spikes: list[torch.Tensor] = []
        membrane = current
        for step in range(self.steps):
            if step:
                membrane = DECAY * (membrane - spikes[-1].detach()) + current
            within = membrane.clamp(0, MOST_SPIKES)
            spikes.append(_Round.apply(within) if torch.is_grad_enabled() else within.round())
        return spikes


def _mean(steps: Sequence[torch.Tensor]) -> torch.Tensor:
    total = steps[0]
    for step in steps[1:]:
        total = total + step
    return total / len(steps)


class SpikingConv(nn.Module):
    """Neurons, a 1 × 1 convolution, threshold-dependent batch norm over time steps and samples, and the mean over time.

    In evaluation the convolution and the norm are linear, so that they may run once, on the mean spike (``mean_spike``).
    """

    def __init__(self, width: int = WIDTH, steps: int = TIME_STEPS) -> None:
        super().__init__()
        self.neurons = IntegerLIF(steps)
        self.conv = nn.Conv2d(width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.mean_spike = False

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        spikes = self.neurons(current)
        if self.mean_spike and not self.training:
            return self.norm(self.conv(_mean(spikes)))
        return _mean(self.norm(self.conv(torch.cat(spikes))).chunk(len(spikes)))


class Block(nn.Module):
    """A paired operation: features x and a residual stream r in, both out (after the dual residual network).

    a = relu(x + conv3(relu(conv3(x)))),  r' = relu(up(a) + r),  x' = relu(down(r') + x)

    Parameters
    ----------
    up, down : int
        sides of the two kernels, pixels
    dilation : int
        of the up convolution
    """

    def __init__(self, up: int, down: int, dilation: int, width: int = WIDTH) -> None:
        super().__init__()
        self.conv1 = ReflectedConv(width, width, 3)
        self.conv2 = ReflectedConv(width, width, 3)
        self.up = ReflectedConv(width, width, up, dilation)
        self.down = ReflectedConv(width, width, down)


class ScaleTransformBlock(Block):
    """STM: the four convolutions, each with batch norm."""

    def __init__(self, up: int, down: int, dilation: int, width: int = WIDTH) -> None:
        super().__init__(up, down, dilation, width)
        self.norm1, self.norm2, self.norm_up, self.norm_down = (nn.BatchNorm2d(width) for _ in range(4))

    def forward(self, features: torch.Tensor, stream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        attended = functional.relu(self.norm1(self.conv1(features)))
        attended = functional.relu(self.norm2(self.conv2(attended) + features))
        stream = functional.relu(self.norm_up(self.up(attended)) + stream)
        return functional.relu(self.norm_down(self.down(stream)) + features), stream


class SpikingSeparationBlock(Block):
    """SSM: no norm in the convolutions; what the down convolution gives goes through spiking neurons.

    Parameters
    ----------
    steps : int
        T, of the neurons; 0 leaves them out (the ablation of Fig. 7)
    """

    def __init__(self, up: int, down: int, dilation: int, width: int = WIDTH, steps: int = TIME_STEPS) -> None:
        super().__init__(up, down, dilation, width)
        self.spiking = SpikingConv(width, steps) if steps else nn.Identity()

    def forward(self, features: torch.Tensor, stream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        attended = functional.relu(self.conv1(features))
        attended = functional.relu(self.conv2(attended) + features)
        stream = functional.relu(self.up(attended) + stream)
        return functional.relu(self.spiking(self.down(stream)) + features), stream
