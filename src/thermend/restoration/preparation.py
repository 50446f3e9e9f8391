"""An image on its way to a method and back: made ready, protected, kept to what was measured, undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import NotFiniteError, UsageError
from thermend.estimation import Diagnosis, Normalised, diagnosis_of, normalised
from thermend.estimation.estimates import Estimates
from thermend.filters.resampling import enlarged, lanczos
from thermend.image import ThermalImage
from thermend.methods.protocol import (
    Enlarges,
    JudgesAsGiven,
    Method,
    PreparedImage,
    ReadsDiagnosis,
    RemovesVignetting,
    Restored,
    StepRecord,
    Task,
    declares,
)
from thermend.methods.steps import DEAD_PIXELS, reference_steps
from thermend.normalisation import Normalisation
from thermend.restoration import temperatures

Image = NDArray[np.float32]

_TOLERANCE_KELVIN = 0.15
_TOLERANCE_SHARE = 0.0008  # of the range, for counts


@dataclass
class Excess:
    """What was cut off of an image to bring it into [0, 1].

    Attributes
    ----------
    shape : tuple of int
        of the image
    places : (N,) int64
        flat indices of the pixels that lay outside
    values : (N,) float32
        by how much
    """

    shape: tuple[int, ...]
    places: NDArray[np.int64]
    values: Image

    @classmethod
    def of(cls, pixels: Image) -> Excess:
        """Clip to [0, 1] in place; where that changed something, and by how much."""
        flat = pixels.reshape(-1)
        outside = np.flatnonzero((flat < 0) | (flat > 1))
        values = flat[outside]
        np.clip(pixels, 0, 1, out=pixels)
        return cls(pixels.shape, outside, values - flat[outside])

    def add_to(self, mended: Image) -> None:
        """Give the result back, in place, what was cut off; each pixel lent it to a square of the result."""
        ys, xs = np.divmod(self.places, self.shape[1])
        for view in lent(mended, mended.shape[0] // self.shape[0]):
            view[ys, xs] += self.values


class Judge:
    """Diagnoses a normalised image when a method asks, and keeps what it found.

    Attributes
    ----------
    found : Diagnosis or None
        of the image as the camera gave it (:func:`thermend.diagnose`); None where nobody asked
    """

    def __init__(self, image: ThermalImage, made: Normalised) -> None:
        self._given: tuple[ThermalImage, Normalised] | None = (image, made)
        self.found: Diagnosis | None = None

    def __call__(self) -> Diagnosis:
        """The diagnosis, as far as methods are concerned."""
        assert self._given is not None
        (image, made), self._given = self._given, None  # neither is kept longer than it is needed
        self.found = diagnosis_of(made, image)
        if made.stretched:
            # Dead pixels are replaced already; and the picture uses its range, whatever the file does.
            return replace(self.found, dead_pixels=0, contrast=None)
        return self.found


@dataclass
class Preparation:
    """One image made ready, and what is kept aside to undo that.

    Attributes
    ----------
    image : PreparedImage
        what the method gets
    normalisation : Normalisation
    defects : int
        number of dead pixels that were replaced already
    cut_off : tuple of (H, W) bool and (N,) float32, or None
        pixels at the end of the camera's range, and what they were; None where contrast may change
    evidence : Evidence or None
        what the result is held to; None where contrast may change
    excess : Excess or None
        what was cut off
    enlarge_by : int
        how many times the method's result is enlarged
    measured : Normalised or None
        the image as it was before the method had it; kept only where the result will be verified
    judge : Judge or None
        who diagnosed it, if anybody asked
    """

    image: PreparedImage
    normalisation: Normalisation
    defects: int
    cut_off: tuple[NDArray[np.bool_], Image] | None = None
    evidence: temperatures.Evidence | None = None
    excess: Excess | None = None
    enlarge_by: int = 1
    measured: Normalised | None = None
    judge: Judge | None = None

    def finished(self, restored: Restored, given: ThermalImage, task: Task) -> tuple[Image, int]:
        """What a method made, on the levels of the prepared image and held to what was measured, and its scale.

        Parameters
        ----------
        restored : Restored
            changed
        given : ThermalImage
            that all began with
        task : Task

        Raises
        ------
        UsageError
            the method made other than a whole multiple of the pixels, or numbers that are none
        """
        mended = np.require(
            restored.pixels, np.float32, ("C", "W")
        )  # whatever a method hands over, it is changed below
        restored.steps = list(restored.steps)
        check_finite(mended)
        if mended.ndim != 2:
            raise UsageError(f"the method made an array of shape {mended.shape}, which is no image")
        if self.enlarge_by == 1:
            _scale_of(given, mended)
        if self.defects:
            restored.steps.insert(0, StepRecord(DEAD_PIXELS, {"pixels": self.defects}, ("dead-pixels",)))
        if self.excess is not None:
            self.excess.add_to(mended)
        if self.enlarge_by != 1:
            mended = enlarged(mended, self.enlarge_by, lanczos, task.mode)
        scale = _scale_of(given, mended)  # a network may upsample itself
        if self.evidence is not None:
            counted = None if given.nodata is None else ~repeated(given.nodata, scale)
            temperatures.keep(mended, self.evidence, scale, counted)
        if self.cut_off is not None:
            where, values = self.cut_off
            for view in lent(mended, scale):
                view[where] = values
        return mended, scale


def prepare(image: ThermalImage, task: Task, method: Method, verified: bool = False) -> Preparation:
    """Make an image ready for a method.

    Parameters
    ----------
    image : ThermalImage
    task : Task
        with a mode that is decided
    method : Method
    verified : bool
        whether the result will be held against the measured pixels
    """
    made = normalised(image)
    judge = Judge(image, made)
    prepared = PreparedImage(
        made.pixels,
        judge,
        image.is_picture and task.mode == "display",
        estimates=made.estimates,
    )
    kept = Preparation(prepared, made.normalisation, made.defects, judge=judge)
    if task.mode == "radiometric":
        kept.evidence = _evidence(image, made, prepared.diagnosis, method)
        if made.cut_off is not None:
            kept.cut_off = made.cut_off, made.pixels[made.cut_off]
    enlarges = isinstance(method, Enlarges)
    if task.scale != 1 and not enlarges:
        if declares(method, JudgesAsGiven):
            kept.enlarge_by = task.scale
        else:
            large = enlarged(made.pixels, task.scale, lanczos, task.mode)
            seen = None if made.valid is None else Estimates(large, repeated(made.valid, task.scale))
            kept.image = PreparedImage(large, partial(_diagnosis_of, prepared), prepared.is_picture, task.scale, seen)
    if verified or declares(method, ReadsDiagnosis):
        _ = kept.image.diagnosis
    if verified:
        kept.measured = replace(made, pixels=made.pixels.copy())
    if made.stretched and not enlarges:
        kept.excess = Excess.of(kept.image.pixels)
        if kept.excess.places.size:
            # They were of the pixels before.
            again = kept.image.estimates is not None and kept.image.estimates.valid is not None
            kept.image.estimates = Estimates(kept.image.pixels, kept.image.estimates.valid) if again else None  # type: ignore[union-attr]
    return kept


def _diagnosis_of(prepared: PreparedImage) -> Diagnosis:
    return prepared.diagnosis


def _evidence(image: ThermalImage, made: Normalised, diagnosis: Diagnosis, method: Method) -> temperatures.Evidence:
    """What the result will be held against: the input without what the sensor added.

    Parameters
    ----------
    method : Method
        that was asked for; where it takes off vignetting, what it leaves is the scene's
    """
    reference, normalisation = made.pixels, made.normalisation
    if steps := reference_steps(diagnosis, made.estimates):
        reference = reference.copy()
        for step in steps:
            step.apply(reference)
    if isinstance(method, RemovesVignetting):
        reference = method.without_vignetting(reference)
    tolerance = _TOLERANCE_KELVIN * normalisation.gain if image.unit == "celsius" else _TOLERANCE_SHARE * 0.9
    low, high = normalisation.low_and_high(image)
    counted = None if image.nodata is None else ~image.nodata
    return temperatures.collect(reference, low, high, tolerance, counted)


def check_finite(pixels: Image) -> None:
    """Refuse what a method made where it is no number.

    Raises
    ------
    NotFiniteError
        a pixel is NaN or infinite
    """
    if pixels.size and not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise NotFiniteError("made numbers that are not finite (NaN or infinite); nothing of it is kept")


def _scale_of(image: ThermalImage, mended: Image) -> int:
    (height, width), (tall, wide) = image.shape, mended.shape
    scale = tall // height
    if scale < 1 or (tall, wide) != (scale * height, scale * width):
        raise UsageError(f"the network makes {wide} x {tall} pixels of {width} x {height}, which is no whole multiple")
    return scale


def lent(large: Image, scale: int) -> Iterator[Image]:
    """Views of an enlarged image, each of the size that it had, that hold together the square that became of each pixel."""
    for down in range(scale):
        for right in range(scale):
            yield large[down::scale, right::scale]


def repeated(mask: NDArray[Any], scale: int) -> NDArray[Any]:
    """(H, W) to (scale H, scale W), each pixel a square."""
    return mask if scale == 1 else np.asarray(mask.repeat(scale, axis=0).repeat(scale, axis=1))
