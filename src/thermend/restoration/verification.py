"""How far a result departs from what was measured: where a generative method invented something.

The result is put through the degradation that it claims to have undone, and compared with the input in units of the input's
noise. The degradation is estimated from the two images together: a tone curve (contrast), a blur or a loss of pixels, offset
and gain of lines where the diagnosis found stripes, smooth shading. What is then left, averaged over a few pixels so that noise
drops out, is no part of any of these: the result holds something that the input does not, or the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.errors import UsageError
from thermend.estimation import Diagnosis, Normalised, diagnosis_of, normalised
from thermend.estimation.vignetting import fit_surface
from thermend.image import ThermalImage

Image = NDArray[np.float32]

SUSPECT = 4.0
"""Units of noise; what departs by more is not supported by the measurement."""
MOST_SUSPECT = 0.2
"""Share of an image; a result with more of it fails as a whole. Of undamaged images, as results of damaged ones, less is
suspect under nearly every condition (`benchmarks/trust.py`)."""
BLURS = (0.0, 0.7, 1.0, 1.5, 2.0, 2.7, 3.5)
"""Standard deviations, pixels, of the optics that are tried."""
REDUCTIONS = (2, 4)
"""And so many times fewer pixels along each side."""
WINDOWS = (1.5, 4.0)
"""Standard deviations of the averages, pixels: the first sees what is small, the second what is weak beside the noise."""
SHIFT = 0.25
"""Pixels; edges that lie so far from where they were measured are the estimate's own error."""
ESTIMATED = 0.2
"""Lines and shading are estimates, and may be off by this share of themselves."""
LEAST_NOISE = 0.6
"""Grey levels of 255: what rounding to 8 bits, and the estimate of the degradation, leave in any case."""
CLIPPED = 1e-3
"""Share of an image that is as bright as its brightest pixel, or as dark as its darkest: so much, and it was cut off there."""
LARGEST = 4_000_000
"""Pixels; a larger image is judged by means over squares of its pixels."""
SAMPLED = 20_000
"""Pixels that the tone curve is fitted to."""
UNUSUAL = 0.01
"""Share of the darkest pixels, and of the brightest, that the tone curve is not fitted to."""
BENT = (0.5, 2.0)
"""So many times the gain of the usual levels may be that of the levels beyond."""
EVEN = 8 / 255
"""An image whose usual levels span less shows nothing of its gain."""
UNKNOWN = (0.25, 4.0)
"""The gain of the levels beyond may be so much then."""
FLATTEST = 0.1
"""Gain that a tone curve has at least: what lost more contrast is not known to have been there."""
LOOKED_AT = 384
"""Pixels along each side, in the middle, by which the blur is chosen."""


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` finds.

    Attributes
    ----------
    departure : (H, W) float32
        of the result: how far it departs from what was measured, in units of the input's noise; 0 where the input says nothing
        (black, white, invalid)
    suspect : float
        share of the image that departs by more than :data:`SUSPECT`
    """

    departure: Image
    suspect: float

    @property
    def supported(self) -> bool:
        """Whether the result as a whole is what was measured."""
        return self.suspect <= MOST_SUSPECT

    def as_dict(self) -> dict[str, Any]:
        """The verdict, as the provenance keeps it."""
        return {"suspect": round(self.suspect, 4), "supported": self.supported}


def verify(image: ThermalImage | ArrayLike, result: ThermalImage | ArrayLike) -> Verification:
    """Hold a result against the image that it was made from.

    Parameters
    ----------
    image, result : ThermalImage or array_like
        the input and its result, of any unit, or (H, W) arrays as for :meth:`ThermalImage.from_array`; the result may have a
        whole multiple of the input's pixels

    Returns
    -------
    Verification

    Raises
    ------
    UsageError
        the result has not that size
    """
    before, after = (
        each if isinstance(each, ThermalImage) else ThermalImage.from_array(each) for each in (image, result)
    )
    return verified(before, after, None, None)


def verified(
    before: ThermalImage, after: ThermalImage, made: Normalised | None, diagnosis: Diagnosis | None
) -> Verification:
    """As :func:`verify`, for an input that was normalised and diagnosed already.

    Parameters
    ----------
    before, after : ThermalImage
    made : Normalised or None
        the input's pixels as they were before a method had them; None normalises it
    diagnosis : Diagnosis or None
        None diagnoses it
    """
    (height, width), (tall, wide) = before.shape, after.shape
    scale = tall // height
    if scale < 1 or (tall, wide) != (scale * height, scale * width):
        raise UsageError(f"a result of {wide} x {tall} pixels is none of an image of {width} x {height}")
    factor = math.ceil(math.sqrt(height * width / LARGEST))
    if factor != 1 or made is None or diagnosis is None:
        before = _smaller(before, factor)
        made = normalised(before)
        diagnosis = diagnosis_of(made, before)
    after = _smaller(after, factor * scale)
    known = _said(before)
    coarse = 0.5 / 255 if after.is_picture else 0.0
    measured = made.pixels
    if diagnosis.stripe_forms:
        measured = measured - np.sum([form.added for form in made.estimates.stripe_forms], axis=0)
    departure = departures(measured, normalised(after).pixels, diagnosis, known, coarse)
    suspect = float((departure[known] > SUSPECT).mean()) if known.any() else 0.0
    if departure.shape != (tall, wide):
        departure = cv2.resize(departure, (wide, tall), interpolation=cv2.INTER_NEAREST)
    return Verification(departure, suspect)


def _smaller(image: ThermalImage, factor: int) -> ThermalImage:
    """Means over squares; with an invalid pixel in it a square is invalid."""
    if factor == 1:
        return image
    size = tuple(max(1, side // factor) for side in reversed(image.shape))
    pixels = np.asarray(cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA))
    nodata = None
    if image.nodata is not None:
        nodata = cv2.resize(image.nodata.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return replace(image, pixels=pixels, nodata=nodata)


def _said(image: ThermalImage) -> NDArray[np.bool_]:
    """Where an image says something: not where it is invalid, nor at an end of its range that many pixels share."""
    known = np.isfinite(image.pixels)
    if image.nodata is not None:
        known &= ~image.nodata
    if not known.any():
        return known
    for end in (image.pixels[known].min(), image.pixels[known].max()):
        at_end = image.pixels == end
        if image.is_picture:
            at_end &= end in (0, 255)
        elif at_end.mean() < CLIPPED:
            continue
        known &= ~at_end
    return known


def departures(
    measured: Image, result: Image, diagnosis: Diagnosis, known: NDArray[np.bool_], coarse: float = 0.0
) -> Image:
    """(H, W): the difference of the measured image and the result, degraded again, in units of noise.

    Parameters
    ----------
    measured, result : (H, W)
        in [0, 1]
    known : array of bool
        where the measured image says something
    coarse : float
        that the result may be off by rounding; on even slopes it does not average out
    """
    if not known.any():
        return np.zeros_like(measured)
    again = _likeliest(measured, result, diagnosis, known)(result)
    left, taken = _left_over(measured, again, diagnosis, known)
    gain = _gain(measured, again, known)
    nearby = cv2.dilate(_slope(again), np.ones((3, 3), np.uint8)) * gain
    # an edge counts only if it was measured: what is invented has edges too
    steep = cv2.dilate(_slope(cv2.GaussianBlur(measured, (0, 0), WINDOWS[0])), np.ones((5, 5), np.uint8))
    nearby = np.minimum(nearby, 2 * steep)
    weight = known.astype(np.float32)
    departure = np.zeros_like(measured)
    for window in WINDOWS:
        misplaced = SHIFT * np.maximum(nearby, cv2.GaussianBlur(nearby, (0, 0), window))
        share = cv2.GaussianBlur(weight, (0, 0), window)
        mean = cv2.GaussianBlur(left * weight, (0, 0), window) / np.maximum(share, 0.05)
        # the mean over a Gaussian window of white noise is 1 / (2 √π σ) times as strong
        expected = max(diagnosis.noise_sigma / window, LEAST_NOISE / WINDOWS[0]) / 255 / (2 * np.sqrt(np.pi))
        estimated = ESTIMATED * cv2.GaussianBlur(taken, (0, 0), window)
        unit = np.sqrt(expected**2 + (gain * coarse) ** 2 + misplaced**2 + estimated**2)
        departure = np.maximum(departure, np.abs(mean) / unit)
    return np.where(known, departure, 0).astype(np.float32)


def _slope(image: Image) -> Image:
    """Length of the gradient."""
    across, down = (cv2.Sobel(image, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    return np.asarray(np.hypot(across, down))


def _likeliest(
    measured: Image, result: Image, diagnosis: Diagnosis, known: NDArray[np.bool_]
) -> Callable[[Image], Image]:
    """The degradation that leaves least of the difference, in the middle of a large image."""
    inner = tuple(slice(max(0, (side - LOOKED_AT) // 2), (side + LOOKED_AT) // 2) for side in measured.shape)
    if not known[inner].any():
        inner = (slice(None), slice(None))
    measured, result, known = measured[inner], result[inner], known[inner]

    def size(degrade: Callable[[Image], Image]) -> float:
        return float(np.abs(_left_over(measured, degrade(result), diagnosis, known)[0][known]).mean())

    return min(_degradations(diagnosis.interpolated), key=size)


def _degradations(interpolated: bool) -> Iterator[Callable[[Image], Image]]:
    """Of an interpolated image no optics' blur: what deconvolution draws around its edges was never there."""
    for sigma in BLURS[:1] if interpolated else BLURS:
        yield partial(_seen, sigma=sigma)
    for factor in REDUCTIONS:
        for sigma in (0.0, 1.5, 2.5):
            yield partial(_seen, sigma=sigma, factor=factor)


def _seen(image: Image, sigma: float = 0.0, factor: int = 1) -> Image:
    """Through optics of that blur, by a detector with so many times fewer pixels along each side."""
    if sigma:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    if factor == 1:
        return image
    height, width = image.shape
    small = cv2.resize(image, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _gain(measured: Image, again: Image, known: NDArray[np.bool_]) -> float:
    """Of the tone curve, on average."""
    x, y = _sampled(again, measured, known)
    return float(abs(np.cov(x, y)[0, 1]) / max(float(x.var()), 1e-9)) if x.size > 1 else 1.0


def _sampled(
    again: Image, measured: Image, known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Some pixels of both, drawn without regard to rows and columns; the same ones each time."""
    places = np.flatnonzero(known)
    if places.size > SAMPLED:
        places = places[np.random.default_rng(0).integers(places.size, size=SAMPLED)]
    return again.ravel()[places].astype(np.float64), measured.ravel()[places].astype(np.float64)


def _left_over(measured: Image, again: Image, diagnosis: Diagnosis, known: NDArray[np.bool_]) -> tuple[Image, Image]:
    """What tone curve, lines and shading leave of the difference, and what lines and shading took; (H, W) each, shares of the
    range."""
    toned = before = measured - _toned(measured, again, known)
    if diagnosis.stripe_direction != "none":
        turned = diagnosis.stripe_direction == "rows"
        before = _without_lines(before, again, known, turned)
        if diagnosis.crossing_stripe_sigma:
            before = _without_lines(before, again, known, not turned)
    left = np.asarray(before - fit_surface(np.where(known, before, 0).astype(np.float32)), np.float32)
    return left, toned - left


def _toned(measured: Image, again: Image, known: NDArray[np.bool_]) -> Image:
    """The degraded result on the measured image's levels, (H, W) in [0, 1].

    A cubic over its usual levels, fitted with little weight on what does not follow it, and nowhere flatter than
    :data:`FLATTEST`. Levels beyond belong to few pixels, and a curve bent to them would explain away what was invented; there
    the measured image has to go along, at about the gain of the usual levels.
    """
    x, y = _sampled(again, measured, known)
    if x.size < 2:
        return np.full_like(measured, float(np.median(measured[known])))
    darkest = np.percentile(x, 100 * UNUSUAL, method="lower").astype(np.float32)
    brightest = np.percentile(x, 100 * (1 - UNUSUAL), method="higher").astype(np.float32)
    usual = (x >= darkest) & (x <= brightest)
    x, y = x[usual], y[usual]
    middle, spread = float(x.mean()), float(x.std())
    if spread < 1e-6:  # one level
        levels, tone, gain = np.array([middle]), np.array([float(np.median(y))]), 1.0
    else:
        levels = np.linspace(darkest, brightest, 256)
        fitted = np.polyval(
            _robust(np.vander((x - middle) / spread, 4 if x.size >= 16 else 2), y), (levels - middle) / spread
        )
        rising = np.maximum(np.diff(fitted), FLATTEST * np.diff(levels))
        tone = fitted[0] + np.concatenate(([0.0], np.cumsum(rising)))
        if (rising > np.diff(fitted)).any():
            tone += np.median(y - np.interp(x, levels, tone))
        gain = max(FLATTEST, _robust(np.vander((x - middle) / spread, 2), y)[0] / spread)
    within = np.clip(again, darkest, brightest)
    toned = np.interp(within, levels, tone).astype(np.float32)
    least, most = (BENT[0] * gain, BENT[1] * gain) if brightest - darkest >= EVEN else UNKNOWN
    beyond = again - within
    ends = toned + np.float32(least) * beyond, toned + np.float32(most) * beyond
    return np.where(beyond == 0, toned, np.clip(measured, np.minimum(*ends), np.maximum(*ends)))


def _robust(basis: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of least squares, with little weight on what does not follow them."""
    weight: NDArray[np.floating] = np.ones_like(y)
    coefficients = np.zeros(basis.shape[1])
    for _ in range(4):
        coefficients = np.linalg.lstsq(basis * weight[:, None], y * weight, rcond=None)[0]
        off = np.abs(y - basis @ coefficients)
        weight = 1 / np.sqrt(1 + (off / (2 * np.median(off) + 1e-6)) ** 2)
    return coefficients


def _without_lines(left: Image, again: Image, known: NDArray[np.bool_], rows: bool) -> Image:
    """Less the offset and the gain of each column, or row, that most of its pixels share."""
    residual, signal, weight = (part.T if rows else part for part in (left, again, known.astype(np.float32)))
    centre = float(signal.mean())
    x = signal - centre
    offset = gain = np.zeros(residual.shape[1], np.float32)
    scale = 2 * float(np.median(np.abs(residual))) + 1e-6
    robust = weight
    for _ in range(3):
        total = robust.sum(0) + 1e-6
        mean_x, mean_r = (robust * x).sum(0) / total, (robust * residual).sum(0) / total
        spread = (robust * (x - mean_x) ** 2).sum(0) + 1e-3 * total  # a flat line says nothing of its gain
        gain = (robust * (x - mean_x) * (residual - mean_r)).sum(0) / spread
        offset = mean_r - gain * mean_x
        off = residual - offset - gain * x
        robust = weight / (1 + (off / scale) ** 2)
    result = residual - offset - gain * x
    return np.ascontiguousarray(result.T if rows else result)
