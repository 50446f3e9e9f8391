"""HiDRA's bi-level training.

One step of a recipe is one loop of Alg. 1: T steps of the lower level (ΔW on D_tr), then one of the upper (ω on D_val). Both
sets are the same clean images under different pipelines; a sample of D_val goes through M of them. Lessons
(:mod:`thermend.methods.hidra.lessons`) may come before, one a step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch

from thermend.errors import InputError, ThermendError, UsageError, first_line
from thermend.methods.hidra.backbone import IMPOSSIBLE
from thermend.methods.hidra.checkpoints import built, check_prior, halves_of, open_prior
from thermend.methods.hidra.critic import PatchCritic, critic_loss, generator_loss
from thermend.methods.hidra.guidance import views
from thermend.methods.hidra.lessons import Lessons
from thermend.methods.hidra.network import Hidra
from thermend.methods.hidra.pipeline import known
from thermend.methods.hidra.recipe import HidraRecipe
from thermend.methods.hidra.solver import hypergradient, ratio
from thermend.training.features import Features, features
from thermend.training.module import TrainingModule, factor_of
from thermend.training.recipe import Recipe
from thermend.weights.checkpoints import sha256_of

_BLOCKS = 11  # of EfficientNet-Lite0, where that is asked for


class HidraTraining(TrainingModule):
    """T steps of ΔW, one of ω."""

    recipe_kind: ClassVar[type[Recipe]] = HidraRecipe
    recipe: HidraRecipe
    network: Hidra

    def __init__(self, recipe: HidraRecipe) -> None:
        chosen = recipe.prior
        if recipe.init_from is not None and recipe.described["prior"] == "embedded":
            check_prior(recipe.init_from)
        backbone = open_prior(chosen.source, chosen.prompt, chosen.autoencoder, chosen.unet, chosen.precision)
        try:
            network = built(recipe.described, backbone, pretrained=True)
        except IMPOSSIBLE as error:
            raise (
                error if isinstance(error, ThermendError) else UsageError(f"estimator: {first_line(error)}")
            ) from error
        super().__init__(recipe, network)
        self.critic = PatchCritic() if recipe.losses.adversarial else None
        self.perceptual: list[Features] = (
            [features(recipe.losses.features, recipe.losses.features_file, _BLOCKS)] if recipe.losses.perceptual else []
        )  # a list and no module: pretrained weights are no part of a checkpoint
        self.own = self.network.adaptation()
        estimator = self.network.estimator
        self.upper = [] if estimator is None else [p for p in estimator.parameters() if p.requires_grad]
        self.lessons = Lessons(estimator.width) if estimator is not None and recipe.lessons else None

    @classmethod
    def files(cls, recipe: Recipe) -> dict[str, Path]:
        assert isinstance(recipe, HidraRecipe)
        found, prior = super().files(recipe), recipe.prior
        if prior.source is None:
            halves = halves_of(prior.autoencoder, prior.unet)
            found |= {f"prior.{half}": Path(file) for half, file in zip(("autoencoder", "unet"), halves)}
        return found

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        rate, betas = self.recipe.learning_rate, (0.9, 0.999)
        found: list[torch.optim.Optimizer] = [torch.optim.Adam(self.own, rate, betas)]
        if self.upper:
            found.append(torch.optim.Adam(self.upper, rate * self.recipe.estimator_rate, betas))
        if self.critic is not None:
            found.append(torch.optim.Adam(self.critic.parameters(), rate, betas))
        if self.lessons is not None:  # last, and apart: what Adam remembers of lessons says nothing of the upper level
            found.append(torch.optim.Adam([*self.upper, *self.lessons.parameters()], rate, betas))
        return found

    def factor_at(self, step: int) -> float:
        """Warm-up and schedule of the lessons, then again of the loops."""
        recipe, lessons = self.recipe, self.recipe.lessons
        first, steps = (0, lessons) if step < lessons else (lessons, recipe.most_steps - lessons)
        return factor_of(recipe, step - first, steps)

    def begin(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        assert isinstance(network, Hidra)
        given = {n: t for n, t in tensors.items() if n != "prompt" and not n.startswith("probe.")}
        own, learned = self._kept(network), network.learned()
        if "estimator.interaction.out.weight" not in given:  # begins as if it were not there, so it may come in later
            own = {n: t for n, t in own.items() if not n.startswith("estimator.interaction.")}
        if {n: t.shape for n, t in given.items()} != {n: t.shape for n, t in own.items()}:
            raise ValueError("not the tensors of this network")
        prior = network.state_dict()
        if any(
            not torch.allclose(t.float(), prior[n].float(), 1e-3, 1e-5) for n, t in given.items() if n not in learned
        ):
            raise InputError(str(self.recipe.init_from), "was trained on another prior than the one of this recipe")
        network.load_state_dict({n: t for n, t in given.items() if n in learned}, strict=False)

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """Whole images as they will be run: P from pieces of them."""
        network: Any = self.restoring
        if batch is not None or network.estimator is None:
            return super().restore(degraded, batch)
        pieces = [views(image, self.recipe.patch_size) for image in degraded[:, 0].float().cpu().numpy()]
        vectors = [network.estimator(torch.from_numpy(some).to(degraded.device)).mean(0) for some in pieces]
        result: torch.Tensor = network.enhance(degraded, torch.stack(vectors))
        return result

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return self.recipe.pipeline(batch["clean"], generator, batch["mean"])

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        own, upper, critic, lessons = self._optimizers()
        if self.done < self.recipe.lessons:
            return self._lesson(lessons, batch, generator)
        solver = self.recipe.solver
        *parts, last = _parts(batch, solver.inner + 1)
        if solver.kind == "joint" or upper is None:
            parts = [*parts, last]
        logged: dict[str, torch.Tensor] = {}
        for part in parts:  # lower: ΔW on D_tr
            loss, terms, made = self.loss(part, generator)
            together = [*self.own, *(self.upper if solver.kind == "joint" else [])]
            gradients = torch.autograd.grad(loss, together, allow_unused=True)
            _move(own, self.own, gradients[: len(self.own)])
            if solver.kind == "joint" and upper is not None:
                _move(upper, self.upper, gradients[len(self.own) :])
            if critic is not None:
                logged["critic"] = self._criticise(critic, part["clean"], made)
            logged |= terms | {"loss": loss.detach()}
        if upper is not None and solver.kind != "joint":
            logged |= self._upper(upper, parts[-1], last, generator)
        return logged

    def _lesson(
        self, optimizer: Any, batch: Mapping[str, torch.Tensor], generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """One step of DEM and of what reads its vector."""
        assert self.lessons is not None
        assert self.network.estimator is not None
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            truth = known(batch["clean"], generator, batch["mean"])
        terms = self.lessons(self.network.estimator(truth.image, interacts=False), truth)
        loss = terms["there"] + terms["amount"]
        learning = [*self.upper, *self.lessons.parameters()]
        _move(optimizer, learning, torch.autograd.grad(loss, learning, allow_unused=True))
        return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}}

    def _upper(
        self,
        optimizer: Any,
        lower_batch: Mapping[str, torch.Tensor],
        batch: Mapping[str, torch.Tensor],
        generator: torch.Generator,
    ) -> dict[str, torch.Tensor]:
        """One step of ω on D_val."""
        solver = self.recipe.solver
        several = {key: value.repeat_interleave(solver.pipelines, 0) for key, value in batch.items()}
        psi, _, _ = self.loss(several, generator)
        found, psi_by_own = self._gradients(psi)
        logged = {"upper": psi.detach()}
        if solver.kind == "bilevel":
            phi, _, _ = self.loss(lower_batch, generator)
            phi_by_upper, phi_by_own = self._gradients(phi)
            share = ratio(psi_by_own, phi_by_own, solver.floor, solver.most)
            found = hypergradient(found, phi_by_upper, share)
            logged["ratio"] = share.detach()
        _move(optimizer, self.upper, found)
        return logged

    def _gradients(self, loss: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """By ω and by ΔW."""
        both = [*self.upper, *self.own]
        found = _filled(torch.autograd.grad(loss, both, allow_unused=True), both)
        return found[: len(self.upper)], found[len(self.upper) :]

    def loss(
        self, batch: Mapping[str, torch.Tensor], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Φ or Ψ of a batch under new pipelines, its terms, and what the network made."""
        weights, clean = self.recipe.losses, batch["clean"]
        with torch.no_grad():
            degraded = self.degrade(batch, generator)
        made = self.network(degraded).float()
        terms = {"l2": (made - clean).square().mean()}
        loss = weights.l2 * terms["l2"]
        for network in self.perceptual:
            terms["features"] = network.to(made.device).distance(made, clean)
            loss = loss + weights.perceptual * terms["features"]
        if self.critic is not None:
            terms["adversarial"] = generator_loss(self.critic, made)
            loss = loss + weights.adversarial * terms["adversarial"]
        return loss, {name: term.detach() for name, term in terms.items()}, made.detach()

    def _criticise(self, optimizer: Any, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        assert self.critic is not None
        loss = critic_loss(self.critic, real, made)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss.detach()

    def _optimizers(self) -> tuple[Any, Any, Any, Any]:
        """Of ΔW, of ω, of the critic and of the lessons; None for what is not trained."""
        found: Any = self.optimizers()
        rest = iter(found if isinstance(found, (list, tuple)) else [found])
        own = next(rest)
        upper = next(rest) if self.upper else None
        critic = next(rest) if self.critic is not None else None
        lessons = next(rest) if self.lessons is not None else None
        return own, upper, critic, lessons

    def _kept(self, network: Any) -> dict[str, torch.Tensor]:
        """What weights hold: with files of a prior, which may be gone by then, the prior too."""
        found: dict[str, torch.Tensor] = (
            network.state_dict() if self.recipe.described["prior"] == "files" else network.learned()
        )
        return found

    def weights(self) -> dict[str, torch.Tensor]:
        network: Any = self.restoring
        kept = self._kept(network)
        if self.recipe.prior.source is not None:
            kept = kept | {"prompt": network.backbone.prompt}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in kept.items()}

    def metadata(self) -> dict[str, Any]:
        facts = super().metadata() | self.recipe.described
        facts["multiple"] = 1 if self.recipe.is_released else self.network.multiple
        if self.perceptual:
            facts["features"] = self.perceptual[0].name
        if self.network.estimator is not None:
            features: Any = self.network.estimator.features
            found = features.config
            facts["estimator"]["configuration"] = json.loads(json.dumps(found.to_diff_dict(), default=str))
        if facts["prior"] == "embedded":
            facts["prior_sha256"] = [sha256_of(half) for half in halves_of()]
        if facts["prior"] == "files":
            facts["backbone"] = self.network.backbone.description()
        return facts


def _parts(batch: Mapping[str, torch.Tensor], count: int) -> list[dict[str, torch.Tensor]]:
    chunks = {key: value.chunk(count) for key, value in batch.items()}
    return [{key: value[n] for key, value in chunks.items()} for n in range(count)]


def _filled(gradients: Any, parameters: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters, strict=True)]


def _move(optimizer: Any, parameters: list[torch.nn.Parameter], gradients: Any, most: float = 1.0) -> None:
    """One step of an optimiser with given gradients, clipped."""
    for parameter, gradient in zip(parameters, _filled(gradients, parameters), strict=True):
        parameter.grad = gradient.to(parameter.dtype)
    torch.nn.utils.clip_grad_norm_(parameters, most)
    optimizer.step()
    optimizer.zero_grad()
