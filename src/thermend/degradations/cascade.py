"""Cascades: degradations in the order in which a camera applies them, with what is drawn for each image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from thermend.degradations.blur import anisotropic_blur, gaussian_blur, smoothing
from thermend.degradations.contrast import contrast, darkening, haze
from thermend.degradations.hidra_released import hidra_released
from thermend.degradations.noise import correlated_noise, dead_pixels, fixed_pattern_noise, gaussian_noise, shot_noise
from thermend.degradations.quantisation import jpeg, posterisation
from thermend.degradations.resolution import low_resolution
from thermend.degradations.severity import rounded
from thermend.degradations.stripes import stripes
from thermend.degradations.vignetting import vignetting

DEGRADATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "contrast": contrast,
    "darkening": darkening,
    "haze": haze,
    "low-resolution": low_resolution,
    "blur": gaussian_blur,
    "anisotropic-blur": anisotropic_blur,
    "smoothing": smoothing,
    "vignetting": vignetting,
    "stripes": stripes,
    "fixed-pattern-noise": fixed_pattern_noise,
    "shot-noise": shot_noise,
    "gaussian-noise": gaussian_noise,
    "correlated-noise": correlated_noise,
    "dead-pixels": dead_pixels,
    "posterisation": posterisation,
    "jpeg": jpeg,
}
"""By name, in the order of a camera."""
_WHOLE = {"hidra-released": hidra_released}
"""What is a pipeline of its own, and has no gradient."""
_ALL = DEGRADATIONS | _WHOLE

_RANDOM = {"stripes", "fixed-pattern-noise", "shot-noise", "gaussian-noise", "correlated-noise", "dead-pixels", *_WHOLE}


@dataclass(frozen=True)
class Uniform:
    """A number from [low, high), drawn for each image."""

    low: float
    high: float


@dataclass(frozen=True)
class RootUniform(Uniform):
    """A number whose square is uniform, from [low, high): a deviation of which the variance is drawn."""


@dataclass(frozen=True)
class OneOf:
    """One of several values with equal chances, drawn for each image."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Step:
    """One degradation of a cascade.

    Attributes
    ----------
    name : str
        of the degradation, as in :data:`DEGRADATIONS`
    severity : mapping
        its parameters: fixed values, or what to draw them from
    rounds : bool
        clip and round to 8 bits afterwards, as a camera that stores does
    """

    name: str
    severity: Mapping[str, Any] = field(default_factory=dict)
    rounds: bool = False

    def __call__(
        self, image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Degrade (B, 1, H, W); severities are drawn for each image.

        Parameters
        ----------
        mean : (B,) or None
            of the whole images where these are pieces of them; contrast is lost about it
        """
        drawn = [self._draw(generator) for _ in range(len(image))]
        alike: dict[tuple[Any, ...], list[int]] = {}  # samples that differ in numbers alone go together
        for i, values in enumerate(drawn):
            alike.setdefault(tuple((k, v) for k, v in values.items() if not isinstance(v, float)), []).append(i)
        pieces = []
        for places in alike.values():
            arguments: dict[str, Any] = {}
            for key, value in drawn[places[0]].items():
                numbers = [drawn[i][key] for i in places]
                arguments[key] = torch.tensor(numbers, dtype=torch.float64) if isinstance(value, float) else value
            if self.name in _RANDOM:
                arguments["generator"] = generator
            if mean is not None and self.name == "contrast":
                arguments["centre"] = mean[places]
            together = image if len(alike) == 1 else image[places]
            pieces.append(_ALL[self.name](together, **arguments))
        result = pieces[0]
        if len(pieces) > 1:
            order = torch.tensor([i for places in alike.values() for i in places], device=image.device)
            result = torch.cat(pieces)[order.argsort()]
        return rounded(result) if self.rounds else result

    def _draw(self, generator: torch.Generator) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, source in self.severity.items():
            if isinstance(source, Uniform):
                share = torch.rand((), generator=generator, dtype=torch.float64).item()
                if isinstance(source, RootUniform):
                    values[key] = math.sqrt(source.low**2 + (source.high**2 - source.low**2) * share)
                else:
                    values[key] = source.low + (source.high - source.low) * share
            elif isinstance(source, OneOf):
                index = int(torch.randint(len(source.values), (), generator=generator))
                values[key] = source.values[index]
            else:
                values[key] = source
        return values


@dataclass(frozen=True)
class Cascade:
    """Degradations one after another.

    Attributes
    ----------
    steps : tuple of Step
        in the order in which they are applied; those of one group stand or fall together with its gate
    groups : tuple of int
        how many steps each group has; empty: every step is a group of its own
    """

    steps: tuple[Step, ...]
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.groups and sum(self.groups) != len(self.steps):
            raise ValueError(f"groups of {self.groups} steps: expected {len(self.steps)} in all")

    def __call__(
        self, image: torch.Tensor, generator: torch.Generator, gate: float = 1.0, mean: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Degrade (B, 1, H, W) in [0, 1]; the result is clipped to [0, 1] and rounded to 8 bits.

        Parameters
        ----------
        generator : torch.Generator
            on the CPU; the same state gives the same images
        gate : float
            chance of each group to be applied to an image
        mean : (B,) tensor or None
            of the whole images, where these are pieces of them
        """
        return rounded([image, *self.stages(image, generator, gate, mean)][-1])

    def stages(
        self, image: torch.Tensor, generator: torch.Generator, gate: float = 1.0, mean: torch.Tensor | None = None
    ) -> Iterator[torch.Tensor]:
        """The batch after each group, as for :meth:`__call__` but as the steps leave it."""
        first = 0
        for count in self.groups or (1,) * len(self.steps):
            degraded = image
            for step in self.steps[first : first + count]:
                degraded = step(degraded, generator, mean)
            first += count
            if gate < 1:
                passes = torch.rand((len(image), 1, 1, 1), generator=generator, dtype=torch.float64) < gate
                degraded = torch.where(passes.to(image.device), degraded, image)
            image = degraded
            yield image
