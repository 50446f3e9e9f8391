"""What a method is, and what passes between it and the restoration.

A method is an object: it is asked for what it is (``info``) and to restore one prepared image. What only some methods can do
are further small protocols, which are asked for with ``isinstance`` (:func:`declares`, where the answer is a yes or no); nobody
asks what kind a method is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from thermend.methods.watch import UNWATCHED, Watch

if TYPE_CHECKING:
    from thermend.estimation import Diagnosis
    from thermend.estimation.estimates import Estimates
    from thermend.methods.info import MethodInfo

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """What is wanted of an image.

    Attributes
    ----------
    mode : str
        ``radiometric`` keeps temperatures, ``display`` may change contrast
    scale : int
        1, 2 or 4 times as many pixels along each side
    contrast : str
        ``auto``, ``keep`` or ``stretch``
    watch : Watch
        is told how far the work is, and may end it
    """

    mode: str = "display"
    scale: int = 1
    contrast: str = "auto"
    watch: Watch = UNWATCHED


class PreparedImage:
    """One image made ready for a method.

    Parameters
    ----------
    pixels : (H, W) float32
        in [0, 1] for the most part; the method's to change
    judge : callable
        makes the diagnosis; called once, when it is first asked for
    is_picture : bool
        0 is black and 1 is white, and what was beyond them is lost
    scale : int
        how many times the pixels were enlarged already
    estimates : Estimates or None
        what is measured of the pixels as they are; None where they were enlarged since
    """

    def __init__(
        self,
        pixels: Image,
        judge: Callable[[], Diagnosis],
        is_picture: bool = False,
        scale: int = 1,
        estimates: Estimates | None = None,
    ) -> None:
        self.pixels, self.is_picture, self.scale, self.estimates = pixels, is_picture, scale, estimates
        self._judge: Callable[[], Diagnosis] | None = judge

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What is wrong with the image as the camera gave it."""
        assert self._judge is not None
        found, self._judge = self._judge(), None
        return found

    def taken(self) -> Image:
        """The pixels, which are the caller's alone from now on; nothing more can be estimated of them."""
        pixels, self.pixels, self.estimates = self.pixels, np.empty((0, 0), np.float32), None
        return pixels


@dataclass(frozen=True)
class StepRecord:
    """One thing that a method did.

    Attributes
    ----------
    method : str
        its name in the catalogue
    facts : mapping
        the numbers that it was done with, for the provenance
    removed : tuple of str
        the degradations that it was to remove
    """

    method: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As the provenance keeps it."""
        return {"method": self.method, **self.facts}


@dataclass
class Restored:
    """What a method made.

    Attributes
    ----------
    pixels : (s H, s W) float32
        perhaps the array that it was given, changed
    steps : list of StepRecord
        what was done, in order
    """

    pixels: Image
    steps: list[StepRecord]


class Method(Protocol):
    """A way to mend images.

    Attributes
    ----------
    info : MethodInfo
        its row in the catalogue
    """

    info: MethodInfo

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Mend one image.

        Parameters
        ----------
        image : PreparedImage
        task : Task

        Returns
        -------
        Restored
        """
        ...


@runtime_checkable
class Enlarges(Protocol):
    """A method that makes more pixels itself: the image is not enlarged before."""

    def enlarge(self, pixels: Image, scale: int) -> Image:
        """From (H, W) to (scale H, scale W)."""
        ...


@runtime_checkable
class JudgesAsGiven(Protocol):
    """A method that judges an image as the camera gave it: it is enlarged after."""

    judges_as_given: bool


@runtime_checkable
class ReadsDiagnosis(Protocol):
    """A method that asks for the diagnosis: it is made before anything is done to the pixels."""

    reads_diagnosis: bool


@runtime_checkable
class RemovesVignetting(Protocol):
    """A method that was asked for to take off what is smooth; radiometric mode gives smooth components back after any other."""

    def without_vignetting(self, pixels: Image) -> Image:
        """(H, W) to the same: what is the scene's."""
        ...


@runtime_checkable
class ChoosesContrast(Protocol):
    """A method that leaves the caller a choice of contrast: ``auto``, ``keep`` or ``stretch``."""

    chooses_contrast: bool


@runtime_checkable
class FillsCores(Protocol):
    """A method that keeps all cores busy by itself: several of it side by side gain nothing."""

    fills_cores: bool


@runtime_checkable
class UsesNetworks(Protocol):
    """A method with a network in it."""

    def opened_network(self) -> Any:
        """The network that does it, or has the largest part in it, opened now if it was not; None where there is none."""
        ...

    def weights_of(self, steps: list[StepRecord]) -> str | dict[str, str] | None:
        """SHA-256 of the files of the weights that had a part in what was done."""
        ...


@runtime_checkable
class TakesPrompts(Protocol):
    """A method that can be told what to remove."""

    def prompt(self, path: str | os.PathLike[str]) -> None:
        """Take from a file what to remove, instead of choosing it."""
        ...


@runtime_checkable
class MendsDetail(Protocol):
    """A method that a chain may hand noise, fixed pattern and blur to."""

    def mend_detail(self, pixels: Image, mode: str, stripes: float, watch: Watch) -> Restored:
        """Take off what is finer than the image's own detail.

        Parameters
        ----------
        pixels : (H, W) float32
            in [0, 1], destriped
        mode : str
        stripes : float
            standard deviation of the stripes that were taken off, share of full range
        watch : Watch
        """
        ...


class Correction(Protocol):
    """What brings an image's level and contrast back.

    Attributes
    ----------
    chance : float
        that they were lost at all, 0 to 1
    vignetting : float
        highest less lowest value of the smooth field that is added, share of full range
    facts : dict
        numbers for the provenance
    """

    chance: float

    @property
    def vignetting(self) -> float: ...

    @property
    def facts(self) -> dict[str, float]: ...

    def apply(self, image: Image) -> None:
        """Correct an image, (H, W), in place."""
        ...


@runtime_checkable
class CorrectsLevel(Protocol):
    """A method that a chain may ask whether level, contrast and vignetting are what they were."""

    def correction(self, pixels: Image) -> Correction:
        """From an image, (H, W) float32 in [0, 1] without its noise and stripes, to what brings it back."""
        ...


@runtime_checkable
class EstimatesDegradations(Protocol):
    """A method that has an opinion of what is wrong with an image."""

    def questions(self) -> dict[str, tuple[str, ...]]:
        """The answers that there are to each question; raises :class:`~thermend.errors.ThermendError` where it knows none."""
        ...

    def opinion(self, pixels: Image) -> dict[str, dict[str, float]]:
        """From an image, (H, W) float32 in [0, 1], to questions, and the chance of each answer."""
        ...


def declares(method: object, capability: type) -> bool:
    """Whether a method has a capability that it may also deny: ``fills_cores = False`` is a no.

    Parameters
    ----------
    method : Method
    capability : type
        :class:`ReadsDiagnosis`, :class:`ChoosesContrast`, :class:`FillsCores` or :class:`JudgesAsGiven`
    """
    return isinstance(method, capability) and all(getattr(method, name) for name in capability.__annotations__)
