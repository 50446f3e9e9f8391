"""The gated degradation pipeline (PPFN, section 4), and kinds of damage beyond the paper's."""

from __future__ import annotations

import math

import numpy as np

from thermend.degradations import Cascade, OneOf, Step, Uniform, hm_tir
from thermend.methods.ppfn.passes import DEGRADATIONS

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


def drawn(strength: tuple[float, float], others: float, rng: np.random.Generator) -> dict[str, Cascade]:
    """Of one sample: what contrast, blur and noise are.

    Parameters
    ----------
    strength, others : tuple, float
        as :class:`thermend.methods.ppfn.recipe.Pipeline` has them
    """
    kinds = dict(zip(DEGRADATIONS, _groups(hm_tir(float(rng.uniform(*strength))))))
    for name, further in OTHERS.items():
        if rng.random() < others:
            kinds[name] = further[int(rng.integers(len(further)))]
    return kinds


def _groups(cascade: Cascade) -> list[Cascade]:
    found, first = [], 0
    for count in cascade.groups:
        found.append(Cascade(cascade.steps[first : first + count], (count,)))
        first += count
    return found
