"""The dynamic adversarial solution (DEAL, section 2.1, Algorithm 1, Eqs. 4 and 5), and its recipe.

Where the released script detaches the degraded image and N_E's loss, so that no gradient reaches N_G, this follows the paper:
θ ascends L(N_E(N_G(x; θ); ω), y).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.deal.blocks import TIME_STEPS
from thermend.methods.deal.checkpoints import architecture
from thermend.methods.deal.levels import Image, spread, spreading
from thermend.methods.deal.network import DualInteractionNetwork
from thermend.methods.deal.recipe import DealRecipe
from thermend.training.losses import ssim
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe

PIXEL_WEIGHT, SSIM_WEIGHT = 0.75, 1.1
_BLOCK_OF_WHOLE = 2
"""Side of the blocks of the whole image at the size of a crop, pixels: of an image of 640 x 512 about a dozen of its own."""


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

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(self.network.parameters(), self.recipe.learning_rate)
        ]
        if self.generator.classifier is not None:
            own = self.recipe.generator
            optimizers.append(
                torch.optim.SGD(
                    self.generator.classifier.parameters(),
                    own.learning_rate,
                    own.momentum,
                    weight_decay=own.weight_decay,
                )
            )
        return optimizers

    @property
    def adversary_learns(self) -> bool:
        """Whether N_G takes a step now."""
        own = self.recipe.generator
        within = own.begin <= self.share < own.end
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
        if self.share >= self.recipe.freeze_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
