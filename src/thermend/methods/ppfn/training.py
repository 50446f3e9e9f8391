"""Selective progressive training (PPFN, section 3), and its recipe.

A batch mixes composite and single samples. A composite one passes several times: the input of a pass is what the pass before
made of it, detached and clamped, its target what is left of the damage then. A single one passes with each of its three images,
straight to the clean one. The gradients of all passes make one step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, cast

import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch.nn import functional

from thermend.methods.ppfn.backbones import BACKBONES
from thermend.methods.ppfn.backbones.backbone import Backbone
from thermend.methods.ppfn.checkpoints import built
from thermend.methods.ppfn.estimator import Estimate
from thermend.methods.ppfn.network import SelfPrompted, named
from thermend.methods.ppfn.passes import DEGRADATIONS, PERCENTILES, SCENARIOS, THUMBNAIL, Told, passes_of
from thermend.methods.ppfn.pipeline import Pipeline
from thermend.methods.ppfn.prompts import Encoded, FusionKind
from thermend.methods.ppfn.samples import ProgressiveCrops, picked
from thermend.methods.ppfn.whole import Whole
from thermend.training.data import CleanCrops
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe, Section

PRESENT = 0.5
"""Grey levels of 255, root mean square, from which on a degradation counts as present."""
_CHARBONNIER = 1e-3


class Choosing(Section):
    """The estimator that chooses the prompts.

    Attributes
    ----------
    share : of the passes in training that run with prompts that it chose; the others have them by hand
    weight : of its own loss
    """

    share: float = Field(0.5, ge=0, le=1)
    weight: float = Field(0.02, ge=0)


class PpfnRecipe(Recipe):
    """A training of PPFN.

    Attributes
    ----------
    method : ``ppfn/BACKBONE``
    options : what the backbone's class takes
    prompts : ``dual``, ``degradation`` alone, or ``none``
    fusion, nonlinear : how the two are fused
    stages : of the backbone, that are modulated; None takes all
    order : in which degradations are removed
    iterations : passes; with fewer than three the first removes several
    loss : ``l1``, the paper's, or ``charbonnier``
    weight_decay : of AdamW
    pipeline : what spoils the images
    choosing : prompts that choose themselves; None leaves them to the user
    told : of which whole image a pass is told: of the one as it is then (``each``; in training as it should be then, since only
        pieces are restored), or of the one as it came (``first``; then training and use are told the same)
    """

    batch: int = Field(4, ge=1)
    crop: int = Field(256, ge=64)
    rate: float = Field(8e-5, gt=0)
    options: dict[str, Any] = Field(default_factory=dict)
    prompts: Literal["dual", "degradation", "none"] = "dual"
    fusion: FusionKind = "concatenate"
    nonlinear: bool = True
    stages: tuple[str, ...] | None = None
    order: tuple[str, ...] = tuple(reversed(DEGRADATIONS))
    iterations: int = Field(3, ge=1, le=3)
    loss: Literal["l1", "charbonnier"] = "l1"
    weight_decay: float = Field(0.0, ge=0)
    pipeline: Pipeline = Pipeline()
    choosing: Choosing | None = None
    told: Told = "each"

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        backbone = method.partition("/")[2] or "compact"
        if backbone not in BACKBONES:
            raise ValueError(f"backbone {backbone!r} is not known; known are {', '.join(BACKBONES)}")
        return f"ppfn/{backbone}"

    @field_validator("options")
    @classmethod
    def _work(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "method" in info.data:
            try:
                _meta(info.data["method"], options)
            except Exception as error:
                raise ValueError(f"{options} cannot be: {' '.join(str(error).split())[:120]}") from error
        return options

    @field_validator("order")
    @classmethod
    def _all_three(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(order) != sorted(DEGRADATIONS):
            raise ValueError(f"{list(order)}: expected {', '.join(DEGRADATIONS)} in some order")
        return order

    @model_validator(mode="after")
    def _fits(self) -> PpfnRecipe:
        if self.prompts == "none" and (self.choosing or self.stages):
            raise ValueError("prompts: none leaves nothing to choose and no stages to modulate")
        stages = _meta(self.method, self.options).stages
        for stage in self.stages or ():
            if stage not in stages:
                raise ValueError(f"stages: {stage!r} is not known; known are {', '.join(stages)}")
        return self

    @property
    def described(self) -> dict[str, Any]:
        """What is kept beside the weights; :func:`thermend.methods.ppfn.checkpoints.built` makes the network of it."""
        backbone = _meta(self.method, self.options)
        kept = {"options", "prompts", "fusion", "nonlinear", "stages", "order", "iterations", "told"}
        return self.model_dump(mode="json", include=kept) | {
            "backbone": self.method.partition("/")[2],
            "chooses": self.choosing is not None,
            "multiple": backbone.multiple,
            "surface": backbone.has_surface,
        }

    @property
    def passes(self) -> tuple[tuple[str, ...], ...]:
        """What each iteration removes."""
        return passes_of(self.order, self.iterations)


def _meta(method: str, options: Mapping[str, Any]) -> Backbone:
    """The backbone without its weights."""
    with torch.device("meta"), torch.no_grad():
        backbone = BACKBONES[method.partition("/")[2]](**options)
        if not all(p.numel() for p in backbone.parameters()):
            raise ValueError("some of its layers have no channels")
        side = 2 * backbone.multiple
        backbone(
            torch.empty(1, 1, side, side), whole=Whole(torch.empty(1, 1, *THUMBNAIL), torch.empty(1, len(PERCENTILES)))
        )
    return backbone


class Part(NamedTuple):
    """Samples of one pass.

    Attributes
    ----------
    images, targets : (b, 1, H, W)
    whole : of the whole images
    told : what the restorer is told of them
    severity : (b, 3), of the damage that is in them
    scenario : (b, 2), the prompt by hand
    """

    images: torch.Tensor
    targets: torch.Tensor
    whole: Whole
    told: Whole
    severity: torch.Tensor
    scenario: torch.Tensor


def _joined(parts: Sequence[Part]) -> Part:
    images, targets, wholes, told, severity, scenario = zip(*parts)
    return Part(
        torch.cat(images),
        torch.cat(targets),
        Whole(*map(torch.cat, zip(*wholes))),
        Whole(*map(torch.cat, zip(*told))),
        torch.cat(severity),
        torch.cat(scenario),
    )


class PpfnTraining(TrainingModule):
    """Selective progressive training."""

    recipe_kind: ClassVar[type[Recipe]] = PpfnRecipe
    recipe: PpfnRecipe
    network: SelfPrompted

    def __init__(self, recipe: PpfnRecipe) -> None:
        super().__init__(recipe, built(recipe.described).to(memory_format=torch.channels_last))

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> CleanCrops:
        own = cast(PpfnRecipe, recipe)
        return ProgressiveCrops(
            paths, own.crop, own.seed, own.convention, own.passes, own.pipeline, own.devices, own.source
        )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.network.parameters(), self.recipe.rate, weight_decay=self.recipe.weight_decay)

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The damaged piece; of a single sample each kind in turn."""
        return picked(batch, torch.arange(len(batch["number"]), device=self.device), self._places(batch))[0]

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        whole = None
        if batch is not None:  # that of the damaged images, for all passes: of what they become only pieces are known
            _, whole = picked(batch, torch.arange(len(degraded), device=degraded.device), self._places(batch))
        result: torch.Tensor = self.restoring(degraded, whole)
        return result

    def _places(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        kinds = batch["number"] // (2 * self.recipe.devices) % len(DEGRADATIONS)
        return torch.where(batch["composite"], 0, len(self.recipe.passes) + 1 + kinds)

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        optimizer = cast(torch.optim.Optimizer, self.optimizers())
        optimizer.zero_grad()
        composite, single = (torch.nonzero(of)[:, 0] for of in (batch["composite"], ~batch["composite"]))
        current, left = batch["states"][composite, 0], batch["severity"][composite].clone()
        losses, right = [], []
        encoded = self.network.restorer.encode()
        leaves = [tuple(features.detach().float().requires_grad_() for features in own) for own in encoded]
        scenario_of_composite: torch.Tensor | None = None
        for k, names in enumerate(self.recipe.passes):
            kinds = [DEGRADATIONS.index(name) for name in names]
            parts = [
                self._composite(batch, composite, current, left, k),
                *(self._single(batch, single, n) for n in kinds),
            ]
            images, targets, whole, told, severity, scenario = _joined(parts)
            estimate = None if self.network.estimator is None else self.network.estimator(images, whole)
            degradation = named(names, DEGRADATIONS, images)
            if estimate is not None and self.recipe.choosing is not None:
                estimated = estimate.scenario.float()
                if scenario_of_composite is not None:  # it is estimated once, from the image as it came
                    estimated = torch.cat((scenario_of_composite, estimated[len(composite) :]))
                scenario_of_composite = estimated[: len(composite)].detach()
                chosen = torch.rand(len(images), 1, generator=generator) < self.recipe.choosing.share
                degradation = torch.where(
                    chosen.to(images.device), degradation * estimate.degradation.float(), degradation
                )
                scenario = torch.where(chosen.to(images.device), estimated, scenario)
            restored = self.network.restorer(images, degradation, scenario * self.network.dual, told, leaves)
            share = torch.ones(len(images), device=images.device)
            share[len(composite) :] /= len(names)  # as much of single damage as of composite, however many go together
            loss = (self._distance(restored, targets) * share).sum() / share.sum()
            losses.append(loss.detach())
            if estimate is not None and self.recipe.choosing is not None:
                loss = loss + self.recipe.choosing.weight * _estimate_loss(estimate, severity)
                right.append(((estimate.presence > 0) == (severity >= PRESENT)).float().mean())
            self.manual_backward(loss)
            current = restored[: len(composite)].detach().float().clamp(0, 1)
            left[:, kinds] = 0
        self._encoders_backward(encoded, leaves)
        optimizer.step()
        logged = {"loss": torch.stack(losses).mean()}
        return logged | ({"estimates_right": torch.stack(right).mean()} if right else {})

    def _encoders_backward(self, encoded: Sequence[Encoded], leaves: Sequence[Encoded]) -> None:
        """The prompts are the same in every pass: their encoders run once, and back once, with the gradients of all passes."""
        parts = [
            (features.float() * leaf.grad).sum()
            for own, theirs in zip(encoded, leaves)
            for features, leaf in zip(own, theirs)
            if leaf.grad is not None
        ]
        if parts:
            self.manual_backward(torch.stack(parts).sum())

    def _composite(
        self, batch: Mapping[str, torch.Tensor], rows: torch.Tensor, current: torch.Tensor, left: torch.Tensor, k: int
    ) -> Part:
        """Pass k begins with what the pass before made of the pieces; of their whole images it is told what they should be
        then, or what they were."""
        _, whole = picked(batch, rows, k)
        _, told = picked(batch, rows, k if self.recipe.told == "each" else 0)
        targets, _ = picked(batch, rows, k + 1)
        return Part(current, targets, whole, told, left.clone(), named(("composite",), SCENARIOS, current))

    def _single(self, batch: Mapping[str, torch.Tensor], rows: torch.Tensor, kind: int) -> Part:
        images, whole = picked(batch, rows, len(self.recipe.passes) + 1 + kind)
        severity = torch.zeros_like(batch["severity"][rows])
        severity[:, kind] = batch["severity"][rows, kind]
        return Part(images, batch["clean"][rows], whole, whole, severity, named(("single",), SCENARIOS, images))

    def _distance(self, restored: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Of each sample, (B,)."""
        difference = restored.float() - targets
        if self.recipe.loss == "l1":
            return difference.abs().mean((1, 2, 3))
        return (difference.square() + _CHARBONNIER**2).sqrt().mean((1, 2, 3))

    def metadata(self) -> dict[str, Any]:
        return super().metadata() | self.recipe.described


def _estimate_loss(estimate: Estimate, severity: torch.Tensor) -> torch.Tensor:
    """Of presence the cross entropy; of severity the distance of logarithms."""
    present = functional.binary_cross_entropy_with_logits(estimate.presence.float(), (severity >= PRESENT).float())
    strong = (torch.log1p(estimate.severity.float()) - torch.log1p(severity)).abs().mean()
    return present + 0.1 * strong
