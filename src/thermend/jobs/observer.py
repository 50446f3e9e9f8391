"""Who looks on while a file is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thermend.image import ThermalImage
from thermend.methods.watch import Cancel, Progress, Watch
from thermend.restoration.result import Result

Frames = Callable[[str, int, int | None], None]
"""Told a recording, how many of its frames are done, and of how many as far as that is known."""
Images = Callable[[int, ThermalImage, Result], None]
"""Shown an image of a file, from 0, as it was read and what became of it."""


@dataclass(frozen=True)
class Observer:
    """What a caller is told of one file after another, and what it is asked.

    Attributes
    ----------
    progress : callable or None
        told how far the image that is worked on is, as (done, total)
    frames : callable or None
        told how far a recording is
    images : callable or None
        shown the first image of a file and its result; of a recording, all frames
    cancel : callable or None
        answers True where the work on a file is to end
    """

    progress: Progress | None = None
    frames: Frames | None = None
    images: Images | None = None
    cancel: Cancel | None = None

    def go_on(self) -> None:
        """Ask whether to.

        Raises
        ------
        Cancelled
            the caller wants no more of it
        """
        Watch(cancel=self.cancel).at(0, 1)


NOBODY = Observer()
