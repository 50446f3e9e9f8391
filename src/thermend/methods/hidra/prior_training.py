"""Training of the embedded prior: an autoencoder, then a UNet that learns the noise in its latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from thermend.errors import UsageError
from thermend.methods.hidra.backbone import (
    EMBEDDED,
    AutoencoderKL,
    DDPMScheduler,
    OneStepDiffusion,
    Reconstruction,
    UNet2DConditionModel,
    configuration,
    mirrored,
    no_prompt,
)
from thermend.methods.hidra.identity import (
    autoencoder_as_identity,
    unet_as_identity,
)
from thermend.methods.hidra.prior_checks import built
from thermend.methods.hidra.prior_files import read_autoencoder
from thermend.methods.hidra.prior_recipe import AutoencoderRecipe, PriorRecipe, UnetRecipe
from thermend.training.features import Features, features
from thermend.training.module import TrainingModule
from thermend.training.pool import ImagePool, pool_of
from thermend.training.recipe import Recipe
from thermend.weights.checkpoints import sha256_of
from thermend.weights.shipped import shipped

FLOOR = 1e-5
"""Mean square error that counts as none: 50 dB."""


def worth_of_channels(network: OneStepDiffusion, latent: torch.Tensor) -> torch.Tensor:
    """(C,) what each channel of a latent, (1, C, h, w), does to the image: the mean square of the change that it makes by 1."""
    plain = network.decode(latent)
    ones = torch.eye(latent.shape[1], device=latent.device)
    changed = [network.decode(latent + one[:, None, None]) - plain for one in ones]
    return torch.stack([(change**2).mean() for change in changed])


class PriorTraining(TrainingModule):
    """A half of the prior, whose weights are kept by their names in it; in half precision where the recipe says so."""

    recipe: PriorRecipe

    def weights(self) -> dict[str, torch.Tensor]:
        found = {name: tensor.contiguous() for name, tensor in self._own(super().weights()).items()}
        return {name: tensor.half() for name, tensor in found.items()} if self.recipe.half else found

    def begin(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        super().begin(network.get_submodule(self.recipe.part), tensors)

    def _own(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        prefix = f"{self.recipe.part}."
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


class AutoencoderTraining(PriorTraining):
    """Mean absolute difference, features, divergence."""

    recipe_kind: ClassVar[type[Recipe]] = AutoencoderRecipe
    recipe: AutoencoderRecipe
    network: Reconstruction
    power: torch.Tensor

    def __init__(self, recipe: AutoencoderRecipe) -> None:
        model = built(AutoencoderKL, "autoencoder", recipe.configuration)
        if recipe.begins_as_identity:
            autoencoder_as_identity(model)
        super().__init__(recipe, Reconstruction(model))
        self.register_buffer("power", torch.ones(()))
        self.perceptual: list[Features] = (
            [features(recipe.features, recipe.features_file, 11)] if recipe.perceptual else []
        )  # a list and no module: pretrained weights are no part of a checkpoint

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.AdamW(self.network.parameters(), self.recipe.learning_rate, (0.9, 0.99), weight_decay=1e-4)]

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        return self._flattened(batch, generator)

    def _flattened(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        clean = batch["clean"]
        drawn = torch.rand((2, len(clean), 1, 1, 1), generator=generator).to(clean)
        factor = torch.where(drawn[0] < self.recipe.flatter, 0.3 + 0.7 * drawn[1], 1.0)
        centre = batch["mean"][:, None, None, None]
        return centre + factor * (clean - centre)

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        wanted = self._flattened(batch, generator)
        moments = self.network.moments(wanted)
        drawn = torch.randn(moments.mean.shape, generator=generator).to(moments.mean)
        latent = moments.mean + moments.std * drawn
        made = self.network.decode(latent).float()
        terms = {"l1": (made - wanted).abs().mean(), "kl": moments.kl().float().mean() / wanted[0].numel()}
        loss = terms["l1"] + self.recipe.kl * terms["kl"]
        for network in self.perceptual:
            terms["features"] = network.to(made.device).distance(made, wanted)
            loss = loss + self.recipe.perceptual * terms["features"]
        self.enhancer.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(self.enhancer, 1.0, "norm")
        self.enhancer.step()
        self.power.lerp_(moments.mean.detach().float().square().mean(), max(0.01, 1 / (self.done + 1)))
        return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}}

    def metadata(self) -> dict[str, Any]:
        """Latents are to be scaled to a standard deviation of 1."""
        described = configuration(self.network.autoencoder) | {"scaling_factor": float(self.power) ** -0.5}
        named = {"features": self.perceptual[0].name} if self.perceptual else {}
        return super().metadata() | {"autoencoder": described} | named


class UnetTraining(PriorTraining):
    """The noise in latents of clean images, at random timesteps."""

    recipe_kind: ClassVar[type[Recipe]] = UnetRecipe
    recipe: UnetRecipe
    network: OneStepDiffusion
    source: ImagePool
    worth: torch.Tensor

    def __init__(self, recipe: UnetRecipe) -> None:
        path = self.files(recipe)["autoencoder"]
        autoencoder, self.autoencoder_sha256 = read_autoencoder(path), sha256_of(path)
        unet = built(UNet2DConditionModel, "unet", recipe.configuration)
        scheduler = DDPMScheduler(**{**EMBEDDED["scheduler"], "beta_end": recipe.beta_end})
        try:
            network = OneStepDiffusion(autoencoder.requires_grad_(False), unet, scheduler, no_prompt(unet))
        except ValueError as error:
            raise UsageError(f"configuration: {error}") from error
        if recipe.begins_as_identity:
            unet_as_identity(unet)
        if recipe.patch_size % network.multiple:
            raise UsageError(f"patch_size: {recipe.patch_size}: expected a multiple of {network.multiple}")
        super().__init__(recipe, network)
        self.register_buffer("worth", torch.zeros(unet.config["in_channels"]))

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> ImagePool:
        """The images, and the scenes that are rendered."""
        assert isinstance(recipe, UnetRecipe)
        return pool_of(paths, recipe.patch_size, (recipe.seed, recipe.scenes), recipe.scene_share)

    def take(self, samples: ImagePool) -> None:
        """Keep the images, from which a step draws."""
        self.source = samples

    @classmethod
    def files(cls, recipe: Recipe) -> dict[str, Path]:
        assert isinstance(recipe, UnetRecipe)
        chosen = recipe.autoencoder or shipped("hidra-autoencoder", ".safetensors")
        return super().files(recipe) | {"autoencoder": Path(chosen)}

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        own = self.recipe
        parameters = self.network.unet.parameters()
        return [torch.optim.AdamW(parameters, own.learning_rate, (0.9, 0.99), weight_decay=own.weight_decay)]

    def drawn(self, number: int, count: int) -> torch.Tensor:
        """The clean patches of a step, (B, 1, N, N)."""
        rng = np.random.default_rng([self.recipe.seed, 4, number])
        return self.source.to(self.device).draw(rng, count, self.recipe.patch_size, self.recipe.reduced)

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        return self.drawn(int(batch["number"][0]), len(batch["number"]))

    def shown(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Clean patches, what is restored of their noisy latents, and the patches again."""
        clean = self.degrade(batch, torch.Generator())
        return clean, self.restored(clean, batch), clean

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """For the pictures: latents with noise of a middle timestep, which the network takes off at once."""
        network: Any = self.restoring
        timestep = len(self.network.signals) // 3
        padded, height, width = mirrored(degraded, network.multiple)
        latent = network.encode(padded)
        noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(0)).to(latent)
        clear = network.cleared(network.noised(latent, noise, timestep), timestep)
        result: torch.Tensor = network.decode(clear)[..., :height, :width]
        return result

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        count = len(batch["number"])
        with torch.no_grad():
            latent = self.network.encode(self.drawn(self.done, count)).float()
            if not self.worth.any():
                self.worth.copy_(worth_of_channels(self.network, latent[:1]))
        timesteps = torch.randint(len(self.network.signals), (count,), generator=generator)
        timesteps[torch.rand(count, generator=generator) < self.recipe.last] = self.network.timestep
        timesteps = timesteps.to(latent.device)
        noise = torch.randn(latent.shape, generator=generator).to(latent)
        noisy = self.network.noised(latent, noise, timesteps)
        squared = (self.network.noise(noisy, timesteps).float() - noise) ** 2
        signal = self.network.signals[timesteps]
        left = (squared.mean((2, 3)) * self.worth).sum(1) * (1 - signal) / signal
        log_error = (left + FLOOR).log().mean()
        loss = squared.mean() if self.recipe.objective == "epsilon" else log_error
        self.enhancer.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(self.enhancer, 1.0, "norm")
        self.enhancer.step()
        return {"loss": loss.detach(), "decibels": -10 / np.log(10) * log_error.detach()}

    def metadata(self) -> dict[str, Any]:
        facts = {"unet": configuration(self.network.unet), "scheduler": self.network.scheduler}
        return super().metadata() | facts | {"autoencoder_sha256": self.autoencoder_sha256}
