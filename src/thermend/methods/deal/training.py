"""The dynamic adversarial solution (DEAL, section 2.1, Algorithm 1, Eqs. 4 and 5), and its recipe.

Where the released script detaches the degraded image and N_E's loss, so that no gradient reaches N_G, this follows the paper:
θ ascends L(N_E(N_G(x; θ); ω), y).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field, field_validator, model_validator
from torch import nn
from torch.nn import functional

from thermend.degradations import DEGRADATIONS, OneOf, Step, Uniform
from thermend.methods.deal.blocks import TIME_STEPS
from thermend.methods.deal.checkpoints import architecture
from thermend.methods.deal.generator import STAGES, DegradationGenerator, Strategy
from thermend.methods.deal.levels import Image, spread, spreading
from thermend.methods.deal.network import PRESETS, DualInteractionNetwork
from thermend.training.losses import ssim
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe, Section

PIXEL_WEIGHT, SSIM_WEIGHT = 0.75, 1.1
_BLOCK_OF_WHOLE = 2
"""Side of the blocks of the whole image at the size of a crop, pixels: of an image of 640 x 512 about a dozen of its own."""


def _degradation(value: Any) -> Any:
    """``NAME``, or ``NAME: {PARAMETER: SEVERITY}``."""
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("expected NAME or NAME: {PARAMETER: SEVERITY}")
    name, severity = next(iter(value.items()))
    if severity is not None and not isinstance(severity, dict):
        raise ValueError(f"{name}: expected {{PARAMETER: SEVERITY}}")
    if name != "none" and name not in DEGRADATIONS:
        raise ValueError(f"degradation {name!r} is not known; known are none, {', '.join(DEGRADATIONS)}")
    return {name: severity or {}}


def _severity(name: str, key: str, value: Any) -> Any:
    """A number or a word; ``{from: A, to: B}``; ``{any: [A, B, ...]}``."""
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
    strategy : ``adversarial``, or a rival of Table 7: ``average``, ``all``; or ``random``, an adversary that never learns
    degradations : D_j with their severities: a number, {from: A, to: B} (uniform) or {any: [A, B]}
    stages, noise, gate : as in :class:`thermend.methods.deal.generator.DegradationGenerator`
    rate, momentum, weight_decay : of its SGD
    begin, end : shares of the run between which it learns; before is the warm start
    every : it takes a step after so many of N_E's
    similarity : λ in L(N_E(x̂), y) + λ L(x̂, x), which it ascends; 0 is Eq. 5, either sign is a reading of the paper's text
    """

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
    noise: float = Field(0.0, ge=0)
    gate: float = Field(1.0, gt=0, le=1)
    rate: float = Field(2e-4, ge=0)
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
    def _work(cls, degradations: tuple[dict[str, dict[str, Any]], ...]) -> tuple[dict[str, dict[str, Any]], ...]:
        if not degradations:
            raise ValueError("expected at least one")
        for step in steps_of(degradations):
            if step is not None:
                _try(step)
        return degradations

    def build(self) -> DegradationGenerator:
        """The network."""
        return DegradationGenerator(steps_of(self.degradations), self.stages, self.strategy, self.noise, self.gate)


def steps_of(degradations: tuple[dict[str, dict[str, Any]], ...]) -> list[Step | None]:
    """A recipe's degradations as the laboratory's."""
    return [
        None if name == "none" else Step(name, {key: _severity(name, key, value) for key, value in severity.items()})
        for entry in degradations
        for name, severity in entry.items()
    ]


def _try(step: Step) -> None:
    """Apply a degradation with every value that it may have, to find out now what is impossible."""
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
            reason = str(error).replace(f"{DEGRADATIONS[step.name].__name__}() ", "")
            stated = ", ".join(f"{key}: {value!r}" for key, value in fixed.severity.items())
            raise ValueError(f"{step.name}: {{{stated}}} cannot be: {reason}") from error


class DealRecipe(Recipe):
    """A training of DEAL.

    Attributes
    ----------
    least_spread : grey levels of 255 that an image spans at least when N_E sees it (:mod:`thermend.methods.deal.levels`); 0, as
        in the paper, leaves every image as it is
    spiking : with the neurons of the spiking blocks; false is the ablation of Fig. 7
    freeze_norm : share of the run after which batch norm uses its running statistics, as it will when it restores; 1 never
    generator : N_G
    """

    batch: int = Field(2, ge=1)
    crop: int = Field(128, ge=64)
    rate: float = Field(1e-4, gt=0)
    least_spread: float = Field(0.0, ge=0, le=255)
    spiking: bool = True
    freeze_norm: float = Field(1.0, ge=0, le=1)
    generator: Generator = Generator()

    @field_validator("method")
    @classmethod
    def _variant(cls, method: str) -> str:
        variant = method.partition("/")[2] or "cascade-2"
        if variant not in PRESETS:
            raise ValueError(f"variant {variant!r} is not known; known are {', '.join(PRESETS)}")
        return f"deal/{variant}"

    @property
    def variant(self) -> str:
        """Name of the blocks."""
        return self.method.partition("/")[2]


def enhancement_loss(restored: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """L = 0.75 · mean |ŷ − y| + 1.1 (1 − SSIM(ŷ, y)) (section 3; the constant 1.1 only moves its zero)."""
    pixel = (restored.float() - clean).abs().mean()
    return PIXEL_WEIGHT * pixel + SSIM_WEIGHT * (1 - ssim(restored, clean))


class DealTraining(TrainingModule):
    """Algorithm 1: a warm start, then N_E and N_G in turns, then N_E alone against what N_G has become."""

    recipe_kind: ClassVar[type[Recipe]] = DealRecipe
    recipe: DealRecipe

    def __init__(self, recipe: DealRecipe) -> None:
        network = DualInteractionNetwork(recipe.variant, time_steps=TIME_STEPS if recipe.spiking else 0)
        super().__init__(recipe, network.to(memory_format=torch.channels_last))
        self.generator = recipe.generator.build()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(self.network.parameters(), self.recipe.rate)]
        if self.generator.classifier is not None:
            own = self.recipe.generator
            optimizers.append(
                torch.optim.SGD(
                    self.generator.classifier.parameters(), own.rate, own.momentum, weight_decay=own.weight_decay
                )
            )
        return optimizers

    @property
    def adversary_learns(self) -> bool:
        """Whether N_G takes a step now."""
        own = self.recipe.generator
        within = own.begin <= self.done / self.recipe.steps < own.end
        return self.generator.classifier is not None and within and self.done % own.every == 0

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """What N_E gets: N_G's images, spread as the whole image asks for it."""
        with torch.autocast(self.device.type, enabled=False):
            weights, passes = self.generator.mixture(batch["whole"], generator)
            state = generator.get_state()
            degraded = self.generator.mix(batch["clean"], weights, passes, generator, batch["mean"])
            if self.recipe.least_spread:
                again = torch.Generator()
                again.set_state(state)
                with torch.no_grad():
                    small = functional.interpolate(batch["whole"], batch["clean"].shape[2:], mode="area")
                    whole = self.generator.mix(small, weights, passes, again, batch["mean"])
                degraded = self._spread(degraded, whole)
        return degraded

    def _spread(self, degraded: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        found = [spreading(image, self.recipe.least_spread, _BLOCK_OF_WHOLE) for image in whole[:, 0].cpu().numpy()]
        gain, mean = degraded.new_tensor(found).T[..., None, None, None]
        return mean + gain * (degraded - mean)

    def prepared(self, image: Image) -> Image:
        return spread(image, self.recipe.least_spread) if self.recipe.least_spread else image

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        optimizers: Any = self.optimizers()
        enhancer, *adversary = optimizers if isinstance(optimizers, list) else [optimizers]
        self._set_norm()
        with torch.no_grad():
            degraded = self.degrade(batch, generator)
        loss = enhancement_loss(self.network(degraded), batch["clean"])  # Eq. 4
        enhancer.zero_grad()
        self.manual_backward(loss)
        enhancer.step()
        logged = {"loss": loss}
        if adversary and self.adversary_learns:
            gain = self.adversary_gain(batch, generator)
            adversary[0].zero_grad()
            self.manual_backward(-gain)  # Eq. 5 ascends
            adversary[0].step()
            self.network.requires_grad_(True)
            logged["adversary_gain"] = gain
        return logged

    def adversary_gain(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """What N_G ascends: N_E's loss on what it makes, N_E as it restores; the gradient goes through the degraded image.

        N_E's own parameters get no gradient, and its norms' statistics stay.
        """
        self.network.requires_grad_(False)
        self.network.eval()
        degraded = self.degrade(batch, generator)
        gain = enhancement_loss(self.network(degraded), batch["clean"])
        if self.recipe.generator.similarity:
            gain = gain + self.recipe.generator.similarity * enhancement_loss(degraded, batch["clean"])
        self.network.train()
        return gain

    def metadata(self) -> dict[str, Any]:
        own = {"least_spread": self.recipe.least_spread} if self.recipe.least_spread else {}
        return super().metadata() | architecture(self.network) | own  # type: ignore[arg-type]

    def _set_norm(self) -> None:
        self.network.train()
        if self.done >= self.recipe.freeze_norm * self.recipe.steps:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
