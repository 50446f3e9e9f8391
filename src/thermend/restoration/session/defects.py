"""Bad pixels, confirmed over time: they stand out of their neighbours wherever the camera looks, always or now and then."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_STANDS_OUT = 6.0
"""Standard deviations of the frame's finest detail."""
_DEAD, _BLINKING = 0.6, 0.2
"""Shares of the frames in which a pixel stands out."""
_FRAMES_FOR_DEAD, _FRAMES_FOR_BLINKING = 8, 30
_REMEMBERED = 100
"""Frames; what was seen before them fades."""
_AROUND, _CROWD = 15, 12
"""Side of a square, pixels; and how many within it may stand out now and then: of a line or a rough place of the scene, along
which the camera moves, more do."""
_MOST = 0.02
"""Share of a frame; more are not single pixels."""


@dataclass
class Defects:
    """How often each pixel stood out, over the frames in which the camera moved.

    Attributes
    ----------
    share : (H, W) float32
    frames : int
    """

    share: Image
    frames: int = 0

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Defects:
        """Nothing was seen yet."""
        return cls(np.zeros(shape, np.float32))

    def see(self, frame: Image, moves: bool) -> NDArray[np.bool_] | None:
        """The pixels of a frame that are bad, (H, W) bool; None where there is none.

        Parameters
        ----------
        frame : (H, W) float32
        moves : bool
            whether the camera moved: on a tripod a small hot object stands out of its neighbours too
        """
        if moves:
            fine = np.abs(frame - cv2.medianBlur(np.ascontiguousarray(frame), 3))
            scale = float(np.median(fine[fine > 0][::7])) * 1.4826 if (fine > 0).any() else 0.0
            out = fine > max(_STANDS_OUT * scale, 2 / 255)
            if out.mean() <= _MOST:
                self.frames += 1
                self.share += (out - self.share) * np.float32(max(1 / self.frames, 1 / _REMEMBERED))
        bad = self.confirmed()
        return bad if bad is not None and bad.any() else None

    def confirmed(self) -> NDArray[np.bool_] | None:
        """Those that are sure."""
        if self.frames < _FRAMES_FOR_DEAD:
            return None
        bad = self.share > _DEAD
        often = self.share > _BLINKING
        if self.frames >= _FRAMES_FOR_BLINKING:
            bad |= often
        crowd = cv2.boxFilter(
            often.astype(np.float32), -1, (_AROUND, _AROUND), normalize=False, borderType=cv2.BORDER_REFLECT
        )
        return np.asarray(bad & (crowd < _CROWD + 0.5))


def replaced(frame: Image, bad: NDArray[np.bool_]) -> Image:
    """A frame whose bad pixels have the median of their neighbours."""
    found = frame.copy()
    found[bad] = cv2.medianBlur(np.ascontiguousarray(frame), 5)[bad]
    return found
