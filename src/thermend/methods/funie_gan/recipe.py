"""FUnIE-GAN's recipe: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from thermend.training.recipe import PresetName, Recipe, Section


class Losses(Section):
    """Weights of the losses; the adversarial one has 1.

    Attributes
    ----------
    absolute : float
        of the mean absolute difference, on images in [−1, 1]
    content : float
        of the mean squared difference of VGG-19's features (block5_conv2)
    content_features : {'vgg19', 'lite0'}
        ``lite0`` takes the first eleven blocks of EfficientNet-Lite0, where VGG-19's weights are not to be had: another loss
    vgg_file : Path or None
        VGG-19's weights; None gets them as :func:`thermend.training.features.features` does
    """

    absolute: float = Field(7.0, ge=0)
    content: float = Field(3.0, ge=0)
    content_features: Literal["vgg19", "lite0"] = "vgg19"
    vgg_file: Path | None = None


class FunieGANRecipe(Recipe):
    """A training of FUnIE-GAN.

    Attributes
    ----------
    widths : tuple of int or None
        channels of the levels; None takes the released ones
    preset : str
        what spoils the images
    losses : Losses
        their weights
    """

    batch_size: int = Field(8, ge=2)
    patch_size: int = Field(256, ge=32)
    learning_rate: float = Field(3e-4, gt=0)
    widths: tuple[int, ...] | None = None
    preset: PresetName = "dual-decoder"
    losses: Losses = Losses()

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method != "funie-gan":
            raise ValueError(f"{method!r}: expected funie-gan")
        return method

    @model_validator(mode="after")
    def _can_be(self) -> FunieGANRecipe:
        if self.widths is not None and (len(self.widths) < 2 or min(self.widths) < 1):
            raise ValueError(f"widths {list(self.widths)}: expected two levels or more")
        if self.patch_size % (side := 2 ** len(self.widths or range(5))):
            raise ValueError(f"patch_size {self.patch_size}: expected a multiple of {side}")
        return self

    @property
    def described(self) -> dict[str, Any]:
        """What is kept beside the weights, of which the network is built again."""
        return {} if self.widths is None else {"widths": list(self.widths)}
