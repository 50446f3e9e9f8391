"""The papers' test conditions, by name; standard deviations in grey levels of 255, lengths in pixels.

Sources: PPFN's paper (`hm-tir-*`, whose noise has a deviation of 5 to 20) and its code (`hm-tir-*-released`, which draws
the variance uniformly, 25 to 400: a deviation of 14.0 on average in place of 12.5), DEAL (`deal-*`), 2D-GAN
(`dual-decoder`), HiDRA (`hidra-*`). Where a paper gives no number, ours are marked as assumed. `hidra-released` is what
HiDRA's authors published; its four levels, quarters of each range, are assumed, since nothing of theirs defines any, and
`hidra-mild` to `-extreme`, `hidra-fpn` and `hidra-blind-sr` are assumed altogether. `camera-*` are ours: noise as cameras
have it, which is seldom white.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from thermend.degradations.cascade import Cascade, OneOf, RootUniform, Step, Uniform
from thermend.errors import UsageError

_HAZE = Step("haze", {"change": Uniform(-0.8, -0.2), "lift": Uniform(0.2, 0.4)}, rounds=True)
_OPTICS = Step("blur", {"sigma": Uniform(1.0, 3.0), "size": OneOf(tuple(range(7, 24, 2)))}, rounds=True)


def _detector(strength: float, drawn: type[Uniform] = Uniform) -> tuple[Step, ...]:
    """PPFN's noise: non-uniformity, then stripes, then Gaussian noise; `strength` multiplies what it adds (the released "hard"
    images are stronger than its ranges), `drawn` is how the noise's deviation is."""
    amplitudes = tuple(strength * a for a in range(15, 76))
    return (
        Step(
            "vignetting",
            {
                "amplitude": OneOf(amplitudes),
                "centre_y": Uniform(0, 1),
                "centre_x": Uniform(0, 1),
                "inverted": OneOf((0.0, 1.0)),
            },
        ),
        Step(
            "stripes",
            {
                "direction": OneOf(("columns", "rows")),
                "gain": Uniform(0.03 * strength, 0.10 * strength),
                "offset": Uniform(0, 5 * strength),
            },
        ),
        Step("gaussian-noise", {"sigma": drawn(5 * strength, 20 * strength)}, rounds=True),
    )


def hm_tir(strength: float = 1.0, drawn: type[Uniform] = Uniform) -> Cascade:
    """PPFN's pipeline: contrast, blur and the detector's part, a group each; the strength is the detector's."""
    return Cascade((_HAZE, _OPTICS, *_detector(strength, drawn)), groups=(1, 1, 3))


HARD = 1.8
"""Strength of the detector's part in `hm-tir-hard`, calibrated to a mean PSNR of 11.5 dB on RoadScene and HIT-UAV
(training images; benchmarks/calibrate_hard.py)."""


def _hidra(factor: float, down: int, blur: float, offset: float, gain: float, noise: float) -> Cascade:
    """HiDRA's composite levels (numbers assumed)."""
    return Cascade(
        (
            Step("contrast", {"factor": factor}),
            Step("low-resolution", {"factor": down}),
            Step("blur", {"sigma": blur}),
            Step("stripes", {"offset": offset, "gain": gain}),
            Step("gaussian-noise", {"sigma": noise}),
        )
    )


PRESETS: dict[str, Cascade] = {
    "hm-tir-contrast": Cascade((_HAZE,)),
    "hm-tir-blur": Cascade((_OPTICS,)),
    "hm-tir-noise": Cascade(_detector(1.0), groups=(3,)),
    "hm-tir-normal": hm_tir(),
    "hm-tir-hard": hm_tir(HARD),
    "hm-tir-noise-released": Cascade(_detector(1.0, RootUniform), groups=(3,)),
    "hm-tir-normal-released": hm_tir(drawn=RootUniform),
    "hm-tir-hard-released": hm_tir(HARD, RootUniform),
    "deal-stripe-moderate": Cascade((Step("stripes", {"offset": 10.0}),)),
    "deal-stripe-heavy": Cascade((Step("stripes", {"offset": 25.0}),)),
    "deal-x2": Cascade((Step("low-resolution", {"factor": 2}),)),
    "deal-x4": Cascade((Step("low-resolution", {"factor": 4}),)),
    "deal-low-contrast": Cascade((Step("contrast", {"factor": 0.5}),)),
    "deal-composite": Cascade(
        (
            Step("contrast", {"factor": 0.6}),
            Step("low-resolution", {"factor": 2}),
            Step("stripes", {"offset": 10.0}),
        )
    ),
    "dual-decoder": Cascade(
        (
            Step("contrast", {"factor": Uniform(0.3, 0.7)}),
            Step("darkening", {"share": Uniform(0, 0.2)}),
            Step("blur", {"sigma": Uniform(0.5, 1.5)}),
            Step("gaussian-noise", {"sigma": Uniform(5, 15)}),
        )
    ),
    "hidra-mild": _hidra(0.9, 1, 0.8, 3.0, 0.02, 5.0),
    "hidra-moderate": _hidra(0.7, 1, 1.5, 6.0, 0.04, 12.0),
    "hidra-severe": _hidra(0.5, 2, 2.2, 10.0, 0.07, 20.0),
    "hidra-extreme": _hidra(0.35, 4, 3.0, 15.0, 0.1, 30.0),
    "hidra-released": Cascade((Step("hidra-released", {"gate": 0.7}),)),
    **{
        f"hidra-released-{name}": Cascade(
            (Step("hidra-released", {"gate": 1.0, "mildest": part / 4, "worst": (part + 1) / 4}),)
        )
        for part, name in enumerate(("mild", "moderate", "severe", "extreme"))
    },
    "hidra-fpn": Cascade(
        (
            Step("stripes", {"offset": 8.0, "gain": 0.05}),
            Step("fixed-pattern-noise", {"offset": 8.0}),
        )
    ),
    "hidra-blind-sr": Cascade(
        (
            Step(
                "anisotropic-blur",
                {
                    "sigma_x": Uniform(0.5, 3),
                    "sigma_y": Uniform(0.5, 3),
                    "angle": Uniform(0, math.pi),
                    "size": 25,
                    "isotropic": OneOf((0.0, 1.0)),
                },
            ),
            Step("low-resolution", {"factor": 4}),
            Step("gaussian-noise", {"sigma": Uniform(0, 10)}),
            Step("jpeg", {"quality": Uniform(60, 95)}),
        )
    ),
    "camera-correlated": Cascade((Step("correlated-noise", {"sigma": Uniform(2, 10), "width": Uniform(0.5, 1.2)}),)),
    "camera-lines": Cascade(
        (
            Step("stripes", {"offset": Uniform(2, 10)}),
            Step("stripes", {"offset": Uniform(2, 10), "direction": "rows"}),
            Step("correlated-noise", {"sigma": Uniform(2, 8), "width": Uniform(0.4, 0.9)}),
        )
    ),
    "camera-pattern": Cascade(
        (
            Step("fixed-pattern-noise", {"offset": Uniform(3, 10), "gain": Uniform(0, 0.03)}),
            Step("correlated-noise", {"sigma": Uniform(1, 4), "width": Uniform(0.4, 0.9)}),
        )
    ),
    "camera-compressed": Cascade(
        (Step("gaussian-noise", {"sigma": Uniform(3, 10)}), Step("jpeg", {"quality": Uniform(40, 85)}))
    ),
    "camera-interpolated": Cascade(
        (
            Step("gaussian-noise", {"sigma": Uniform(3, 12)}),
            Step("low-resolution", {"factor": 2, "kernel": "nearest", "back": "bilinear"}),
        )
    ),
}


def preset(name: str) -> Cascade:
    """One of :data:`PRESETS`.

    Raises
    ------
    UsageError
        there is none of that name
    """
    if name not in PRESETS:
        raise UsageError(f"preset {name!r} is not known; known are {', '.join(PRESETS)}")
    return PRESETS[name]


def generator_for(seed: int, preset_name: str, file_name: str) -> torch.Generator:
    """The generator of one image under one preset: what is drawn depends on nothing but these three."""
    digest = hashlib.sha256(f"{seed}/{preset_name}/{file_name}".encode("utf-8", "surrogateescape")).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def degrade(pixels: NDArray[np.uint8], preset_name: str, seed: int, file_name: str) -> NDArray[np.uint8]:
    """One 8-bit image under a preset.

    Parameters
    ----------
    pixels : (H, W) uint8
    file_name : str
        of the image, without folders
    """
    cascade = preset(preset_name)
    batch = torch.from_numpy(pixels.astype(np.float32) / np.float32(255))[None, None]
    with torch.no_grad():
        result = cascade(batch, generator_for(seed, preset_name, file_name))
    return np.asarray((result[0, 0] * 255).round().to(torch.uint8).numpy())


def degrade_levels(levels: NDArray[np.float32], preset_name: str, seed: int, file_name: str) -> NDArray[np.float32]:
    """One image of any depth under a preset, in floating point: nothing is rounded to 8 bits, and nothing cut off at the end.

    Parameters
    ----------
    levels : (H, W) float32
        normalised to [0, 1]; what is said in grey levels is of 255 over that range
    preset_name : str
    seed : int
    file_name : str
        of the image, without folders

    Returns
    -------
    (H, W) float32
    """
    cascade = preset(preset_name)
    unrounded = Cascade(tuple(replace(step, rounds=False) for step in cascade.steps), cascade.groups)
    batch = torch.from_numpy(np.ascontiguousarray(levels, np.float32))[None, None]
    with torch.no_grad():
        result = [batch, *unrounded.stages(batch, generator_for(seed, preset_name, file_name))][-1]
    return np.asarray(result[0, 0].numpy(), np.float32)
