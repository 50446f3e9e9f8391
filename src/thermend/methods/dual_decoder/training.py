"""The joint loss of 2D-GAN (the paper's section "Loss function", Eqs. 4 to 8), and its recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import nn
from torch.nn import functional

from thermend.degradations import preset
from thermend.methods.dual_decoder.augmentation import AugmentedCrops
from thermend.methods.dual_decoder.checkpoints import built
from thermend.methods.dual_decoder.network import MarkovianDiscriminator
from thermend.methods.dual_decoder.recipe import DualDecoderRecipe
from thermend.training.data import CleanCrops
from thermend.training.features import Features, features
from thermend.training.module import TrainingError, TrainingModule
from thermend.training.recipe import Recipe

FLAT_STEPS = 500
"""So long without telling real from generated, and the discriminator counts as collapsed."""
_FLAT = 1e-3


class DualDecoderTraining(TrainingModule):
    """Discriminator and generator in turns."""

    recipe_kind: ClassVar[type[Recipe]] = DualDecoderRecipe
    recipe: DualDecoderRecipe
    flat_for: torch.Tensor

    def __init__(self, recipe: DualDecoderRecipe) -> None:
        super().__init__(recipe, built(recipe.described).to(memory_format=torch.channels_last))
        losses = recipe.losses
        self.critic: MarkovianDiscriminator | None = None
        if losses.adversarial:
            self.critic = MarkovianDiscriminator(norm=recipe.critic.norm, channels=recipe.channels)
        self.register_buffer("flat_for", torch.zeros((), dtype=torch.long))
        self.logistic = recipe.critic.loss == "logistic"
        self.damage = preset(recipe.preset)
        wanted = (
            ("vgg", losses.vgg_features, losses.vgg_file, 11),
            ("efficientnet", losses.efficientnet_features, losses.efficientnet_file, 16),
        )
        # a dictionary and no module: pretrained weights are no part of a checkpoint
        self.perceptual: dict[str, Features] = {
            term: features(network, file, blocks)  # type: ignore[arg-type]
            for term, network, file, blocks in wanted
            if getattr(losses, term)
        }

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> CleanCrops:
        assert isinstance(recipe, DualDecoderRecipe)
        asked = (paths, recipe.patch_size, recipe.seed, recipe.convention, recipe.source)
        return AugmentedCrops(*asked, recipe.augmentations) if recipe.augmentations else CleanCrops(*asked)

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        networks: list[nn.Module] = [self.network, *([] if self.critic is None else [self.critic])]
        return [torch.optim.Adam(network.parameters(), self.recipe.learning_rate, (0.5, 0.9)) for network in networks]

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return self.damage(batch["clean"], generator, mean=batch["mean"])

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        optimizers: Any = self.optimizers()
        own, *critics = optimizers if isinstance(optimizers, list) else [optimizers]
        with torch.no_grad():
            degraded = self.degrade(batch, generator)
        restored = self.network(degraded).float()
        logged: dict[str, torch.Tensor] = {}
        if self.critic is not None:
            for _ in range(self.recipe.critic.steps):
                logged |= self._criticise(critics[0], restored.detach(), batch["clean"], generator)
        terms = self.terms(restored, batch["clean"])
        loss = torch.stack([getattr(self.recipe.losses, name) * term for name, term in terms.items()]).sum()
        own.zero_grad()
        if self.critic is not None:
            self.critic.requires_grad_(False)
        self.manual_backward(loss)
        if self.critic is not None:
            self.critic.requires_grad_(True)
        own.step()
        return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}, **logged}

    def terms(self, restored: torch.Tensor, clean: torch.Tensor) -> dict[str, torch.Tensor]:
        """Of the joint loss, those that the recipe has; images in [0, 1]."""
        losses, found = self.recipe.losses, {}
        if self.critic is not None:
            with torch.autocast(self.device.type, enabled=False):
                judged = self.critic(self._spread(restored))
                found["adversarial"] = functional.softplus(-judged).mean() if self.logistic else -judged.mean()
        if losses.mse:
            found["mse"] = (self._spread(restored) - self._spread(clean)).square().mean()
        for name, network in self.perceptual.items():
            found[name] = network.to(restored.device).distance(restored, clean)
        return found

    def _criticise(
        self, optimizer: Any, generated: torch.Tensor, clean: torch.Tensor, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """One step of the discriminator (Eq. 4 or 1); in float32, since its gradient's gradient is taken."""
        assert self.critic is not None
        with torch.autocast(self.device.type, enabled=False):
            real, fake = self._spread(clean), self._spread(generated)
            of_real, of_fake = self.critic(real), self.critic(fake)
            gap = of_real.mean() - of_fake.mean()
            slope, logged = gap, {"critic_gap": gap.detach()}
            if self.logistic:
                loss = functional.softplus(-of_real).mean() + functional.softplus(of_fake).mean()
            else:
                penalty, slope = self.gradient_penalty(real, fake, generator)
                loss = self.recipe.critic.penalty * penalty - gap
                logged |= {"critic_slope": slope.detach(), "penalty": penalty.detach()}
        if not bool(loss.isfinite()):
            raise TrainingError(
                f"step {self.done + 1}: the discriminator's loss is {float(loss)}; the run ends here."
                " A lower learning_rate or critic.norm=none may help, in another folder (out=DIR)"
            )
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self._watch(float(gap.detach()), abs(float(slope.detach())))
        return logged

    def gradient_penalty(
        self, real: torch.Tensor, fake: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """E (‖∇D(x̂)‖ − 1)² between real and generated images, and the mean of the norms."""
        assert self.critic is not None
        share = torch.rand((len(real), 1, 1, 1), generator=generator).to(real)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slopes,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        norms = (slopes.square().sum((1, 2, 3)) + 1e-12).sqrt()
        return (norms - 1).square().mean(), norms.mean()

    def _watch(self, gap: float, slope: float) -> None:
        """Say once when the discriminator has told nothing apart for long."""
        flat = abs(gap) < _FLAT or slope < _FLAT
        self.flat_for.copy_((self.flat_for + 1) * flat)
        if int(self.flat_for) == FLAT_STEPS:
            rank_zero_warn(
                f"step {self.done + 1}: the discriminator has collapsed: for {FLAT_STEPS} steps it has not told real images"
                " from generated ones (critic_gap in the log)"
            )

    def metadata(self) -> dict[str, Any]:
        named = {term: network.name for term, network in self.perceptual.items()}
        return super().metadata() | self.recipe.described | ({"features": named} if named else {})

    def _spread(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to (B, channels, H, W) in [−1, 1], as the networks see it."""
        return (2 * image - 1).expand(-1, self.recipe.channels, -1, -1)
