"""FUnIE-GAN's losses, and its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from thermend.degradations import preset
from thermend.methods.funie_gan.checkpoints import built
from thermend.methods.funie_gan.network import ConditionalDiscriminator
from thermend.methods.funie_gan.recipe import FunieGANRecipe
from thermend.training.features import Features, features
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe

BETAS = (0.5, 0.99)
"""Of both Adams."""
_BLOCKS = 11
"""Of EfficientNet-Lite0, at 1/16 of the resolution, where VGG-19's block5_conv2 is."""


class FunieGANTraining(TrainingModule):
    """Generator and discriminator in turns."""

    recipe_kind: ClassVar[type[Recipe]] = FunieGANRecipe
    recipe: FunieGANRecipe

    def __init__(self, recipe: FunieGANRecipe) -> None:
        super().__init__(recipe, built(recipe.described).to(memory_format=torch.channels_last))
        losses = recipe.losses
        self.critic = ConditionalDiscriminator()
        self.damage = preset(recipe.preset)
        # a dictionary and no module: pretrained weights are no part of a checkpoint
        self.perceptual: dict[str, Features] = (
            {"content": features(losses.content_features, losses.vgg_file, _BLOCKS)} if losses.content else {}
        )

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        networks = (self.network, self.critic)
        return [torch.optim.Adam(network.parameters(), self.recipe.learning_rate, BETAS) for network in networks]

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            return self.damage(batch["clean"], generator, mean=batch["mean"])

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        optimizers: Any = self.optimizers()
        own, critic = optimizers
        clean = batch["clean"]
        with torch.no_grad():
            degraded = self.degrade(batch, generator)
        restored = self.network(degraded).float()
        terms = self.terms(restored, clean, degraded)
        losses = self.recipe.losses
        weights = {"adversarial": 1.0, "absolute": losses.absolute, "content": losses.content}
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        own.zero_grad()
        self.critic.requires_grad_(False)
        self.manual_backward(loss)
        self.critic.requires_grad_(True)
        own.step()
        judged = self.judged(restored.detach(), clean, degraded)
        critic.zero_grad()
        self.manual_backward(judged)
        critic.step()
        logged = {name: term.detach() for name, term in terms.items()}
        return {"loss": loss.detach(), **logged, "critic": judged.detach()}

    def terms(self, restored: torch.Tensor, clean: torch.Tensor, degraded: torch.Tensor) -> dict[str, torch.Tensor]:
        """The generator's losses, unweighted; images (B, 1, H, W) in [0, 1]."""
        found = {
            "adversarial": (self.critic(restored, degraded).float() - 1).square().mean(),
            "absolute": 2 * (restored - clean).abs().mean(),
        }
        for name, network in self.perceptual.items():
            network.to(restored.device)
            with torch.no_grad():
                wanted = network(clean)
            found[name] = (network(restored) - wanted).float().square().mean()
        return found

    def judged(self, restored: torch.Tensor, clean: torch.Tensor, degraded: torch.Tensor) -> torch.Tensor:
        """The discriminator's loss: real images are 1, generated ones 0."""
        of_real, of_fake = (self.critic(image, degraded).float() for image in (clean, restored))
        return ((of_real - 1).square().mean() + of_fake.square().mean()) / 2

    def metadata(self) -> dict[str, Any]:
        named = {term: network.name for term, network in self.perceptual.items()}
        return super().metadata() | self.recipe.described | ({"features": named} if named else {})
