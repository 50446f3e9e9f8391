"""DEAL's recipe: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from thermend.methods.deal.names import CASCADES, STAGES, Strategy
from thermend.training.names import DEGRADATIONS
from thermend.training.recipe import Recipe, Section

if TYPE_CHECKING:
    from thermend.degradations import Step
    from thermend.methods.deal.generator import DegradationGenerator


def _degradation(value: Any) -> Any:
    """``NAME``, or ``NAME: {PARAMETER: SEVERITY}``."""
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("expected NAME or NAME: {PARAMETER: SEVERITY}")
    name, severity = next(iter(value.items()))
    name = {"nonuniformity": "vignetting"}.get(name, name)  # its earlier name
    if severity is not None and not isinstance(severity, dict):
        raise ValueError(f"{name}: expected {{PARAMETER: SEVERITY}}")
    if name != "none" and name not in DEGRADATIONS:
        raise ValueError(f"degradation {name!r} is not known; known are none, {', '.join(DEGRADATIONS)}")
    return {name: severity or {}}


def _severity(name: str, key: str, value: Any) -> Any:
    """A number or a word; ``{from: A, to: B}``; ``{any: [A, B, ...]}``."""
    from thermend.degradations import OneOf, Uniform

    place = f"{name}: {key}: {value!r}"
    if isinstance(value, Mapping):
        if set(value) == {"from", "to"} and all(isinstance(v, (int, float)) for v in value.values()):
            return Uniform(float(value["from"]), float(value["to"]))
        if set(value) == {"any"} and isinstance(value["any"], list) and value["any"]:
            return OneOf(tuple(value["any"]))
    elif isinstance(value, (int, float, str)):
        return value
    raise ValueError(f"{place}: expected a number, a word, {{from: A, to: B}} or {{any: [A, B, ...]}}")


class Generator(Section):
    """N_G.

    Attributes
    ----------
    strategy : Strategy
        ``adversarial``, or a rival of Table 7: ``average``, ``all``; or ``random``, an adversary that never learns
    degradations : tuple of dict
        D_j with their severities: a number, {from: A, to: B} (uniform) or {any: [A, B]}
    stages, gumbel_scale, gate : int
        as in :class:`thermend.methods.deal.generator.DegradationGenerator`
    learning_rate, momentum, weight_decay : float
        of its SGD
    begin, end : float
        shares of the run between which it learns; before is the warm start
    every : int
        it takes a step after so many of N_E's
    similarity : float
        λ in L(N_E(x̂), y) + λ L(x̂, x), which it ascends; 0 is Eq. 5, either sign is a reading of the paper's text
    """

    place = "generator"
    strategy: Strategy = "adversarial"
    degradations: tuple[Annotated[dict[str, dict[str, Any]], BeforeValidator(_degradation)], ...] = (
        {"stripes": {"offset": {"from": 0, "to": 75}}},
        {"low-resolution": {"factor": 4, "kernel": "max", "back": "bilinear"}},
        {"contrast": {"factor": 0.5}},
        {"blur": {"sigma": {"from": 1.0, "to": 1.5}, "size": 9}},
        {"smoothing": {"amount": 0.3}},
        {"posterisation": {"bits": 5.0}},
    )
    stages: int = Field(STAGES, ge=1)
    gumbel_scale: float = Field(0.0, ge=0)
    gate: float = Field(1.0, gt=0, le=1)
    learning_rate: float = Field(2e-4, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    begin: float = Field(0.3, ge=0, le=1)
    end: float = Field(0.65, ge=0, le=1)
    every: int = Field(1, ge=1)
    similarity: float = 0.0

    @model_validator(mode="after")
    def _has_a_time(self) -> Generator:
        if self.strategy == "adversarial" and self.begin >= self.end:
            raise ValueError(
                f"begin {self.begin}, end {self.end}: the adversary never learns; strategy: random says so"
            )
        return self

    @field_validator("degradations")
    @classmethod
    def _some(cls, degradations: tuple[dict[str, dict[str, Any]], ...]) -> tuple[dict[str, dict[str, Any]], ...]:
        if not degradations:
            raise ValueError("expected at least one")
        return degradations

    def check(self) -> None:
        """Raise ValueError where a degradation cannot be applied with what the recipe says."""
        for step in steps_of(self.degradations):
            if step is not None:
                _try(step)

    def build(self) -> DegradationGenerator:
        """The network."""
        from thermend.methods.deal.generator import DegradationGenerator

        return DegradationGenerator(
            steps_of(self.degradations), self.stages, self.strategy, self.gumbel_scale, self.gate
        )


def steps_of(degradations: tuple[dict[str, dict[str, Any]], ...]) -> list[Step | None]:
    """A recipe's degradations as the laboratory's."""
    from thermend.degradations import Step

    return [
        None if name == "none" else Step(name, {key: _severity(name, key, value) for key, value in severity.items()})
        for entry in degradations
        for name, severity in entry.items()
    ]


def _try(step: Step) -> None:
    """Apply a degradation with every value that it may have, to find out now what is impossible."""
    import torch

    from thermend.degradations import DEGRADATIONS as FUNCTIONS
    from thermend.degradations import OneOf, Step, Uniform

    choices = [
        [value.low, value.high] if isinstance(value, Uniform) else value.values if isinstance(value, OneOf) else [value]
        for value in step.severity.values()
    ]
    trial = torch.full((1, 1, 16, 16), 0.5)
    for values in itertools.product(*choices):
        fixed = Step(step.name, dict(zip(step.severity, values)))
        try:
            fixed(trial, torch.Generator().manual_seed(0), trial.mean((1, 2, 3)))
        except Exception as error:
            reason = str(error).replace(f"{FUNCTIONS[step.name].__name__}() ", "")
            stated = ", ".join(f"{key}: {value!r}" for key, value in fixed.severity.items())
            raise ValueError(f"{step.name}: {{{stated}}} cannot be: {reason}") from error


class DealRecipe(Recipe):
    """A training of DEAL.

    Attributes
    ----------
    least_spread : float
        grey levels of 255 that an image spans at least when N_E sees it (:mod:`thermend.methods.deal.levels`); 0, as in the
        paper, leaves every image as it is
    spiking : bool
        with the neurons of the spiking blocks; false is the ablation of Fig. 7
    freeze_norm : float
        share of the run after which batch norm uses its running statistics, as it will when it restores; 1 never
    generator : Generator
        N_G
    """

    batch_size: int = Field(2, ge=1)
    patch_size: int = Field(128, ge=64)
    learning_rate: float = Field(1e-4, gt=0)
    least_spread: float = Field(0.0, ge=0, le=255)
    spiking: bool = True
    freeze_norm: float = Field(1.0, ge=0, le=1)
    generator: Generator = Generator()

    @field_validator("method")
    @classmethod
    def _variant(cls, method: str) -> str:
        variant = method.partition("/")[2] or "cascade-2"
        if variant not in CASCADES:
            raise ValueError(f"variant {variant!r} is not known; known are {', '.join(CASCADES)}")
        return f"deal/{variant}"

    @model_validator(mode="after")
    def _works(self) -> DealRecipe:
        try:
            self.generator.check()
        except ValueError as error:
            raise ValueError(f"generator.degradations: {error}") from error
        return self

    @property
    def variant(self) -> str:
        """Name of the blocks."""
        return self.method.partition("/")[2]
