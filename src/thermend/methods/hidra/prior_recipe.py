"""Recipes of the embedded prior: of its autoencoder, and of the UNet on the latents of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from thermend.training.recipe import OnDeviceRecipe, Recipe


class PriorRecipe(Recipe):
    """What the recipes of autoencoder and UNet have in common.

    Attributes
    ----------
    configuration : dict
        keys of diffusers' model that differ from those of the prior that ships
    identity : bool
        begin as the identity (:mod:`thermend.methods.hidra.identity`), not at random; ``init_from`` goes before
    half : bool
        weights are written in float16
    """

    batch_size: int = Field(4, ge=1)
    patch_size: int = Field(128, ge=32)
    learning_rate: float = Field(5e-4, gt=0)
    configuration: dict[str, Any] = Field(default_factory=dict)
    identity: bool = True
    half: bool = False
    part: ClassVar[str]
    """That is trained, by its name in the network."""

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method != f"hidra/{cls.part}":
            raise ValueError(f"{method!r}: expected hidra/{cls.part}")
        return method

    @property
    def begins_as_identity(self) -> bool:
        return self.identity and self.init_from is None


class AutoencoderRecipe(PriorRecipe):
    """A training of the autoencoder (D. P. Kingma, M. Welling; R. Rombach et al., section 3.1).

    Attributes
    ----------
    kl : float
        weight of the divergence of the latents from the standard normal
    perceptual : float
        weight of the difference of pretrained ``features``; ``features_file`` holds VGG-19's weights, None gets them as
        :func:`thermend.training.features.features` does
    flatter : float
        chance of a sample to have lost contrast, so that dull images come through as well
    """

    part: ClassVar[str] = "autoencoder"
    kl: float = Field(1e-6, ge=0)
    perceptual: float = Field(0.002, ge=0)
    features: Literal["vgg19", "lite0"] = "vgg19"
    features_file: Path | None = None
    flatter: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _can_be(self) -> AutoencoderRecipe:
        from thermend.methods.hidra.prior_checks import check_autoencoder

        check_autoencoder(self.configuration, self.begins_as_identity, self.patch_size)
        return self


class UnetRecipe(PriorRecipe, OnDeviceRecipe):
    """A training of the UNet (J. Ho et al., 2020).

    Attributes
    ----------
    autoencoder : Path or None
        file of its weights; None takes those that ship
    reduced : float
        chance of a patch to be reduced from twice its size, where an image has room for it
    objective : {'epsilon', 'decibels'}
        ``epsilon``: the mean squared difference of the noise. ``decibels``: the logarithm of the mean square that it leaves in
        the image once it is taken off, each channel of the latent counted by what it does to the image; so all timesteps count
        alike, where of ε's own difference the late ones are but a small part (and T. Salimans and J. Ho, 2022, section 4)
    last : float
        chance of the last timestep, HiDRA's, to be drawn; else all are alike
    beta_end : float
        how much noise the last timestep adds: 0.006 leaves √ᾱ = 0.22 of the signal; 0.012, Stable Diffusion's, 0.07
    """

    part: ClassVar[str] = "unet"
    convention: bool = False
    autoencoder: Path | None = None
    reduced: float = Field(0.0, ge=0, le=1)
    objective: Literal["epsilon", "decibels"] = "epsilon"
    last: float = Field(0.0, ge=0, le=1)
    beta_end: float = Field(0.006, gt=0.00085, lt=0.1)

    @model_validator(mode="after")
    def _can_be(self) -> UnetRecipe:
        from thermend.methods.hidra.prior_checks import check_unet

        check_unet(self.configuration, self.begins_as_identity)
        return self
