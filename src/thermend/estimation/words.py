"""A diagnosis in the words of a thermographer."""

from __future__ import annotations

from thermend.estimation.diagnosis import SURE_SHARE, Diagnosis
from thermend.image import Unit

NOISE, STRIPES, SHADING = (1.0, 3.0, 8.0), (0.3, 1.5, 5.0), (8.0, 20.0, 50.0)
"""Grey levels of 255 from which a degradation is light, moderate and strong; below the first nothing is said of it. For the
eye: one level is the rounding of a picture, eight are seen at arm's length."""
BLUR = (0.8, 1.3, 2.0)
"""Pixels, of the point spread function's deviation."""
LOW_CONTRAST = 1 / 3
"""Share of the range; what uses less looks flat."""
_GRADES = ("light", "moderate", "strong")


def sentences(found: Diagnosis, unit: Unit = "display") -> list[str]:
    """What is wrong with an image, each with its numbers; one sentence where nothing is.

    Parameters
    ----------
    found : Diagnosis
    unit : Unit
        of the image: temperatures and counts use but a part of a camera's range, and lack no contrast for that

    Returns
    -------
    list of str
        a degradation each
    """
    told = [*_noise(found), *_lines(found), *_defects(found), *_shading(found), *_sharpness(found)]
    told += _contrast(found) if unit == "display" else []
    return told or ["Nothing is found to be wrong with this image."]


def _noise(found: Diagnosis) -> list[str]:
    told = []
    if grade := _grade(found.noise_sigma, NOISE):
        told.append(
            f"{grade.capitalize()} sensor noise: standard deviation {_level(found.noise_sigma, found.noise_kelvin)}."
        )
    if grade := _grade(found.correlated_noise_sigma, NOISE):
        told.append(
            f"{grade.capitalize()} noise that neighbouring pixels share: {found.correlated_noise_sigma:.1f} grey levels."
        )
    return told


def _lines(found: Diagnosis) -> list[str]:
    told = []
    if found.stripe_direction != "none" and (grade := _grade(found.stripe_sigma, STRIPES)):
        way = "Column" if found.stripe_direction == "columns" else "Row"
        crossing = " and, weaker, at right angles to it" if found.crossing_stripe_sigma >= STRIPES[0] else ""
        told.append(f"{way} stripes, {grade}{crossing}: {_level(found.stripe_sigma, found.stripe_kelvin)}.")
    if found.stripe_forms:
        told.append(f"Stripes of other forms: {', '.join(found.stripe_forms)}.")
    return told


def _defects(found: Diagnosis) -> list[str]:
    told = []
    if found.dead_pixels:
        told.append(f"{found.dead_pixels:,} bad pixel{'s' * (found.dead_pixels != 1)}.")
    if found.dead_columns:
        told.append(f"{found.dead_columns} line{'s' * (found.dead_columns != 1)} of the detector stuck.")
    return told


def _shading(found: Diagnosis) -> list[str]:
    grade = _grade(found.nonuniformity, SHADING)
    if not grade:
        return []
    if found.nonuniformity_share < SURE_SHARE:
        return ["Brightness changes smoothly from side to side, which may be the scene's."]
    return [
        f"{grade.capitalize()} vignetting: {_level(found.nonuniformity, found.nonuniformity_kelvin)} from side to side."
    ]


def _sharpness(found: Diagnosis) -> list[str]:
    if found.interpolated:
        return ["The image was enlarged from fewer pixels."]
    grade = _grade(found.blur_sigma, BLUR)
    return [f"{grade.capitalize()} blur: standard deviation {found.blur_sigma:.1f} pixels."] if grade else []


def _contrast(found: Diagnosis) -> list[str]:
    if found.contrast is None or found.contrast >= LOW_CONTRAST:
        return []
    return [f"Low contrast: the scene uses {found.contrast:.0%} of the range."]


def _grade(value: float, grades: tuple[float, float, float]) -> str:
    """The word for a severity; none where it is too slight."""
    reached = [word for word, least in zip(_GRADES, grades) if value >= least]
    return reached[-1] if reached else ""


def _level(grey: float, kelvin: float | None) -> str:
    return f"{grey:.1f} grey levels" + (f" ({kelvin:.2f} K)" if kelvin is not None else "")
