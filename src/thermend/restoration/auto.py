"""`auto`: what the diagnosis calls for, in the reverse of the camera's order.

Classical methods come first: a stripe is one number, a dead pixel one place, white noise is white noise, and a method that
knows that is hard to beat. What is left to the network is what no formula has: contrast that was lost, and noise that is more
than white. Without a network (`classical.chain`, and wherever temperatures count) classical methods do all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands, filter_in_bands
from thermend.diagnosis import SURE_SHARE, Diagnosis
from thermend.methods.classical import column_median, dct_denoise, dead_pixels, deblur, histogram
from thermend.methods.ppfn.passes import EVEN, WORTH_A_PASS

if TYPE_CHECKING:
    from thermend.restoration.network import NetworkFunction

Image = NDArray[np.float32]

LEAST_NOISE = 0.3
"""Grey levels of 255; weaker noise is left where it is: it cannot be seen, and 8 bits round as much away."""
LEAST_STRIPES = 0.3
"""Grey levels; see `thermend.diagnosis`."""
LEAST_BLUR = 1.8
"""Pixels, in an image of 640 x 512; undamaged ones have less. Cameras with more pixels draw their edges across more of them:
the limit grows with the fourth root of the number of pixels."""
MOST_NOISE_FOR_DEBLURRING = 12.0
"""Grey levels; stronger noise leaves nothing to sharpen."""
LEAST_CONTRAST = 0.18
"""Share of the range; undamaged images use 0.19 and more."""
HIGHEST_BLACK = 0.41
"""Share of the range; the darkest hundredth of an undamaged image lies below 0.39."""
MORE_THAN_NOISE = 17.0
"""Grey levels, root mean square: where the network finds so much more damage than there is white noise, shading is in it too,
and its own pass is better than a filter against noise. On training images 2 to 4 dB better under `hm-tir-noise`; at 12 worse by
as much under `hidra-fpn`."""
ALL_BUT_GONE = 0.1
WHITED = 0.5
"""Shares of the range: an image that uses less, or whose darkest hundredth lies higher, has lost more than the network was
shown, and is stretched: on training images 0.3 to 7 dB better."""
LITTLE_NOISE = 8.0
"""Grey levels; where there is more, the network knows such images: by half a decibel it is better, shading being in them."""
STILL_DULL = 2 * LEAST_CONTRAST
"""Share of the range; where the network leaves a flat image with less, it is stretched too."""

_STRETCH, _SURFACE = "classical.stretch", "classical.surface"


@dataclass
class Step:
    """One thing that is done to an image.

    Attributes
    ----------
    name : the method, as the catalogue names it
    facts : the numbers that it was done with, for the provenance
    apply : changes an (H, W) float32 array in place
    reference : True where the step takes off what is no part of the scene's temperatures (stripes, shading, dead pixels)
    """

    name: str
    facts: dict[str, Any]
    apply: Callable[[Image], None] = field(repr=False)
    reference: bool = False


def plan(
    diagnosis: Diagnosis,
    mode: str,
    shape: tuple[int, int] = (512, 640),
    picture: bool = False,
) -> list[Step]:
    """The steps that a diagnosis calls for.

    Parameters
    ----------
    mode : ``radiometric`` leaves contrast alone, and smooth shading too: in one image it cannot be told for certain from
        the scene's own temperatures
    shape : of the image as the camera gave it
    picture : 0 is black and 1 is white, and what was beyond them is lost
    """
    steps: list[Step] = []
    noise = diagnosis.noise_sigma / 255
    if diagnosis.dead_columns:
        steps.append(Step("classical.dead-columns", {"columns": diagnosis.dead_columns}, _mend_dead_columns, True))
    if diagnosis.dead_pixels:
        steps.append(Step("classical.dead-pixels", {"pixels": diagnosis.dead_pixels}, _dead_pixel_mender(noise), True))
    if mode == "display" and diagnosis.nonuniformity_share >= SURE_SHARE:
        amplitude = round(diagnosis.nonuniformity, 2)
        steps.append(Step(_SURFACE, {"amplitude": amplitude, "part": "side to side"}, _subtract_surface, True))
    if diagnosis.stripe_direction != "none" and diagnosis.stripe_sigma > LEAST_STRIPES:
        facts: dict[str, Any] = {"direction": diagnosis.stripe_direction, "sigma": round(diagnosis.stripe_sigma, 3)}
        steps.append(Step("classical.column-median", facts, _destriper(diagnosis.stripe_direction, picture), True))
        if diagnosis.crossing_stripe_sigma > LEAST_STRIPES:
            other = "columns" if diagnosis.stripe_direction == "rows" else "rows"
            facts = {"direction": other, "sigma": round(diagnosis.crossing_stripe_sigma, 3)}
            steps.append(Step("classical.column-median", facts, _destriper(other, picture), True))
    if diagnosis.noise_sigma > LEAST_NOISE:
        steps.append(Step("classical.dct", {"sigma": round(diagnosis.noise_sigma, 3)}, _denoiser(noise)))
    if (
        diagnosis.blur_sigma > LEAST_BLUR * max(1.0, shape[0] * shape[1] / (640 * 512)) ** 0.25
        and diagnosis.noise_sigma < MOST_NOISE_FOR_DEBLURRING
    ):
        facts = {"sigma": round(diagnosis.blur_sigma, 3)}
        steps.append(Step("classical.wiener", facts, _deblurrer(diagnosis.blur_sigma, noise, mode)))
    if mode == "display" and _is_flat(diagnosis):
        steps.append(Step(_STRETCH, {"contrast": round(diagnosis.contrast or 0.0, 3)}, _stretch))
    return steps


def carry_out(
    steps: Sequence[Step], pixels: Image, diagnosis: Diagnosis, network: NetworkFunction | None, name: str
) -> tuple[Image, list[dict[str, Any]]]:
    """The mended pixels, and what was done.

    Parameters
    ----------
    pixels : (H, W) float32, changed
    diagnosis : that the steps were planned by
    network : what comes after the steps, or takes the place of some; None leaves it at them
    name : of the network, for the provenance
    """
    done: list[dict[str, Any]] = []

    def apply(chosen: Iterable[Step], to: Image) -> None:
        for step in chosen:
            step.apply(to)
            done.append({"method": step.name, **step.facts})

    if network is None:
        apply(steps, pixels)
        return pixels, done
    first = [step for step in steps if step.reference and step.name != _SURFACE]
    levels = [step for step in steps if step.name == _STRETCH]
    apply(first, pixels)
    left = []
    if _is_more_than_noise(network.estimate(pixels), diagnosis):
        left.append("blur")  # its pass against noise takes off shading too
    else:
        apply((step for step in steps if step not in first and step not in levels), pixels)
        left += ["noise", "blur"]
        if levels and _is_beyond_the_network(diagnosis):
            left.append("contrast")
    mended, made = network.mend(pixels, "display", left)
    done += [{"method": name, **step} for step in made]
    mended = np.ascontiguousarray(mended, np.float32) if made else pixels
    if levels and ("contrast" in left or np.ptp(np.percentile(mended, (1, 99))) < STILL_DULL):
        apply(levels, mended)
    return mended, done


def _is_more_than_noise(estimate: Mapping[str, tuple[float, float]], diagnosis: Diagnosis) -> bool:
    """Whether the network finds far more damage by the detector than there is white noise."""
    chance, severity = estimate.get("noise", (0.0, 0.0))
    return max(severity**2 - diagnosis.noise_sigma**2, 0.0) ** 0.5 > MORE_THAN_NOISE and chance >= WORTH_A_PASS


def _is_beyond_the_network(diagnosis: Diagnosis) -> bool:
    """Whether so much contrast was lost, and nothing else, that the network would not find it."""
    gone = (diagnosis.contrast or 0.0) < ALL_BUT_GONE or (diagnosis.black_level or 0.0) > WHITED
    return gone and diagnosis.noise_sigma < LITTLE_NOISE


def _is_flat(diagnosis: Diagnosis) -> bool:
    """Whether contrast is far outside what undamaged pictures have: too little of the range, or nothing near black."""
    contrast, black = diagnosis.contrast, diagnosis.black_level
    if contrast is None or black is None or contrast < EVEN:
        return False
    return contrast < LEAST_CONTRAST or black > HIGHEST_BLACK


def reference_steps(diagnosis: Diagnosis) -> list[Step]:
    """Only those that take off what is no part of the scene's temperatures."""
    return [step for step in plan(diagnosis, "radiometric") if step.reference]


def _mend_dead_columns(pixels: Image) -> None:
    for turned in (pixels, pixels.T):
        dead = dead_pixels.find_dead_columns(turned)
        if dead.any():
            turned[:] = dead_pixels.replace_dead_columns(turned, dead)


def _dead_pixel_mender(noise: float) -> Callable[[Image], None]:
    def apply(pixels: Image) -> None:
        filter_in_bands(
            pixels, lambda band: dead_pixels.replace_dead_pixels(band, dead_pixels.find_dead_pixels(band, noise)), 4
        )

    return apply


def _subtract_surface(pixels: Image) -> None:
    from thermend.diagnosis.nonuniformity import nonuniformity_surface

    pixels -= nonuniformity_surface(pixels)[0]


def _destriper(direction: str, picture: bool) -> Callable[[Image], None]:
    """Subtracts column offsets; in a picture, what they had driven against black or white is made up for."""

    def apply(pixels: Image) -> None:
        turned = pixels.T if direction == "rows" else pixels
        offsets = column_median.column_offsets(turned).astype(np.float32)
        for own, _ in bands(turned.shape, 0):
            part = turned[own]
            measured = part.copy() if picture else part
            part -= offsets
            if picture:
                column_median.unclip(part, measured)

    return apply


def _denoiser(noise: float) -> Callable[[Image], None]:
    return lambda pixels: filter_in_bands(pixels, lambda band: dct_denoise.denoise_dct(band, noise), 16)


def _deblurrer(sigma: float, noise: float, mode: str) -> Callable[[Image], None]:
    def apply(pixels: Image) -> None:
        power = deblur.scene_power(pixels, noise)

        def sharpen(band: Image) -> Image:
            sharp = deblur.wiener(band, sigma, noise, power=power)
            return deblur.within_measured(sharp, band) if mode == "radiometric" else sharp

        filter_in_bands(pixels, sharpen, 32)

    return apply


def _stretch(pixels: Image) -> None:
    pixels[:] = histogram.stretch(pixels)
