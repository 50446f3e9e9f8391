"""HiDRA's bi-level training.

One step of a recipe is one iteration of the lower level (ΔW on D_tr); in every T-th the upper one (ω on D_val) moves after it.
Both sets are the same crops under different pipelines; a sample of D_val goes through M of them. Lessons
(:mod:`thermend.methods.hidra.lessons`) may come before, and what reads off the level of whole images
(:mod:`thermend.methods.hidra.level`) learn afterwards.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from thermend.errors import InputError, ThermendError, UsageError, first_line
from thermend.methods.hidra.backbone import IMPOSSIBLE
from thermend.methods.hidra.checkpoints import built, check_prior, halves_of, open_prior
from thermend.methods.hidra.critic import (
    DinoCritic,
    PatchCritic,
    critic_loss,
    dino,
    generator_loss,
    sigmoid_critic_loss,
    sigmoid_generator_loss,
)
from thermend.methods.hidra.guidance import views
from thermend.methods.hidra.lessons import Lessons
from thermend.methods.hidra.level import Examples
from thermend.methods.hidra.network import Hidra
from thermend.methods.hidra.pipeline import known
from thermend.methods.hidra.prior_training import FLOOR
from thermend.methods.hidra.recipe import HidraRecipe
from thermend.methods.hidra.solver import hypergradient, ratio
from thermend.training.data import CleanCrops, Drawn
from thermend.training.features import Features, features
from thermend.training.module import TrainingModule, factor_of
from thermend.training.recipe import Recipe
from thermend.weights.checkpoints import sha256_of

_FLOOR = 2e-4
"""Mean square error that counts as none where the level is learned: 37 dB."""
_LEVEL_DECAY = 0.05
"""Of what reads off the level, which sees each image many times."""
_EXAMPLES = 64
"""Images that a round of the level's learning looks at."""
_BLOCKS = 11  # of EfficientNet-Lite0, where that is asked for


class CropsAndWindows(CleanCrops):
    """:class:`CleanCrops` whose samples hold a ``window`` as well, (1, N, N), which the level is learned from.

    It is of full resolution, since damage is as coarse there as in use; of a smaller image it is all, mirrored up to N.
    """

    window = 0

    def _sample(self, number: int, drawn: Drawn) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, 5, number])
        image = self._whole[drawn.index].image[0].numpy()
        top, left = (int(rng.integers(max(1, side - self.window + 1))) for side in image.shape)
        piece = image[top : top + self.window, left : left + self.window]
        missing = [(0, self.window - side) for side in piece.shape]
        piece = np.pad(piece, missing, mode="symmetric") if any(n for _, n in missing) else piece.copy()
        return {**super()._sample(number, drawn), "window": torch.from_numpy(piece)[None]}


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
        self.critic: torch.nn.Module | None = None
        self.released_critic = recipe.losses.critic == "dino"
        if recipe.losses.adversarial:
            self.critic = DinoCritic(dino(recipe.losses.critic_source)) if self.released_critic else PatchCritic()
        self.perceptual: list[Features] = (
            [features(recipe.losses.features, recipe.losses.features_file, _BLOCKS)] if recipe.losses.perceptual else []
        )  # a list and no module: pretrained weights are no part of a checkpoint
        self.own = self.network.adaptation()
        estimator = self.network.estimator
        self.upper = [] if estimator is None else [p for p in estimator.parameters() if p.requires_grad]
        if self.network.level is not None and estimator is not None:
            self.examples = Examples(recipe.level_steps * recipe.batch_size, estimator.width)
        self.lessons = Lessons(estimator.width) if estimator is not None and recipe.lessons else None

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> CleanCrops:
        """With windows, where the level is learned."""
        assert isinstance(recipe, HidraRecipe)
        if not recipe.level_steps:
            return super().samples(recipe, paths)
        found = CropsAndWindows(paths, recipe.patch_size, recipe.seed, recipe.convention, recipe.source)
        found.window = recipe.level_side
        return found

    @classmethod
    def files(cls, recipe: Recipe) -> dict[str, Path]:
        assert isinstance(recipe, HidraRecipe)
        found, prior = super().files(recipe), recipe.prior
        if prior.source is None:
            halves = halves_of(prior.autoencoder, prior.unet)
            found |= {f"prior.{half}": Path(file) for half, file in zip(("autoencoder", "unet"), halves)}
        return found

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Of ΔW, ω, the critic, the level and the lessons, as far as each is there."""
        recipe = self.recipe
        rate, betas = recipe.learning_rate, (0.9, 0.999)
        make: Any = torch.optim.Adam
        if recipe.optimizer == "adamw":
            make = partial(torch.optim.AdamW, weight_decay=recipe.weight_decay)
        found: list[torch.optim.Optimizer] = [make(self.own, rate, betas)]
        if self.upper:
            found.append(make(self.upper, rate * recipe.estimator_rate, betas))
        if self.critic is not None:
            found.append(make(self.critic.parameters(), rate, betas))
        if self.network.level is not None:
            found.append(torch.optim.AdamW(self.network.level.parameters(), rate, betas, weight_decay=_LEVEL_DECAY))
        if self.lessons is not None:  # last, and apart: what Adam remembers of lessons says nothing of the upper level
            found.append(make([*self.upper, *self.lessons.parameters()], rate, betas))
        return found

    def factor_at(self, step: int) -> float:
        """Warm-up and schedule of the lessons, again of the bi-level iterations, and again of the level's."""
        recipe = self.recipe
        ends = (recipe.lessons, recipe.most_steps - recipe.level_steps, recipe.most_steps)
        first = 0
        for end in ends:
            if step < end or end == ends[-1]:
                break
            first = end
        return factor_of(recipe, step - first, end - first)

    def begin(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        assert isinstance(network, Hidra)
        given = {n: t for n, t in tensors.items() if n != "prompt" and not n.startswith("probe.")}
        own, learned = self._kept(network), network.learned()
        if "estimator.interaction.out.weight" not in given:  # begins as if it were not there, so it may come in later
            own = {n: t for n, t in own.items() if not n.startswith("estimator.interaction.")}
        if not any(n.startswith("level.") for n in given):  # so does this
            own = {n: t for n, t in own.items() if not n.startswith("level.")}
        if {n: t.shape for n, t in given.items()} != {n: t.shape for n, t in own.items()}:
            raise ValueError("not the tensors of this network")
        prior = network.state_dict()
        if any(
            not torch.allclose(t.float(), prior[n].float(), 1e-3, 1e-5) for n, t in given.items() if n not in learned
        ):
            raise InputError(str(self.recipe.init_from), "was trained on another prior than the one of this recipe")
        network.load_state_dict({n: t for n, t in given.items() if n in learned}, strict=False)

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """Whole images as they will be run: P from pieces of them, and their level."""
        network: Any = self.restoring
        if batch is not None or network.estimator is None:
            return super().restore(degraded, batch)
        if network.released:
            result: torch.Tensor = network(degraded)
            return result
        vectors = self._vectors(degraded)
        made: torch.Tensor = network.enhance(degraded, vectors)
        return made if network.level is None else network.level.applied(made.float(), vectors)

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return self.recipe.pipeline(batch["clean"], generator, batch["mean"])

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        own, upper, critic, level, lessons = self._optimizers()
        recipe, solver = self.recipe, self.recipe.solver
        if self.done < recipe.lessons:
            return self._lesson(lessons, batch, generator)
        if self.done >= recipe.most_steps - recipe.level_steps:
            return self._level(level, batch, generator)
        iteration = self.done - recipe.lessons
        joint = upper is not None and (solver.kind == "joint" or iteration < solver.joint)
        loss, logged, made = self.loss(batch, generator)  # lower: ΔW on D_tr
        together = [*self.own, *(self.upper if joint else [])]
        gradients = torch.autograd.grad(loss, together, allow_unused=True)
        _move(own, self.own, gradients[: len(self.own)])
        if joint:
            _move(upper, self.upper, gradients[len(self.own) :])
        if critic is not None:
            logged["critic"] = self._criticise(critic, batch["clean"], made)
        logged["loss"] = loss.detach()
        if upper is not None and not joint and (iteration + 1) % solver.every == 0:
            logged |= self._upper(upper, batch, generator)
        return logged

    def _level(
        self, optimizer: Any, batch: Mapping[str, torch.Tensor], generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """One step of what reads off the level: windows of some more images, then rounds of all so far."""
        restoring: Any = self.restoring
        whole = batch["window"]
        with torch.no_grad():
            with torch.autocast(self.device.type, enabled=False):
                degraded = self.recipe.pipeline(whole, generator, batch["mean"])
            vectors = self._vectors(degraded)
            self.examples.add(restoring.enhance(degraded, vectors).float(), whole, vectors)
        level = self.network.level
        assert level is not None
        parameters = list(level.parameters())
        losses = []
        with torch.autocast(self.device.type, enabled=False):
            for _ in range(self.recipe.level_rounds):
                left = self.examples.left(level, self.examples.drawn(_EXAMPLES, generator))
                losses.append((left + _FLOOR).log().mean())
                _move(optimizer, parameters, torch.autograd.grad(losses[-1], parameters))
            newest = slice(int(self.examples.count) - len(whole), int(self.examples.count))
            before, after = (
                (self.examples.left(one, newest) + _FLOOR).log().mean().detach() for one in (None, restoring.level)
            )
        return {"loss": torch.stack(losses).mean().detach(), "level": (before - after) * (10 / math.log(10))}

    def _vectors(self, images: torch.Tensor) -> torch.Tensor:
        """P of whole images, (B, 1, H, W), from pieces of them, by the weights that the run would end with."""
        restoring: Any = self.restoring
        pieces = [views(image, self.recipe.patch_size) for image in images[:, 0].float().cpu().numpy()]
        found = [restoring.estimator(torch.from_numpy(some).to(images.device)).float().mean(0) for some in pieces]
        return torch.stack(found)

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
        self, optimizer: Any, batch: Mapping[str, torch.Tensor], generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """One step of ω on D_val, the same crops under further pipelines."""
        solver = self.recipe.solver
        several = {key: value.repeat_interleave(solver.pipelines, 0) for key, value in batch.items()}
        psi, _, _ = self.loss(several, generator)
        found, psi_by_own = self._gradients(psi)
        logged = {"upper": psi.detach()}
        if solver.kind == "bilevel":
            phi, _, _ = self.loss(batch, generator)
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
        squared = (made - clean).square().mean((1, 2, 3))
        terms = {"l2": squared.mean()}
        loss = weights.l2 * terms["l2"]
        if weights.decibels:
            terms["decibels"] = (squared + FLOOR).log().mean()
            loss = loss + weights.decibels * terms["decibels"]
        for network in self.perceptual:
            terms["features"] = network.to(made.device).distance(made, clean)
            loss = loss + weights.perceptual * terms["features"]
        if self.critic is not None:
            judged = sigmoid_generator_loss if self.released_critic else generator_loss
            terms["adversarial"] = judged(self.critic, made)
            loss = loss + weights.adversarial * terms["adversarial"]
        return loss, {name: term.detach() for name, term in terms.items()}, made.detach()

    def _criticise(self, optimizer: Any, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        assert self.critic is not None
        loss = (sigmoid_critic_loss if self.released_critic else critic_loss)(self.critic, real, made)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss.detach()

    def _optimizers(self) -> tuple[Any, Any, Any, Any, Any]:
        """Of ΔW, of ω, of the critic, of the level and of the lessons; None for what is not trained."""
        found: Any = self.optimizers()
        rest = iter(found if isinstance(found, (list, tuple)) else [found])
        own = next(rest)
        upper = next(rest) if self.upper else None
        critic = next(rest) if self.critic is not None else None
        level = next(rest) if self.network.level is not None else None
        lessons = next(rest) if self.lessons is not None else None
        return own, upper, critic, level, lessons

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
        found = {name: tensor.detach().cpu().contiguous() for name, tensor in kept.items()}
        return {name: tensor.half() for name, tensor in found.items()} if self.recipe.half else found

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


def _filled(gradients: Any, parameters: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters, strict=True)]


def _move(optimizer: Any, parameters: list[torch.nn.Parameter], gradients: Any, most: float = 1.0) -> None:
    """One step of an optimiser with given gradients, clipped."""
    for parameter, gradient in zip(parameters, _filled(gradients, parameters), strict=True):
        parameter.grad = gradient.to(parameter.dtype)
    torch.nn.utils.clip_grad_norm_(parameters, most)
    optimizer.step()
    optimizer.zero_grad()
