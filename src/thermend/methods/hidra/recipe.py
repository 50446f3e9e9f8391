"""HiDRA's recipe: what a training follows from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from thermend.methods.hidra.estimator import SMALL
from thermend.methods.hidra.pipeline import Pipeline
from thermend.training.recipe import Recipe, Section


class Prior(Section):
    """The backbone.

    Attributes
    ----------
    source : a Stable Diffusion's name on the hub or folder (:func:`thermend.methods.hidra.backbone.from_pretrained`); None
        takes the embedded prior
    prompt : file with the embedding of the empty prompt, for a source without a text encoder
    precision : that a source's weights are kept in; the LoRA is float32
    autoencoder, unet : files of the embedded prior's halves, instead of those that ship
    """

    source: str | None = None
    prompt: Path | None = None
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    autoencoder: Path | None = None
    unet: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Prior:
        if self.source is not None and (self.autoencoder or self.unet):
            raise ValueError("source and autoencoder or unet exclude each other")
        if self.source is None and (self.prompt is not None or self.precision != "float32"):
            raise ValueError("prompt and precision go with a source; the embedded prior has its own")
        return self


class Estimator(Section):
    """DEM; as in :class:`thermend.methods.hidra.estimator.DegradationEstimator`.

    Attributes
    ----------
    guides : without, Σ = 1: plain LoRA (the paper's "w/o DEM")
    source : of a DINOv2, its name on the hub or folder; None trains a small one along
    layers : that are looked at
    width : of P
    interaction : the attention of the layers to each other
    """

    guides: bool = True
    source: str | None = None
    layers: tuple[int, ...] = Field((1, 2, 3, 4), min_length=1)
    width: int = Field(64, ge=1)
    interaction: bool = True
    configuration: dict[str, int] = Field(default_factory=dict)

    @field_validator("configuration")
    @classmethod
    def _known(cls, configuration: dict[str, int]) -> dict[str, int]:
        if unknown := set(configuration) - set(SMALL):
            raise ValueError(f"{', '.join(sorted(unknown))}: no such key; {', '.join(SMALL)} are")
        if configuration.get("num_channels") not in (None, 2, 3):
            raise ValueError(f"num_channels {configuration['num_channels']}: expected 2 or 3")
        for key, value in configuration.items():
            if value < 1:
                raise ValueError(f"{key} {value}: expected 1 or more")
        whole = {**SMALL, **configuration}
        if whole["image_size"] < whole["patch_size"]:
            raise ValueError(f"image_size {whole['image_size']}: expected patch_size, {whole['patch_size']}, or more")
        return configuration


class Solver(Section):
    """How the two levels are solved.

    Attributes
    ----------
    kind : ``bilevel``: with the first-order ratio. ``alternating``: the upper level's direct gradient alone.
        ``joint``: no upper level; DEM and LoRA learn on D_tr together
    inner : T, steps of the lower level to one of the upper
    pipelines : M, of each sample of D_val
    floor, most : of the ratio (:func:`thermend.methods.hidra.solver.ratio`)
    """

    kind: Literal["bilevel", "alternating", "joint"] = "bilevel"
    inner: int = Field(4, ge=1)
    pipelines: int = Field(2, ge=1)
    floor: float = Field(1e-12, gt=0)
    most: float = Field(10.0, gt=0)


class Losses(Section):
    """Weights of Φ and Ψ; 0 leaves a term out.

    Attributes
    ----------
    l2, perceptual, adversarial : 2, 5, 0.5 in the paper
    features : of the perceptual loss: LPIPS, or the plain difference of VGG-19's
    features_file : weights of LPIPS's VGG-16, or of VGG-19; None gets them as :func:`thermend.training.features.features` does
    """

    l2: float = Field(2.0, gt=0)
    perceptual: float = Field(5.0, ge=0)
    adversarial: float = Field(0.5, ge=0)
    features: Literal["lpips", "vgg19"] = "lpips"
    features_file: Path | None = None


class HidraRecipe(Recipe):
    """A training of HiDRA.

    Attributes
    ----------
    batch : crops a loop, for its T lower steps and its upper step alike: a multiple of T + 1; or crops a lesson
    ranks : of the LoRA of encoder and UNet
    estimator_rate : of the upper level's optimiser, as a share of ``rate``
    lessons : how many of the ``steps`` are lessons of DEM; they come first, at ``rate``. ``warmup`` and ``schedule`` hold for
        the lessons and for the loops after them alike
    """

    batch: int = Field(10, ge=1)
    crop: int = Field(128, ge=32)
    rate: float = Field(5e-4, gt=0)
    ranks: tuple[int, int] = (16, 32)
    estimator_rate: float = Field(1.0, gt=0)
    lessons: int = Field(0, ge=0)
    prior: Prior = Prior()
    estimator: Estimator = Estimator()
    solver: Solver = Solver()
    losses: Losses = Losses()
    pipeline: Pipeline = Pipeline()

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method not in ("hidra/embedded", "hidra/sd-turbo"):
            raise ValueError(f"{method!r}: expected hidra/embedded or hidra/sd-turbo")
        return method

    @model_validator(mode="after")
    def _fits(self) -> HidraRecipe:
        if self.batch % (self.solver.inner + 1):
            raise ValueError(f"batch {self.batch}: expected a multiple of solver.inner + 1, {self.solver.inner + 1}")
        if (self.prior.source is None) != (self.method == "hidra/embedded"):
            raise ValueError(
                f"prior.source: hidra/sd-turbo needs one, hidra/embedded has none, not {self.prior.source}"
            )
        if self.lessons > self.steps:
            raise ValueError(f"lessons {self.lessons}: expected no more than the {self.steps} steps")
        if self.lessons and not self.estimator.guides:
            raise ValueError("lessons: there is no DEM to teach where estimator.guides is false")
        if min(self.ranks) < 1:
            raise ValueError(f"ranks {list(self.ranks)}: expected 1 or more")
        depth = {**SMALL, **self.estimator.configuration}["num_hidden_layers"]
        if self.estimator.source is None and not all(1 <= layer <= depth for layer in self.estimator.layers):
            raise ValueError(f"estimator.layers {list(self.estimator.layers)}: expected some of 1 to {depth}")
        patch = {**SMALL, **self.estimator.configuration}["patch_size"]
        if self.estimator.source is None and self.crop < patch:
            raise ValueError(f"crop {self.crop}: expected a patch of the estimator, {patch}, or more")
        if self.devices > 1:
            raise ValueError("devices: the levels' gradients are taken apart from those that devices share; expected 1")
        return self

    @property
    def described(self) -> dict[str, Any]:
        """What is kept beside the weights, of which the network is built again."""
        own = self.prior.autoencoder is not None or self.prior.unet is not None
        estimator = self.estimator.model_dump(mode="json")
        estimator["configuration"] = {**SMALL, **self.estimator.configuration}
        return {
            "prior": self.prior.source or ("files" if own else "embedded"),
            "precision": self.prior.precision,
            "ranks": list(self.ranks),
            "estimator": estimator,
            "view": self.crop,
        }
