"""Training whose batches are drawn and damaged on the device that trains."""

from __future__ import annotations

from typing import Any

import torch

from thermend.training.module import TrainingModule
from thermend.training.pool import Numbered
from thermend.training.recipe import OnDeviceRecipe

_STEEPEST = 1.0
"""Norm of a step's gradient; longer ones are shortened to it."""


class OnDeviceTraining(TrainingModule):
    """What trainings have in common that draw from images on the device: :meth:`samples` gives a :class:`Numbered`, and what a
    step sees follows from its own number.

    The network says itself, in ``metadata()``, what it is built again from.
    """

    recipe: OnDeviceRecipe
    source: Any = None

    def take(self, samples: Numbered) -> None:
        """Keep the images, from which a step draws."""
        self.source = samples

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW."""
        own = self.recipe
        return [torch.optim.AdamW(self.network.parameters(), own.learning_rate, weight_decay=own.weight_decay)]

    def descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser down a loss."""
        optimizer: Any = self.optimizers()
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _STEEPEST)
        optimizer.step()

    def metadata(self) -> dict[str, Any]:
        """From which the network is built again."""
        return super().metadata() | self.network.metadata()  # type: ignore[operator]
