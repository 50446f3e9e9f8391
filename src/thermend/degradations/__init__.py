"""Degradations: what spoils a thermal image, on batches (B, 1, H, W) in [0, 1], seeded, with gradients.

| module | cause |
| --- | --- |
| `contrast` | lost contrast and brightness |
| `resolution` | too few pixels |
| `blur` | optics, smoothing |
| `vignetting` | smooth shading by lens and housing |
| `stripes` | columns and rows with their own gain and offset |
| `noise` | detector, photons, fixed pattern, dead pixels |
| `quantisation` | few grey levels, JPEG |
| `hidra_released` | all of it, as HiDRA's authors published it |
| `cascade`, `presets` | several in a camera's order; the papers' test conditions |

Levels are grey levels of 255, lengths pixels. Needs the extra `train`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or find_spec("torch") is not None:
    from thermend.degradations.blur import anisotropic_blur, gaussian_blur, smoothing
    from thermend.degradations.cascade import DEGRADATIONS, Cascade, OneOf, Step, Uniform
    from thermend.degradations.contrast import contrast, darkening, haze
    from thermend.degradations.noise import (
        correlated_noise,
        dead_pixels,
        fixed_pattern_noise,
        gaussian_noise,
        shot_noise,
    )
    from thermend.degradations.presets import PRESETS, degrade, degrade_levels, generator_for, hm_tir, preset
    from thermend.degradations.quantisation import jpeg, posterisation
    from thermend.degradations.resolution import low_resolution
    from thermend.degradations.stripes import stripes
    from thermend.degradations.vignetting import vignetting

    nonuniformity = vignetting  # its earlier name
else:

    def __getattr__(name: str) -> Any:
        """Without torch the module can be looked at, but not used."""
        from thermend.errors import MissingDependencyError

        if name in __all__:
            raise MissingDependencyError("degradations need torch: pip install 'thermend[train]'")
        raise AttributeError(f"module 'thermend.degradations' has no attribute {name!r}")


__all__ = [
    "DEGRADATIONS",
    "PRESETS",
    "Cascade",
    "OneOf",
    "Step",
    "Uniform",
    "anisotropic_blur",
    "contrast",
    "correlated_noise",
    "darkening",
    "dead_pixels",
    "degrade",
    "degrade_levels",
    "fixed_pattern_noise",
    "gaussian_blur",
    "gaussian_noise",
    "generator_for",
    "haze",
    "hm_tir",
    "jpeg",
    "low_resolution",
    "nonuniformity",
    "posterisation",
    "preset",
    "shot_noise",
    "smoothing",
    "stripes",
    "vignetting",
]
