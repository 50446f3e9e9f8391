"""What is measured of a recording that was mended, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from thermend.evaluation.recordings.simulation import Frame

Image = NDArray[np.float32]

SETTLED = 100
"""Frames after which a session has learned what it can."""
_LEFT_FOR = (3, 6)
"""Frames ago that a target was where its ghost is looked for."""


@dataclass
class Seen:
    """One method's results on one recording.

    Attributes
    ----------
    errors : list of float
        mean squared error of each frame, in squares of the frames' unit
    shifts : list of float
        mean of what each frame is off by
    kept : list of float
        share of each target's contrast
    ghosts : list of float
        what is left where a target was, in the direction of its contrast
    """

    errors: list[float] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    ghosts: list[float] = field(default_factory=list)
    _past: list[Frame] = field(default_factory=list)

    def add(self, frame: Frame, result: Image, *, frozen: bool = False) -> None:
        """Take a frame in; of one that the camera repeats, the scene went on and nothing is measured."""
        self._past = [*self._past[-_LEFT_FOR[1] :], frame]
        if frozen:
            return
        off = result.astype(np.float64) - frame.clean
        self.errors.append(float((off**2).mean()))
        self.shifts.append(float(off.mean()))
        for x, y in frame.targets:
            if _inside(x, y, off.shape, 6):
                given, found = (_contrast(image, x, y) for image in (frame.clean, result))
                if abs(given) > 5:
                    self.kept.append(found / given)
        for number in _LEFT_FOR:
            if len(self._past) > number:
                self._look_for_ghosts(self._past[-1 - number], frame, off)

    def _look_for_ghosts(self, before: Frame, now: Frame, off: NDArray[np.float64]) -> None:
        for x, y in before.targets:
            apart = all(max(abs(x - a), abs(y - b)) > 5 for a, b in now.targets)
            if apart and _inside(x, y, off.shape, 6):
                sign = np.sign(_contrast(before.clean, x, y))
                around = off[y - 6 : y + 7, x - 6 : x + 7].mean()
                self.ghosts.append(float(sign * (off[y - 1 : y + 2, x - 1 : x + 2].mean() - around)))

    def psnr(self, settled: bool = True) -> float:
        """Mean over frames, dB of a range of 255."""
        errors = np.array(self.errors[SETTLED:] if settled and len(self.errors) > SETTLED else self.errors)
        return float((10 * np.log10(255**2 / np.maximum(errors, 1e-3))).mean())

    def rmse(self) -> float:
        """Root mean squared error of the settled frames, in their unit."""
        return float(np.sqrt(np.mean(self.errors[SETTLED:] or self.errors)))

    @property
    def flicker(self) -> float:
        """Standard deviation over time of the mean that frames are off by, from one to the next."""
        return float(np.std(np.diff(self.shifts))) if len(self.shifts) > 2 else 0.0


def worst_step(session: Seen, single: Seen) -> float:
    """The least gain in dB of any frame over the other's."""
    return float(
        min(10 * np.log10(max(b, 1e-3) / max(a, 1e-3)) for a, b in zip(session.errors, single.errors, strict=True))
    )


def _contrast(image: Image, x: int, y: int) -> float:
    inner = float(image[y - 1 : y + 2, x - 1 : x + 2].mean())
    ring = image[y - 4 : y + 5, x - 4 : x + 5].astype(np.float64)
    outer = (ring.sum() - ring[2:7, 2:7].sum()) / (81 - 25)
    return inner - float(outer)


def _inside(x: int, y: int, shape: tuple[int, ...], margin: int) -> bool:
    return margin <= x < shape[1] - margin and margin <= y < shape[0] - margin
