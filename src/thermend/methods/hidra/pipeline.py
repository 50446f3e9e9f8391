"""The degradation pipelines of D_tr and D_val: composite damage of random kinds and strengths (ranges assumed)."""

from __future__ import annotations

import math

import torch
from pydantic import Field

from thermend.degradations import Cascade, OneOf, Step, Uniform
from thermend.degradations.severity import rounded
from thermend.training.recipe import Section

_LINES = Step(
    "stripes",
    {"offset": Uniform(0, 20), "gain": Uniform(0, 0.12), "direction": OneOf(("columns", "columns", "columns", "rows"))},
)
CASCADE = Cascade(
    (
        Step("contrast", {"factor": Uniform(0.3, 1.0)}),
        Step("low-resolution", {"factor": OneOf((2, 4))}),
        Step(
            "anisotropic-blur",
            {
                "sigma_x": Uniform(0.3, 3.2), "sigma_y": Uniform(0.3, 3.2), "angle": Uniform(0, math.pi), "size": 25,
                "isotropic": OneOf((0.0, 1.0, 1.0)),
            },
        ),
        _LINES,
        Step("fixed-pattern-noise", {"offset": Uniform(0, 15), "gain": Uniform(0, 0.05)}),
        Step("gaussian-noise", {"sigma": Uniform(0, 32)}),
    )
)  # fmt: skip
"""In a camera's order; up to what `hidra-extreme` does, and a little beyond."""


class Pipeline(Section):
    """What spoils the images.

    Attributes
    ----------
    gate : chance of each degradation to be there
    undamaged : chance of an image to be left as it is
    """

    gate: float = Field(0.6, gt=0, le=1)
    undamaged: float = Field(0.05, ge=0, lt=1)

    def __call__(self, image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1], pieces of images of that mean, (B,), each through its own pipeline."""
        clean, chance = image, torch.rand(len(image), generator=generator, dtype=torch.float64)
        for step in CASCADE.steps:
            there = torch.rand((len(image), 1, 1, 1), generator=generator, dtype=torch.float64) < self.gate
            image = torch.where(there.to(image.device), step(image, generator, mean), image)
        spared = (chance < self.undamaged).to(image.device)[:, None, None, None]
        return torch.where(spared, clean, rounded(image))
