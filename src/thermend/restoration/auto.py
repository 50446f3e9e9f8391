"""`auto`: what the diagnosis calls for, in the reverse of the camera's order.

Classical methods come first: a stripe is one number, a dead pixel one place, and a method that knows that is hard to
beat. What no formula has is left to two networks: one takes off noise, fixed pattern, what stripes left, and blur, as
far as a piece of the image tells them from the scene; the other sees the whole image in small, and brings back level,
contrast and what the lens shaded. Temperatures keep to filters,
which are better there still. Without networks (`classical.chain`) classical
methods do all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands, filter_in_bands
from thermend.diagnosis import SURE_SHARE, Diagnosis
from thermend.methods.classical import column_median, dct_denoise, dead_pixels, deblur, histogram
from thermend.methods.protocol import PreparedImage, Restored, StepRecord, Task

if TYPE_CHECKING:
    from thermend.methods.description import MethodDescription
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
LOST, LIKELY_LOST = 0.5, 0.8
"""Chances, as the level network has them, from which on level and contrast may have been lost, and from which on vignetting
under noise is taken for the camera's."""
FILLED = 0.62
"""Share of the range: a picture that spans more, from its darkest to its brightest 3 × 3 median, has lost no contrast,
however dull it is (benchmarks/level_gate.py, on training images: undamaged ones span 0.63 and more)."""
VIGNETTED = 15.0
"""Grey levels, highest less lowest of the field that the level network answers with: where so much of it comes with
noise, it is the camera's (the same script)."""
ALL_BUT_GONE, WHITED = 0.1, 0.5
"""Shares of the range: a picture without noise that uses less, or whose darkest hundredth lies higher, has lost more than the
network was shown, and is stretched."""
LITTLE_NOISE = 4.0
"""Grey levels; white noise that is weaker is left to the filters, which keep more of a scene there."""
EVEN = 0.01
"""Share of the range; a picture that spans less is an even field, and holds no contrast that could be raised."""
STILL_DULL = 2 * LEAST_CONTRAST
"""Share of the range; where the network leaves a flat image with less, it is stretched."""

_STRETCH, _SURFACE = "classical.stretch", "classical.surface"
_DESTRIPER, _DENOISER, _SHARPENER = "classical.column-median", "classical.dct", "classical.wiener"


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
        steps.append(Step(_DESTRIPER, facts, _destriper(diagnosis.stripe_direction, picture), True))
        if diagnosis.crossing_stripe_sigma > LEAST_STRIPES:
            other = "columns" if diagnosis.stripe_direction == "rows" else "rows"
            facts = {"direction": other, "sigma": round(diagnosis.crossing_stripe_sigma, 3)}
            steps.append(Step(_DESTRIPER, facts, _destriper(other, picture), True))
    if diagnosis.noise_sigma > LEAST_NOISE:
        steps.append(Step(_DENOISER, {"sigma": round(diagnosis.noise_sigma, 3)}, _denoiser(noise)))
    if (
        diagnosis.blur_sigma > LEAST_BLUR * max(1.0, shape[0] * shape[1] / (640 * 512)) ** 0.25
        and diagnosis.noise_sigma < MOST_NOISE_FOR_DEBLURRING
    ):
        facts = {"sigma": round(diagnosis.blur_sigma, 3)}
        steps.append(Step(_SHARPENER, facts, _deblurrer(diagnosis.blur_sigma, noise, mode)))
    if mode == "display" and _is_flat(diagnosis):
        steps.append(Step(_STRETCH, {"contrast": round(diagnosis.contrast or 0.0, 3)}, _stretch))
    return steps


class Chain:
    """`auto` and `classical.chain`, as methods.

    Parameters
    ----------
    info : MethodDescription
    networks : Networks or None
        that it hands to; None leaves it at classical methods
    """

    reads_diagnosis = True

    def __init__(self, info: MethodDescription, networks: Networks | None = None) -> None:
        self.info, self.networks = info, networks

    @property
    def judges_as_given(self) -> bool:
        """Networks judge contrast and noise as a camera gives them; classical methods work on what is enlarged."""
        return self.networks is not None

    def opened_network(self) -> NetworkFunction | None:
        """The network that does most of it."""
        return None if self.networks is None else self.networks.detail()

    def weights_of(self, steps: list[StepRecord]) -> dict[str, str] | None:
        """SHA-256 of the files of the weights of the networks that had a part in it, by name."""
        return None if self.networks is None else self.networks.weights_of({step.method for step in steps}) or None

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Plan the steps that the diagnosis calls for, and carry them out."""
        diagnosis, pixels = image.diagnosis, image.taken()
        shape = (pixels.shape[0] // image.scale, pixels.shape[1] // image.scale)
        if image.scale != 1:  # noise and blur are spread over more pixels; stripes are as before
            diagnosis = replace(diagnosis, blur_sigma=diagnosis.blur_sigma * image.scale, dead_columns=0)
        steps = plan(diagnosis, task.mode, shape, image.is_picture)
        mended, done = carry_out(steps, pixels, diagnosis, self.networks, task.mode, task.contrast)
        return Restored(mended, [StepRecord(step.pop("method"), step) for step in done])


class Networks(Protocol):
    """What `auto` hands to networks; each is opened when it is first asked for."""

    def detail(self) -> NetworkFunction:
        """Against noise, fixed pattern and blur."""
        ...

    def level(self) -> NetworkFunction:
        """Against lost level and contrast, and vignetting."""
        ...

    def name(self, role: str) -> str:
        """As the catalogue has it, for the provenance."""
        ...

    def weights_of(self, names: Collection[str]) -> dict[str, str]:
        """Of those that are named the SHA-256 of their weights' file, by name."""
        ...


def carry_out(
    steps: Sequence[Step],
    pixels: Image,
    diagnosis: Diagnosis,
    networks: Networks | None = None,
    mode: str = "display",
    contrast: str = "auto",
) -> tuple[Image, list[dict[str, Any]]]:
    """The mended pixels, and what was done.

    Parameters
    ----------
    pixels : (H, W) float32, changed
    diagnosis : that the steps were planned by
    networks : what takes the place of the filters and of the stretch; None leaves it at those
    contrast : ``auto``, ``keep`` or ``stretch``
    """
    done: list[dict[str, Any]] = []

    def apply(chosen: Iterable[Step], to: Image) -> None:
        for step in chosen:
            step.apply(to)
            done.append({"method": step.name, **step.facts})

    levels = [step for step in steps if step.name == _STRETCH] if contrast == "auto" else []
    left = {_STRETCH} | ({_SURFACE} if contrast == "keep" or networks is not None else set())
    steps = [step for step in steps if step.name not in left]
    if networks is None:
        apply(steps, pixels)
    else:
        apply((step for step in steps if step.reference), pixels)
        filters = [step for step in steps if not step.reference]
        white = not diagnosis.correlated_noise_sigma
        if mode == "radiometric" or (white and diagnosis.noise_sigma < LITTLE_NOISE):
            apply(filters, pixels)
        elif filters or not white or len(steps) > len(filters):
            stripes = diagnosis.stripe_sigma if diagnosis.stripe_sigma > LEAST_STRIPES else 0.0
            pixels, made = networks.detail().mend(pixels, mode, stripes=stripes / 255)
            pixels = np.ascontiguousarray(pixels, np.float32)
            done += [{"method": networks.name("detail"), **step} for step in made]
        if mode == "display" and contrast != "keep" and not _is_beyond_the_network(diagnosis):
            correction = networks.level().ask(pixels)
            if is_lost(pixels, diagnosis, correction):
                correction.apply(pixels)
                done.append({"method": networks.name("level"), **correction.facts})
            if levels and np.ptp(np.percentile(pixels[::2, ::2], (1, 99))) >= STILL_DULL:
                levels = []
    apply(levels, pixels)
    if contrast == "stretch":
        _stretch(pixels)
        done.append({"method": _STRETCH})
    return pixels, done


def is_lost(pixels: Image, diagnosis: Diagnosis, correction: Any) -> bool:
    """Whether there is evidence enough that a picture lost its level and contrast.

    Parameters
    ----------
    pixels : (H, W) float32
        without its noise and stripes
    diagnosis : Diagnosis
        of the picture as it came
    correction : thermend.methods.level.passes.Correction
        what the level network answers
    """
    if diagnosis.noise_sigma >= LITTLE_NOISE and 255 * correction.vignetting >= VIGNETTED:
        return bool(correction.chance >= LIKELY_LOST)
    return bool(correction.chance >= LOST) and span(pixels) <= FILLED


def span(pixels: Image) -> float:
    """From the darkest to the brightest 3 × 3 median, share of the range.

    A camera fills its range with something, however dull the rest of a scene is, and loses that with the contrast.
    """
    steady = cv2.medianBlur(np.ascontiguousarray(pixels, np.float32), 3)
    return float(np.clip(steady.max(), 0, 1) - np.clip(steady.min(), 0, 1))


def _is_beyond_the_network(diagnosis: Diagnosis) -> bool:
    """Whether a picture is an even field, or has lost so much contrast, and nothing else, that no network knows it. Where
    the range is not known (counts, temperatures) the picture was spread over it already."""
    if diagnosis.contrast is None:
        return False
    gone = diagnosis.contrast < ALL_BUT_GONE or (diagnosis.black_level or 0.0) > WHITED
    return diagnosis.contrast < EVEN or (gone and diagnosis.noise_sigma < LITTLE_NOISE)


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
