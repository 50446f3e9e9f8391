"""Classical steps, with the numbers of a diagnosis: what `auto` plans, and what no scene's temperatures hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands, filter_in_bands
from thermend.estimation import Diagnosis
from thermend.estimation.bad_pixels import find_dead_columns, find_defects
from thermend.estimation.estimates import Estimates
from thermend.estimation.stripe_forms import Form, stripe_forms
from thermend.estimation.stripes import column_offsets, neighbour_differences
from thermend.estimation.vignetting import vignetting_surface
from thermend.filters.dct import denoise_dct
from thermend.filters.deconvolution import scene_power, wiener, within_measured
from thermend.filters.replacement import replace_columns, replace_pixels
from thermend.filters.tone import stretch
from thermend.filters.unclipping import unclip

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_STRIPES = 0.3
"""Grey levels; see `thermend.estimation.diagnosis`."""

MOST_DEVIATIONS = 6.0
"""Of the noise; what is more was measured."""

STRETCH, SURFACE = "classical.stretch", "classical.surface"
DESTRIPER, DENOISER, SHARPENER = "classical.column-median", "classical.dct", "classical.wiener"
DEAD_COLUMNS, DEAD_PIXELS = "classical.dead-columns", "classical.dead-pixels"
"""What the provenance calls the steps: the methods of the same arithmetic."""


@dataclass
class Step:
    """One thing that is done to an image.

    Attributes
    ----------
    name : str
        the method, as the catalogue names it
    facts : dict
        the numbers that it was done with, for the provenance
    apply : callable
        changes an (H, W) float32 array in place
    reference : bool
        True where the step takes off what is no part of the scene's temperatures (stripes, dead pixels)
    """

    name: str
    facts: dict[str, Any]
    apply: Callable[[Image], None] = field(repr=False)
    reference: bool = False


def defect_steps(diagnosis: Diagnosis, valid: Mask | None = None) -> list[Step]:
    """Dead columns and dead pixels replaced, as a diagnosis finds them.

    Parameters
    ----------
    diagnosis : Diagnosis
    valid : (H, W) bool or None
        pixels that were measured; None, all
    """
    steps = []
    if diagnosis.dead_columns:
        steps.append(
            Step(DEAD_COLUMNS, {"columns": diagnosis.dead_columns}, partial(_mend_dead_columns, valid=valid), True)
        )
    if diagnosis.dead_pixels:
        noise = diagnosis.noise_sigma / 255
        steps.append(Step(DEAD_PIXELS, {"pixels": diagnosis.dead_pixels}, _dead_pixel_mender(noise), True))
    return steps


def surface_step(diagnosis: Diagnosis, known: Estimates | None = None) -> Step:
    """The smooth side-to-side surface subtracted.

    Parameters
    ----------
    diagnosis : Diagnosis
    known : Estimates or None
        of the pixels as they will be when the step comes, if they are known already
    """
    surface = None if known is None else known.vignetting[0]

    def subtract(pixels: Image) -> None:
        same = surface is not None and surface.shape == pixels.shape
        pixels -= surface if same else vignetting_surface(pixels)[0]  # type: ignore[arg-type]

    facts = {"amplitude": round(diagnosis.nonuniformity, 2), "part": "side to side"}
    return Step(SURFACE, facts, subtract, True)


def stripe_steps(
    diagnosis: Diagnosis, picture: bool, known: Estimates | None = None, valid: Mask | None = None
) -> list[Step]:
    """Stripes subtracted, the stronger ones first.

    Parameters
    ----------
    diagnosis : Diagnosis
    picture : bool
        0 is black and 1 is white, and what was beyond them is lost
    known : Estimates or None
        of the pixels as they will be when the first of the steps comes, if they are known already
    valid : (H, W) bool or None
        pixels that were measured; None, all
    """
    direction, steps = diagnosis.stripe_direction, []
    facts: dict[str, Any]
    if diagnosis.stripe_forms:
        forms = None if known is None else known.stripe_forms
        facts = {"forms": list(diagnosis.stripe_forms)}
        steps.append(Step(DESTRIPER, facts, _form_remover(diagnosis.noise_sigma / 255, picture, forms, valid), True))
        known = None
    if direction == "none" or diagnosis.stripe_sigma <= LEAST_STRIPES:
        return steps
    offsets = None if known is None else known.offsets(direction)
    facts = {"direction": direction, "sigma": round(diagnosis.stripe_sigma, 3)}
    steps.append(Step(DESTRIPER, facts, _destriper(direction, picture, offsets, valid), True))
    if diagnosis.crossing_stripe_sigma > LEAST_STRIPES:
        other = "columns" if direction == "rows" else "rows"
        facts = {"direction": other, "sigma": round(diagnosis.crossing_stripe_sigma, 3)}
        steps.append(Step(DESTRIPER, facts, _destriper(other, picture, None, valid), True))
    return steps


def reference_steps(diagnosis: Diagnosis, known: Estimates | None = None) -> list[Step]:
    """Only those that take off what is no part of the scene's temperatures: dead columns and pixels, stripes.

    Parameters
    ----------
    diagnosis : Diagnosis
    known : Estimates or None
        of the pixels that the steps will be applied to
    """
    valid = None if known is None else known.valid
    defects = defect_steps(diagnosis, valid)
    return defects + stripe_steps(diagnosis, False, None if defects else known, valid)


def denoising_step(diagnosis: Diagnosis, mode: str) -> Step:
    """White noise taken off by the sliding-window cosine transform; of a temperature no more than noise can have added."""
    noise = diagnosis.noise_sigma / 255

    def denoise(band: Image) -> Image:
        smooth = denoise_dct(band, noise)
        most = np.float32(MOST_DEVIATIONS * noise)
        return np.clip(smooth, band - most, band + most) if mode == "radiometric" else smooth

    def apply(pixels: Image) -> None:
        filter_in_bands(pixels, denoise, 16)

    return Step(DENOISER, {"sigma": round(diagnosis.noise_sigma, 3)}, apply)


def sharpening_step(diagnosis: Diagnosis, mode: str) -> Step:
    """Blur undone by a Wiener filter; where pixels are temperatures bounded by what was measured nearby."""
    noise, sigma = diagnosis.noise_sigma / 255, diagnosis.blur_sigma

    def apply(pixels: Image) -> None:
        power = scene_power(pixels, noise)

        def sharpen(band: Image) -> Image:
            sharp = wiener(band, sigma, noise, power=power)
            return within_measured(sharp, band) if mode == "radiometric" else sharp

        filter_in_bands(pixels, sharpen, 32)

    return Step(SHARPENER, {"sigma": round(sigma, 3)}, apply)


def stretching_step(**facts: Any) -> Step:
    """The range between the 1st and the 99th percentile spread."""

    def apply(pixels: Image) -> None:
        pixels[:] = stretch(pixels)

    return Step(STRETCH, facts, apply)


def _mend_dead_columns(pixels: Image, valid: Mask | None = None) -> None:
    for turned, seen in ((pixels, valid), (pixels.T, None if valid is None else valid.T)):
        dead = find_dead_columns(turned, valid=seen)
        if dead.any():
            turned[:] = replace_columns(turned, dead)


def _dead_pixel_mender(noise: float) -> Callable[[Image], None]:
    return lambda pixels: filter_in_bands(pixels, lambda band: replace_pixels(band, find_defects(band, noise)), 12)


def _form_remover(noise: float, picture: bool, forms: list[Form] | None, valid: Mask | None) -> Callable[[Image], None]:
    def apply(pixels: Image) -> None:
        measured = pixels.copy() if picture else pixels
        for form in stripe_forms(pixels, noise, valid) if forms is None else forms:
            pixels -= form.added
        if picture:
            unclip(pixels, measured)

    return apply


def _destriper(
    direction: str, picture: bool, known: NDArray[np.float64] | None = None, valid: Mask | None = None
) -> Callable[[Image], None]:
    """Subtracts column offsets; in a picture, what they had driven against black or white is made up for."""

    def apply(pixels: Image) -> None:
        turned = pixels.T if direction == "rows" else pixels
        offsets = known
        if offsets is None:
            seen = None if valid is None else valid.T if direction == "rows" else valid
            offsets = column_offsets(turned, None if seen is None else neighbour_differences(turned, seen))
        shifts = offsets.astype(np.float32)
        for own, _ in bands(turned.shape, 0):
            part = turned[own]
            measured = part.copy() if picture else part
            part -= shifts
            if picture:
                unclip(part, measured)

    return apply
