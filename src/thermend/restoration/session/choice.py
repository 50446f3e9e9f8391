"""Whether the method is better given the scene's estimate, or the single frame: the next frame is the judge.

A frame's noise knows nothing of the results before it. Of two guesses at a scene, seen from the next frame, the one that the
frame differs less from is therefore the better, by just as much as it is (the noise adds the same to both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermend.filters.motion import Motion

Image = NDArray[np.float32]

_RATE = 0.25
"""Of what a new trial counts for; the first ones count for more."""
_LEAST = 0.02
"""Advantage in variances of the frame's noise and unknown pattern, of which both guesses may have kept something alike."""
_LIMIT = 4.0
"""Standard deviations of the frame, beyond which a difference counts no more."""


@dataclass
class Choice:
    """What trials showed.

    Attributes
    ----------
    advantage : float
        by how much smaller the squared error is with the scene's estimate, mean over trials
    trials : int
    noise : float
        variance of what a frame adds, at the last trial
    many, one : (H, W) float32 or None
        the scene as the method made it of the estimate and of a single frame, which the next frame will judge; in the frames'
        own levels
    """

    advantage: float = 0.0
    trials: int = 0
    noise: float = 0.0
    many: Image | None = None
    one: Image | None = None

    @property
    def prefers_many(self) -> bool:
        """Whether the scene's estimate is what the method is to be given: it is by more than chance."""
        return self.trials > 0 and self.advantage > _LEAST * self.noise

    def judge(self, frame: Image, motion: Motion, noise: float) -> None:
        """Hold both against the next frame.

        Parameters
        ----------
        frame : (H, W) float32
            without the fixed pattern
        motion : Motion
            since the frame that both are of
        noise : float
            variance of what a frame adds
        """
        if self.many is None or self.one is None:
            return
        inner = motion.overlap(frame.shape)
        self.noise = noise
        limit = np.float32((_LIMIT**2) * max(noise, 1e-7))
        many, one = (np.minimum((frame - motion.warp(guess)) ** 2, limit)[inner] for guess in (self.many, self.one))
        self.trials += 1
        found = float((one - many).mean(dtype=np.float64)) if many.size else 0.0
        self.advantage += max(_RATE, 1 / self.trials) * (found - self.advantage)
        self.many = self.one = None
