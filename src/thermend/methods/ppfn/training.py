"""Selective progressive training (PPFN, section 3), and its recipe.

A batch mixes composite and single samples. A composite one passes several times: the input of a pass is what the pass before
made of it, detached and clamped, its target what is left of the damage then. A single one passes with each of its three images,
straight to the clean one. The gradients of all passes make one step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch.nn import functional

from thermend.methods.ppfn.checkpoints import built
from thermend.methods.ppfn.estimator import Estimate
from thermend.methods.ppfn.network import SelfPrompted, named
from thermend.methods.ppfn.passes import DEGRADATIONS, SCENARIOS
from thermend.methods.ppfn.prompts import Encoded
from thermend.methods.ppfn.recipe import PpfnRecipe
from thermend.methods.ppfn.samples import ProgressiveCrops, picked
from thermend.methods.ppfn.whole import Whole
from thermend.training.data import CleanCrops
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe

PRESENT = 0.5
"""Grey levels of 255, root mean square, from which on a degradation counts as present."""
_CHARBONNIER = 1e-3


class Part(NamedTuple):
    """Samples of one pass.

    Attributes
    ----------
    images, targets : (b, 1, H, W)
    whole : Whole
        of the whole images
    told : Whole
        what the restorer is told of them
    severity : (b, 3)
        of the damage that is in them
    scenario : (b, 2)
        the prompt by hand
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
            paths, own.patch_size, own.seed, own.convention, own.passes, own.pipeline, own.devices, own.source
        )

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        own = self.recipe
        return [torch.optim.AdamW(self.network.parameters(), own.learning_rate, weight_decay=own.weight_decay)]

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
