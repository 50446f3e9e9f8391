"""What DEM is taught before the bi-level training, where no pretrained DINOv2 is to be had (not in the paper).

The paper's DEM looks through features that have seen millions of images. The small one has seen none, and the upper level makes
one step a loop. So it first learns, from images that were damaged in a known way, which steps of the cascade were taken and how
much each changed the image, as far as a linear layer can read that off P. The attention of the layers to each other comes in
with the loops, as the identity: before, it hindered (350 lessons from random patches: with it no better than guessing, without
it better from 250 on).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.hidra.pipeline import CASCADE, Known


class Lessons(nn.Module):
    """Reads off P what was done to an image.

    Parameters
    ----------
    width : of P
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.readout = nn.Linear(width, 2 * len(CASCADE.steps))

    def forward(self, degradation: torch.Tensor, truth: Known) -> dict[str, torch.Tensor]:
        """P, (B, width), to the terms of the loss: the cross-entropy of whether each step was taken, and the squared error of
        how much it changed the image."""
        there, amount = self.readout(degradation).float().chunk(2, 1)
        return {
            "there": functional.binary_cross_entropy_with_logits(there, truth.there),
            "amount": functional.mse_loss(amount, truth.amount),
        }
