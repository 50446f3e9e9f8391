"""The degradation pipelines of D_tr and D_val: composite damage of random kinds and strengths (ranges assumed)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional

from thermend.degradations import Cascade, OneOf, Step, Uniform
from thermend.degradations.severity import rounded

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


def spoiled(
    image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor, gate: float, undamaged: float
) -> torch.Tensor:
    """(B, 1, H, W) in [0, 1], pieces of images of that mean, (B,), each through its own pipeline.

    Parameters
    ----------
    gate, undamaged : float
        as :class:`thermend.methods.hidra.recipe.Pipeline` has them
    """
    clean, drawn = image, chance(len(image), generator)
    for step in CASCADE.steps:
        image = _where(chance(len(image), generator) < gate, step, image, generator, mean)
    spared = (drawn < undamaged).to(image.device)[:, None, None, None]
    return torch.where(spared, clean, rounded(image))


class Known(NamedTuple):
    """Images, and what was done to them, step by step of :data:`CASCADE`.

    Attributes
    ----------
    image : (B, 1, H, W)
    there : (B, steps)
        whether a step was taken, 0 or 1
    amount : (B, steps)
        ln(1 + r), where the step changed the image by r grey levels in the root mean square
    """

    image: torch.Tensor
    there: torch.Tensor
    amount: torch.Tensor


def known(image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor) -> Known:
    """As :func:`spoiled`, otherwise drawn: half of the images take one step alone, which is where steps are told apart; the
    others any number, each as likely."""
    count, steps = len(image), len(CASCADE.steps)
    alone, gates = chance(count, generator) < 0.5, chance(count, generator)
    which = torch.randint(steps, (count,), generator=generator)
    some = torch.rand((count, steps), generator=generator, dtype=torch.float64) < gates[:, None]
    there = torch.where(alone[:, None], functional.one_hot(which, steps).bool(), some)
    amount = []
    for step, taken in zip(CASCADE.steps, there.unbind(1)):
        after = _where(taken, step, image, generator, mean)
        amount.append((255 * (after - image)).square().mean((1, 2, 3)).sqrt().log1p())
        image = after
    return Known(rounded(image), there.to(image), torch.stack(amount, 1))


def chance(count: int, generator: torch.Generator) -> torch.Tensor:
    """A chance for each image, (B,) in [0, 1)."""
    return torch.rand(count, generator=generator, dtype=torch.float64)


def _where(
    taken: torch.Tensor, step: Step, image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor
) -> torch.Tensor:
    """The images, those of them through the step that take it, (B,)."""
    places = taken.nonzero()[:, 0].to(image.device)
    if not len(places):
        return image
    return image.index_copy(0, places, step(image[places], generator, mean[places]))
