"""What a method is, and what passes between it and the restoration.

A method is an object: it is asked for what it is (``info``) and to restore one prepared image. What only some methods can do
are further small protocols, which are asked for with ``isinstance``; nobody asks what kind a method is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from thermend.diagnosis import Diagnosis
    from thermend.methods.description import MethodDescription

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
    """

    mode: str = "display"
    scale: int = 1
    contrast: str = "auto"


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
    """

    def __init__(self, pixels: Image, judge: Callable[[], Diagnosis], is_picture: bool = False, scale: int = 1) -> None:
        self.pixels, self.is_picture, self.scale = pixels, is_picture, scale
        self._judge: Callable[[], Diagnosis] | None = judge

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What is wrong with the image as the camera gave it."""
        assert self._judge is not None
        found, self._judge = self._judge(), None
        return found

    def taken(self) -> Image:
        """The pixels, which are the caller's alone from now on."""
        pixels, self.pixels = self.pixels, np.empty((0, 0), np.float32)
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
    info : MethodDescription
        its row in the catalogue
    """

    info: MethodDescription

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
class UsesNetworks(Protocol):
    """A method with a network in it."""

    def opened_network(self) -> Any:
        """The network that does it, or has the largest part in it, opened now if it was not; None where there is none."""
        ...

    def weights_of(self, steps: list[StepRecord]) -> str | dict[str, str] | None:
        """SHA-256 of the files of the weights that had a part in what was done."""
        ...
