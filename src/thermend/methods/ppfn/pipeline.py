"""The gated degradation pipeline (PPFN, section 4), and kinds of damage beyond the paper's."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field, field_validator

from thermend.degradations import Cascade, OneOf, Step, Uniform, hm_tir
from thermend.methods.ppfn.passes import DEGRADATIONS
from thermend.training.recipe import Section

_DIRECTION = OneOf(("columns", "columns", "rows"))
_LINES = Step("stripes", {"offset": Uniform(0, 30), "gain": Uniform(0, 0.1), "direction": _DIRECTION})
_GRAIN = Step("gaussian-noise", {"sigma": Uniform(1, 32)})
_FLATTER = Step("contrast", {"factor": Uniform(0.3, 0.95)})
_WIDTH = Uniform(0.5, 3)
_OPTICS = Step("blur", {"sigma": _WIDTH})
_ASTIGMATIC = Step("anisotropic-blur", {"sigma_x": _WIDTH, "sigma_y": _WIDTH, "angle": Uniform(0, math.pi), "size": 25})
_HALF = Step("low-resolution", {"factor": 2})
_FEWER_PIXELS = Step("low-resolution", {"factor": OneOf((2, 4))})

OTHERS: dict[str, tuple[Cascade, ...]] = {
    "contrast": (
        Cascade((_FLATTER,)),
        Cascade((_FLATTER, Step("darkening", {"share": Uniform(0, 0.25)}))),
    ),
    "blur": (
        Cascade((_OPTICS,)),
        Cascade((_HALF,)),
        Cascade((_FEWER_PIXELS,)),
        Cascade((_OPTICS, _FEWER_PIXELS)),
        Cascade((_ASTIGMATIC, _FEWER_PIXELS)),
    ),
    "noise": (
        Cascade((_LINES,)),
        Cascade((_GRAIN,)),
        Cascade((_LINES, _GRAIN)),
        Cascade((_LINES, Step("fixed-pattern-noise", {"offset": Uniform(1, 12), "gain": Uniform(0, 0.05)}))),
        Cascade((Step("gaussian-noise", {"sigma": Uniform(0, 12)}), Step("jpeg", {"quality": Uniform(60, 95)}))),
    ),
}
"""Beyond the paper: what the field's other test conditions ask of each of its three kinds."""


class Pipeline(Section):
    """The gated degradation pipeline.

    Attributes
    ----------
    gate : chance of each degradation of a composite sample to be applied; 0.8 in the paper
    undamaged : chance of a composite sample to be left as it is
    strength : lowest and highest of the detector's part; 1 is the paper's
    others : chance of each degradation to be one of :data:`OTHERS`; 0 in the paper
    natural : chance of a sample to keep the levels that its camera gave it, where the recipe's convention holds
    window : least share of each side of an image that stands for the whole; 1 always takes all of it, as the paper does.
        From few images the levels of each would be learned by heart
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
        kinds = dict(zip(DEGRADATIONS, _groups(hm_tir(float(rng.uniform(*self.strength))))))
        for name, others in OTHERS.items():
            if rng.random() < self.others:
                kinds[name] = others[int(rng.integers(len(others)))]
        return kinds


def _groups(cascade: Cascade) -> list[Cascade]:
    found, first = [], 0
    for count in cascade.groups:
        found.append(Cascade(cascade.steps[first : first + count], (count,)))
        first += count
    return found
