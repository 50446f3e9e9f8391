"""Random numbers for a batch, drawn on the device that trains."""

from __future__ import annotations

import torch


class Draw:
    """Numbers for a batch, one a sample, on a device.

    Parameters
    ----------
    generator : torch.Generator
        whose device they are drawn on
    count : int
        samples in the batch, B
    """

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self.generator, self.count, self.device = generator, count, generator.device

    def uniform(self, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """(B, 1, 1, 1) from [low, high)."""
        return low + (high - low) * torch.rand((self.count, 1, 1, 1), generator=self.generator, device=self.device)

    def chance(self, share: float) -> torch.Tensor:
        """(B, 1, 1, 1) bool, true for such a share of the samples."""
        return self.uniform() < share

    def normal(self, *shape: int) -> torch.Tensor:
        """(B, 1, ...) standard normal."""
        return torch.randn((self.count, 1, *shape), generator=self.generator, device=self.device)
