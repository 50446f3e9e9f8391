"""PPFN's recipe: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from thermend.methods.ppfn.passes import DEGRADATIONS, PERCENTILES, THUMBNAIL, Told, passes_of
from thermend.training.recipe import Recipe, Section

if TYPE_CHECKING:
    from thermend.degradations import Cascade
    from thermend.methods.ppfn.backbones.backbone import Backbone

NAMES = ("restormer", "nafnet", "uformer", "focalnet", "x-restormer", "compact")
"""The networks of :data:`thermend.methods.ppfn.backbones.BACKBONES`, by name."""
FusionKind = Literal["concatenate", "multiply"]


class Pipeline(Section):
    """The gated degradation pipeline.

    Attributes
    ----------
    gate : float
        chance of each degradation of a composite sample to be applied; 0.8 in the paper
    undamaged : float
        chance of a composite sample to be left as it is
    strength : tuple
        lowest and highest of the detector's part; 1 is the paper's
    others : float
        chance of each degradation to be one of :data:`OTHERS`; 0 in the paper
    natural : float
        chance of a sample to keep the levels that its camera gave it, where the recipe's convention holds
    window : float
        least share of each side of an image that stands for the whole; 1 always takes all of it, as the paper does. From few
        images the levels of each would be learned by heart
    """

    gate: float = Field(0.8, ge=0, le=1)
    undamaged: float = Field(0.0, ge=0, le=1)
    strength: tuple[float, float] = (1.0, 1.0)
    others: float = Field(0.0, ge=0, le=1)
    window: float = Field(1.0, gt=0, le=1)
    natural: float = Field(0.0, ge=0, le=1)

    @field_validator("strength")
    @classmethod
    def _ordered(cls, strength: tuple[float, float]) -> tuple[float, float]:
        if not 0 < strength[0] <= strength[1]:
            raise ValueError(f"{list(strength)}: expected the lowest, above 0, and the highest")
        return strength

    def drawn(self, rng: np.random.Generator) -> dict[str, Cascade]:
        """Of one sample: what contrast, blur and noise are."""
        from thermend.methods.ppfn.pipeline import drawn

        return drawn(self.strength, self.others, rng)


class Choosing(Section):
    """The estimator that chooses the prompts.

    Attributes
    ----------
    share : float
        of the passes in training that run with prompts that it chose; the others have them by hand
    weight : float
        of its own loss
    """

    share: float = Field(0.5, ge=0, le=1)
    weight: float = Field(0.02, ge=0)


class PpfnRecipe(Recipe):
    """A training of PPFN.

    Attributes
    ----------
    method : ``ppfn/BACKBONE``
    options : dict
        what the backbone's class takes; null is none, whatever the recipe's base has
    prompts : {'dual', 'degradation', 'none'}
        ``dual``, ``degradation`` alone, or ``none``
    fusion, nonlinear : FusionKind, bool
        how the two are fused
    stages : tuple of str or None
        of the backbone, that are modulated; None takes all
    order : tuple of str
        in which degradations are removed
    iterations : int
        passes; with fewer than three the first removes several
    loss : {'l1', 'charbonnier'}
        ``l1``, the paper's, or ``charbonnier``
    weight_decay : of AdamW
    pipeline : Pipeline
        what spoils the images
    choosing : Choosing or None
        prompts that choose themselves; None leaves them to the user
    told : Told
        of which whole image a pass is told: of the one as it is then (``each``; in training as it should be then, since only
        pieces are restored), or of the one as it came (``first``; then training and use are told the same)
    """

    batch_size: int = Field(4, ge=1)
    patch_size: int = Field(256, ge=64)
    learning_rate: float = Field(8e-5, gt=0)
    options: dict[str, Any] = Field(default_factory=dict)
    prompts: Literal["dual", "degradation", "none"] = "dual"
    fusion: FusionKind = "concatenate"
    nonlinear: bool = True
    stages: tuple[str, ...] | None = None
    order: tuple[str, ...] = tuple(reversed(DEGRADATIONS))
    iterations: int = Field(3, ge=1, le=3)
    loss: Literal["l1", "charbonnier"] = "l1"
    weight_decay: float = Field(0.0, ge=0)
    pipeline: Pipeline = Pipeline()
    choosing: Choosing | None = None
    told: Told = "each"

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        backbone = method.partition("/")[2] or "compact"
        if backbone not in NAMES:
            raise ValueError(f"backbone {backbone!r} is not known; known are {', '.join(NAMES)}")
        return f"ppfn/{backbone}"

    @field_validator("options", mode="before")
    @classmethod
    def _none(cls, options: Any) -> Any:
        return {} if options is None else options

    @field_validator("order")
    @classmethod
    def _all_three(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(order) != sorted(DEGRADATIONS):
            raise ValueError(f"{list(order)}: expected {', '.join(DEGRADATIONS)} in some order")
        return order

    @model_validator(mode="after")
    def _fits(self) -> PpfnRecipe:
        if self.prompts == "none" and (self.choosing or self.stages):
            raise ValueError("prompts: none leaves nothing to choose and no stages to modulate")
        try:
            stages = _meta(self.method, self.options).stages
        except Exception as error:
            raise ValueError(f"options: {self.options} cannot be: {' '.join(str(error).split())[:120]}") from error
        for stage in self.stages or ():
            if stage not in stages:
                raise ValueError(f"stages: {stage!r} is not known; known are {', '.join(stages)}")
        return self

    @property
    def described(self) -> dict[str, Any]:
        """What is kept beside the weights; :func:`thermend.methods.ppfn.checkpoints.built` makes the network of it."""
        backbone = _meta(self.method, self.options)
        kept = {"options", "prompts", "fusion", "nonlinear", "stages", "order", "iterations", "told"}
        return self.model_dump(mode="json", include=kept) | {
            "backbone": self.method.partition("/")[2],
            "chooses": self.choosing is not None,
            "multiple": backbone.multiple,
            "surface": backbone.has_surface,
        }

    @property
    def passes(self) -> tuple[tuple[str, ...], ...]:
        """What each iteration removes."""
        return passes_of(self.order, self.iterations)


def _meta(method: str, options: Mapping[str, Any]) -> Backbone:
    """The backbone without its weights."""
    import torch

    from thermend.methods.ppfn.backbones import BACKBONES
    from thermend.methods.ppfn.whole import Whole

    with torch.device("meta"), torch.no_grad():
        backbone = BACKBONES[method.partition("/")[2]](**options)
        if not all(p.numel() for p in backbone.parameters()):
            raise ValueError("some of its layers have no channels")
        side = 2 * backbone.multiple
        backbone(
            torch.empty(1, 1, side, side), whole=Whole(torch.empty(1, 1, *THUMBNAIL), torch.empty(1, len(PERCENTILES)))
        )
    return backbone
