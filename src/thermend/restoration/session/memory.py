"""All that a session knows from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from thermend.errors import UsageError
from thermend.filters.motion import Motion
from thermend.image import ThermalImage
from thermend.methods.protocol import StepRecord
from thermend.restoration.session.carry import Carried
from thermend.restoration.session.choice import Choice
from thermend.restoration.session.defects import Defects
from thermend.restoration.session.scene import Scene

Image = NDArray[np.float32]


@dataclass
class Memory:
    """All that a session knows; :mod:`thermend.restoration.session.state` saves it.

    Attributes
    ----------
    low, high : float
        what is 0 and 1, in the frames' unit
    unit, serial : str
        of the frames, and the camera's, where they say it
    scene : Scene
    defects : Defects
    last : (H, W) float32
        the frame before, as it came
    carried : Carried or None
        what the method did; None before it had a frame, or where it enlarges
    choice : Choice
        what the method is better given
    clean : (H, W) float32 or None
        the last frame as the method alone made it, while the scene is uncertain
    since_start, since_seen : int
        frames since the beginning (or a cut), and since the method had one
    seen : int
        how many frames the method had
    steps : tuple of StepRecord
        what it did
    frozen : int
        how many times the camera gave the last frame again
    plain : (H, W) float32 or None
        the last frame without its pattern and bad pixels
    motion : Motion or None
        of the camera, from the frame before to the last
    certain : (H, W) bool or None
        where the last frame showed for certain what the method had not
    rest : int
        times as rarely as else that the method sees a frame: more than 1 where it found nothing to mend
    """

    low: float
    high: float
    unit: str
    serial: str | None
    scene: Scene
    defects: Defects
    last: Image
    carried: Carried | None = None
    choice: Choice = field(default_factory=Choice)
    clean: Image | None = None
    since_start: int = 0
    since_seen: int = 0
    seen: int = 0
    steps: tuple[StepRecord, ...] = ()
    frozen: int = 0
    plain: Image | None = None
    motion: Motion | None = None
    certain: NDArray[np.bool_] | None = None
    rest: int = 1

    def check(self, image: ThermalImage) -> None:
        """See that a frame is one of these.

        Raises
        ------
        UsageError
            it has another unit or size
        """
        if image.unit != self.unit:
            raise UsageError(f"a frame of {image.unit} after others of {self.unit}; begin another session")
        if image.shape != self.last.shape:
            raise UsageError(
                f"a frame of {image.shape[1]} x {image.shape[0]} pixels after others of "
                f"{self.last.shape[1]} x {self.last.shape[0]}; begin another session"
            )
