"""Known scene-based non-uniformity corrections, to compare with: the temporal high-pass filter and two of its descendants.

Each is called with one frame after another, (H, W) float32, and gives each back corrected. Their constants are those that the
sources recommend, for frames in grey levels of 255.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.motion import register

Image = NDArray[np.float32]


class Correction(Protocol):
    """One frame in, one out."""

    def __call__(self, frame: Image) -> Image:
        """The corrected frame."""
        ...


class TemporalHighPass:
    """Temporal high-pass filter: what stays where it is is taken for the pattern (D. A. Scribner et al., SPIE 1541, 1991).

    Parameters
    ----------
    constant : int
        frames that the mean goes over
    """

    def __init__(self, constant: int = 100) -> None:
        self.constant, self.frames = constant, 0
        self.mean: Image | None = None

    def __call__(self, frame: Image) -> Image:
        """The frame without its mean over time, about the mean of all."""
        self.frames += 1
        before = frame if self.mean is None else self.mean
        mean = before + (frame - before) / np.float32(min(self.frames, self.constant))
        self.mean = mean
        return frame - mean + np.float32(mean.mean())


class GatedTemporalHighPass:
    """The same, of what is fine in space alone, and learning only where the scene changes, so that what stands still does not
    fade (W. Qian et al., Optik 121, 2010; thresholded as by J. G. Harris and Y.-M. Chiang, 1999).

    Parameters
    ----------
    constant : int
        frames that the mean goes over
    gate : float
        grey levels that a pixel must change by
    """

    def __init__(self, constant: int = 100, gate: float = 3.0) -> None:
        self.constant, self.gate = constant, gate
        self.pattern: Image | None = None
        self.coarse: Image | None = None
        self.learned: Image | None = None

    def __call__(self, frame: Image) -> Image:
        """The frame without its pattern."""
        coarse = cv2.GaussianBlur(frame, (0, 0), 3.0)
        if self.pattern is None or self.coarse is None or self.learned is None:
            self.pattern, self.learned, self.coarse = np.zeros_like(frame), np.zeros_like(frame), coarse
            return frame
        changed = np.abs(coarse - self.coarse) > self.gate
        self.learned += changed
        rate = 1 / np.clip(self.learned, 1, self.constant)
        self.pattern += np.where(changed, rate, 0).astype(np.float32) * (frame - coarse - self.pattern)
        self.coarse = np.where(changed, coarse, self.coarse)
        return frame - self.pattern


class RegisteredLeastMeanSquares:
    """Least mean squares between registered frames (C. Zuo et al., Optical Review 18, 2011): two frames of one scene differ by
    their pixels' patterns.

    Parameters
    ----------
    rate : float
        of learning
    """

    def __init__(self, rate: float = 0.05) -> None:
        self.rate = rate
        self.pattern: Image | None = None
        self.before: Image | None = None

    def __call__(self, frame: Image) -> Image:
        """The frame without its pattern."""
        if self.pattern is None or self.before is None:
            self.pattern, self.before = np.zeros_like(frame), frame
            return frame
        corrected = frame - self.pattern
        motion = register(*(cv2.GaussianBlur(part, (0, 0), 1.0) for part in (self.before, corrected)))
        if motion.found and not motion.is_still(frame.shape):
            overlap = motion.overlap(frame.shape)
            error = np.where(overlap, corrected - motion.warp(self.before), 0).astype(np.float32)
            self.pattern += np.float32(self.rate) * error
            corrected = frame - self.pattern
        self.before = corrected
        return corrected


KNOWN = {
    "temporal high-pass": TemporalHighPass,
    "gated temporal high-pass": GatedTemporalHighPass,
    "registered LMS": RegisteredLeastMeanSquares,
}
