"""HiDRA's recipe: what a training follows from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from thermend.methods.info import todays_name
from thermend.training.recipe import Recipe, Section

if TYPE_CHECKING:
    import torch


SMALL: dict[str, Any] = {
    "num_channels": 2, "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 3, "mlp_ratio": 2, "patch_size": 8,
    "image_size": 128,
}  # fmt: skip
"""Configuration of the DINOv2 that is trained along where no pretrained one is to be had. It sees two colours
(:func:`colours`)."""


class Prior(Section):
    """The backbone.

    Attributes
    ----------
    source : str or None
        a Stable Diffusion's name on the hub or folder (:func:`thermend.methods.hidra.prior_files.from_pretrained`); None takes
        the embedded prior
    prompt : Path or None
        file with the embedding of the empty prompt, for a source without a text encoder
    precision : {'float32', 'float16', 'bfloat16'}
        that a source's weights are kept in; the LoRA is float32
    autoencoder, unet : Path or None
        files of the embedded prior's halves, instead of those that ship
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
    guides : bool
        without, Σ = 1: plain LoRA (the paper's "w/o DEM")
    source : str or None
        of a DINOv2, its name on the hub or folder; None trains a small one along
    layers : tuple of int
        that are looked at
    width : of P
    interaction : bool
        the attention of the layers to each other
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
    kind : {'bilevel', 'alternating', 'joint'}
        ``bilevel``: with the first-order ratio. ``alternating``: the upper level's direct gradient alone. ``joint``: no upper
        level; DEM and LoRA learn on D_tr together
    every : int
        T: the upper level moves in every so many iterations, after the lower one
    joint : int
        so many iterations come first in which DEM learns with the lower level
    pipelines : int
        M, of each sample of D_val, which are those of D_tr anew
    floor, most : float
        of the ratio (:func:`thermend.methods.hidra.solver.ratio`)
    """

    kind: Literal["bilevel", "alternating", "joint"] = "bilevel"
    every: int = Field(4, ge=1)
    joint: int = Field(0, ge=0)
    pipelines: int = Field(2, ge=1)
    floor: float = Field(1e-12, gt=0)
    most: float = Field(10.0, gt=0)


class Losses(Section):
    """Weights of Φ and Ψ; 0 leaves a term out.

    Attributes
    ----------
    l2, perceptual, adversarial : float
        2, 5, 0.5 in the paper
    decibels : float
        of the logarithm of each image's squared difference (not in the paper), so that faint damage, and none, count as well
    features : {'lpips', 'vgg19', 'lite0'}
        of the perceptual loss: LPIPS, or the plain difference of VGG-19's, or of EfficientNet-Lite0's (``lite0``)
    features_file : Path or None
        weights of LPIPS's VGG-16, or of VGG-19; None gets them as :func:`thermend.training.features.features` does
    critic : {'patch', 'dino'}
        of the adversarial loss (:mod:`thermend.methods.hidra.critic`); ``dino`` is the released code's
    critic_source : str
        of the DINO, its name on the hub or folder
    """

    l2: float = Field(2.0, gt=0)
    perceptual: float = Field(5.0, ge=0)
    adversarial: float = Field(0.5, ge=0)
    decibels: float = Field(0.0, ge=0)
    features: Literal["lpips", "vgg19", "lite0"] = "lpips"
    features_file: Path | None = None
    critic: Literal["patch", "dino"] = "patch"
    critic_source: str = "facebook/dino-vitb16"


class Pipeline(Section):
    """What spoils the images.

    Attributes
    ----------
    kind : {'own', 'released'}
        this package's (ranges assumed), or the authors' (:mod:`thermend.degradations.hidra_released`)
    gate : float or None
        chance of each degradation to be there; None is 0.6, or the authors' 0.7
    undamaged : float
        chance of an image to be left as it is; of this package's
    released : float
        chance of an image to go through the authors' instead; of this package's
    """

    kind: Literal["own", "released"] = "own"
    gate: float | None = Field(None, gt=0, le=1)
    undamaged: float = Field(0.05, ge=0, lt=1)
    released: float = Field(0.0, ge=0, le=1)

    def __call__(self, image: torch.Tensor, generator: torch.Generator, mean: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1], pieces of images of that mean, (B,), each through its own pipeline."""
        if self.kind == "released":
            return self._released(image, generator)
        from thermend.methods.hidra.pipeline import chance, spoiled

        made = spoiled(image, generator, mean, 0.6 if self.gate is None else self.gate, self.undamaged)
        if not self.released:
            return made
        others = chance(len(image), generator) < self.released
        places = others.nonzero()[:, 0].to(image.device)
        return made.index_copy(0, places, self._released(image[places], generator)) if len(places) else made

    def _released(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        from thermend.degradations.hidra_released import hidra_released

        gate = 0.7 if self.gate is None or self.kind == "own" else self.gate
        return hidra_released(image, gate, generator=generator)


class HidraRecipe(Recipe):
    """A training of HiDRA.

    Attributes
    ----------
    batch_size : int
        patches of an iteration; the lower level sees them once, the upper one, when it moves, ``solver.pipelines`` times
    ranks : tuple
        of the LoRA of encoder and UNet
    estimator_rate : float
        of the upper level's optimiser, as a share of ``learning_rate``
    half : bool
        weights are written in float16
    optimizer : {'adam', 'adamw'}
    weight_decay : float
        of ``adamw``
    form : {'small', 'released'} or None
        of DEM, Σ and LoRA: this package's own, or the authors' (:mod:`thermend.methods.hidra.released`), which None takes on
        SD-Turbo with a DINOv2 from a source
    conv_in : bool
        of the released form: the UNet's first convolution is trained whole
    lessons : int
        how many of the ``steps`` are lessons of DEM; they come first, at ``learning_rate``
    level_steps : int
        in how many of them, the last, what reads off the level of an image learns; 0 leaves it out. ``warmup_steps`` and
        ``schedule`` hold for the lessons, the bi-level iterations and these alike
    level_side : int
        side of the windows of images that it learns from, pixels
    level_rounds : int
        updates in each of those, on images of all of them so far
    """

    batch_size: int = Field(8, ge=1)
    patch_size: int = Field(128, ge=32)
    learning_rate: float = Field(5e-4, gt=0)
    ranks: tuple[int, int] = (16, 32)
    estimator_rate: float = Field(1.0, gt=0)
    lessons: int = Field(0, ge=0)
    level_steps: int = Field(0, ge=0)
    level_side: int = Field(384, ge=32)
    level_rounds: int = Field(20, ge=1)
    prior: Prior = Prior()
    estimator: Estimator = Estimator()
    solver: Solver = Solver()
    losses: Losses = Losses()
    pipeline: Pipeline = Pipeline()
    half: bool = False
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = Field(0.0, ge=0)
    form: Literal["small", "released"] | None = None
    conv_in: bool = False

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        method = todays_name(method)
        if method not in ("hidra/tiny", "hidra/sd-turbo"):
            raise ValueError(f"{method!r}: expected hidra/tiny or hidra/sd-turbo")
        return method

    @model_validator(mode="after")
    def _fits(self) -> HidraRecipe:
        if (self.prior.source is None) != (self.method == "hidra/tiny"):
            raise ValueError(f"prior.source: hidra/sd-turbo needs one, hidra/tiny has none, not {self.prior.source}")
        if self.minutes is not None:
            raise ValueError("minutes: lessons and iterations are counted; set steps")
        if self.lessons + self.level_steps > self.most_steps:
            raise ValueError(
                f"lessons {self.lessons} and level_steps {self.level_steps}: expected no more than the {self.steps} steps"
            )
        if self.level_steps and (self.is_released or not self.estimator.guides or self.patch_size > self.level_side):
            raise ValueError("level_steps: go with a DEM, patches of level_side at most, and form: small")
        if self.lessons and not self.estimator.guides:
            raise ValueError("lessons: there is no DEM to teach where estimator.guides is false")
        if self.is_released and (self.estimator.guides and self.estimator.source is None):
            raise ValueError("form: the released one needs a DINOv2 with registers, estimator.source")
        if self.is_released and (self.prior.source is None or self.lessons):
            raise ValueError("form: the released one goes with a prior.source, and has no lessons")
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError("weight_decay: goes with optimizer: adamw")
        if self.conv_in and not self.is_released:
            raise ValueError("conv_in: goes with form: released")
        if min(self.ranks) < 1:
            raise ValueError(f"ranks {list(self.ranks)}: expected 1 or more")
        depth = {**SMALL, **self.estimator.configuration}["num_hidden_layers"]
        if self.estimator.source is None and not all(1 <= layer <= depth for layer in self.estimator.layers):
            raise ValueError(f"estimator.layers {list(self.estimator.layers)}: expected some of 1 to {depth}")
        patch = {**SMALL, **self.estimator.configuration}["patch_size"]
        if self.estimator.source is None and self.patch_size < patch:
            raise ValueError(f"patch_size {self.patch_size}: expected a patch of the estimator, {patch}, or more")
        if self.devices > 1:
            raise ValueError("devices: the levels' gradients are taken apart from those that devices share; expected 1")
        return self

    @property
    def is_released(self) -> bool:
        """Whether DEM, Σ and LoRA are in the authors' form."""
        usual = self.method == "hidra/sd-turbo" and (self.estimator.source is not None or not self.estimator.guides)
        return usual if self.form is None else self.form == "released"

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
            "level": self.level_steps > 0,
            "view": 0 if self.is_released else self.patch_size,
        } | ({"form": "released", "conv_in": self.conv_in} if self.is_released else {})
