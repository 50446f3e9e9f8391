"""Camera motion between two frames: a similarity (shift, turn, zoom) by tracked corners, or a shift by phase correlation.

Sources: B. D. Lucas and T. Kanade, IJCAI 1981, in pyramids (J.-Y. Bouguet, 2001); C. D. Kuglin and D. C. Hines, 1975.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_CORNERS = 250
_LEAST_CORNERS = 12
_LEAST_SHARE = 0.4
"""Of the corners that must agree with one motion."""
_LEAST_RESPONSE = 0.04
"""Of phase correlation; unrelated frames of noise have 0.02."""
_REFINEMENTS = 2
_SAMPLES = 10_000
"""Pixels that tell how unlike two frames are."""
_STEADY, _AS_MUCH = 0.3, 0.95
"""Gain from which on a motion is so plain that the next frame's is looked for beside it first; and the share of that gain which
it must have again."""
_HALVED = 400
"""Pixels; larger frames are registered at half their size, where noise is less and nothing is lost."""
_ON_THE_EDGE = 1e-3
"""Pixels beyond the first or last that are still seen."""
_STILL = 0.04
"""Pixels; whoever moves less is still, and is not resampled."""


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame come from in the frame before.

    Attributes
    ----------
    matrix : (2, 3) float64
        from a frame's x, y to the earlier frame's
    gain : float
        by how much more alike it makes the two frames than they are without: 0 to 1
    """

    matrix: NDArray[np.float64]
    gain: float = 0.0

    @classmethod
    def none(cls) -> Motion:
        """No motion."""
        return cls(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))

    @property
    def found(self) -> bool:
        """Whether it makes the frames more alike."""
        return self.gain > 0

    def scaled(self, factor: float) -> Motion:
        """The same motion of frames that are so many times as large."""
        matrix = self.matrix.copy()
        middle = (factor - 1) / 2  # of the first pixel, on the other grid
        matrix[:, 2] = factor * matrix[:, 2] + middle * (1 - matrix[:, :2].sum(axis=1))
        return Motion(matrix, self.gain)

    def displacement(self, shape: tuple[int, int]) -> tuple[float, float]:
        """How far pixels move along x and y, root mean square over the frame."""
        height, width = shape
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        moved = corners @ self.matrix.T - corners[:, :2]
        across, down = np.sqrt((moved**2).mean(axis=0))
        return float(across), float(down)

    def is_still(self, shape: tuple[int, int]) -> bool:
        """Whether no pixel moves by what could be seen."""
        return max(self.displacement(shape)) < _STILL

    def warp(self, earlier: Image, *, border: float | None = None, smooth: bool = False) -> Image:
        """An earlier frame's (H, W) seen from this one.

        Parameters
        ----------
        earlier : (H, W) float32
        border : float or None
            what lies outside; None repeats the edge
        smooth : bool
            interpolate linearly, which never leaves the range of the values
        """
        height, width = earlier.shape
        return cv2.warpAffine(
            earlier,
            self.matrix,
            (width, height),
            flags=(cv2.INTER_LINEAR if smooth else cv2.INTER_LANCZOS4) | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT,
            borderValue=0.0 if border is None else border,
        )

    def overlap(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Where the earlier frame saw what this one sees, (H, W)."""
        height, width = shape
        x, y = np.arange(width), np.arange(height)[:, None]
        inner = np.ones(shape, bool)
        for (by_x, by_y, offset), last in zip(self.matrix, (width - 1, height - 1), strict=True):
            place = (by_x * x + offset).astype(np.float32) + (by_y * y).astype(np.float32)
            inner &= (place > -_ON_THE_EDGE) & (place < last + _ON_THE_EDGE)
        return inner


def register(earlier: Image, later: Image, noise: float = 0.0, expected: Motion | None = None) -> Motion:
    """How the camera moved between two frames: of several guesses the one that makes them alike.

    Parameters
    ----------
    earlier, later : (H, W) float32
        of one scale; fixed pattern that both have pulls the answer to no motion, so that it should be out
    noise : float
        standard deviation of what is left of noise, in the same unit
    expected : Motion or None
        a guess: cameras go on as they went before

    Returns
    -------
    Motion
        none where nothing is better than that by 2 %
    """
    if min(later.shape) >= _HALVED:
        before, after = (
            cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for part in (earlier, later)
        )
        return register(before, after, noise / 2, None if expected is None else expected.scaled(0.5)).scaled(2.0)
    still = Motion.none()
    unlike = _unlikeness(still, earlier, later)
    guesses = [expected] if expected is not None and expected.found else []
    if guesses and (steady := _steady(guesses[0], earlier, later, unlike)) is not None:
        return steady
    first, second = _as_bytes(earlier, later, noise)
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.02, 7)
    if corners is not None and len(corners) >= _LEAST_CORNERS:
        tracked = _tracked(first, second, corners)
        guesses += [] if tracked is None else [tracked]
    guesses.append(_shifted(earlier, later))
    best, least = still, 0.98 * unlike
    for guess in guesses:
        found = _unlikeness(guess, earlier, later)
        if found < least:
            best, least = guess, found
    refined = _refined(best, earlier, later)
    if refined is not None and (found := _unlikeness(refined, earlier, later)) < least:
        best, least = refined, found
    return best if best is still else Motion(best.matrix, gain=1 - least / unlike)


def _steady(expected: Motion, earlier: Image, later: Image, unlike: float) -> Motion | None:
    """The camera went on nearly as before: its motion, made exact, explains as much as it did then; nothing else is tried."""
    if expected.gain < _STEADY:
        return None
    refined = _refined(expected, earlier, later)
    if refined is None:
        return None
    gain = 1 - _unlikeness(refined, earlier, later) / max(unlike, 1e-12)
    return Motion(refined.matrix, gain) if gain > _AS_MUCH * expected.gain else None


def _refined(motion: Motion, earlier: Image, later: Image) -> Motion | None:
    """A motion made more exact by all pixels at once: least squares of what is still unlike, linear in shift, turn and zoom
    (B. D. Lucas and T. Kanade, over the whole frame), with large differences limited."""
    height, width = later.shape
    step = 2 if min(height, width) >= 160 else 1
    y, x = (part.astype(np.float32) for part in np.mgrid[0:height:step, 0:width:step])
    x -= width / 2
    y -= height / 2
    for _ in range(_REFINEMENTS):
        seen = motion.warp(earlier, smooth=True)
        across = cv2.Sobel(seen, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)[::step, ::step]
        down = cv2.Sobel(seen, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)[::step, ::step]
        off = (later - seen)[::step, ::step]
        limit = 2.5 * 1.4826 * float(np.median(np.abs(off[::2, ::2]))) + 1e-9
        inner = motion.overlap(earlier.shape)[::step, ::step]
        inner &= np.abs(off) < 4 * limit
        columns = np.stack([across, down, across * x + down * y, down * x - across * y]) * inner
        columns = columns.reshape(4, -1).astype(np.float64)
        square = columns @ columns.T
        if np.linalg.cond(square / np.outer(*[np.sqrt(np.diag(square)) + 1e-12] * 2)) > 1e6:
            return None
        a, b, zoom, turn = np.linalg.solve(square, columns @ np.clip(off, -limit, limit).ravel().astype(np.float64))
        # seen from the later frame, a small motion comes before the one that is known already
        small = np.array([[1 + zoom, -turn, a], [turn, 1 + zoom, b], [0, 0, 1]])
        middle = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
        whole = np.vstack([motion.matrix, [0, 0, 1]]) @ middle @ small @ np.linalg.inv(middle)
        if not np.isfinite(whole).all():
            return None
        motion = Motion(whole[:2])
    return motion


def _unlikeness(motion: Motion, earlier: Image, later: Image) -> float:
    """Mean difference of two frames where both saw the scene; of what is most unlike, a tenth is left out."""
    seen = earlier if motion.is_still(earlier.shape) else motion.warp(earlier, smooth=True)
    off = np.abs(later - seen)[2:-2, 2:-2]
    if seen is not earlier:
        off = off[motion.overlap(earlier.shape)[2:-2, 2:-2]]
        if off.size < 0.5 * later.size:
            return float("inf")
    sample = off.ravel()[:: max(1, off.size // _SAMPLES)]
    count = max(1, int(0.9 * sample.size))
    return float(np.partition(sample, count - 1)[:count].mean())


def _as_bytes(earlier: Image, later: Image, noise: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    low, high = (float(v) for v in np.percentile(earlier[::4, ::4], (0.5, 99.5)))
    span = max(high - low, 8 * noise, 1e-6)
    first, second = (np.clip((f - low) * np.float32(255 / span), 0, 255).astype(np.uint8) for f in (earlier, later))
    return first, second


def _tracked(first: NDArray[np.uint8], second: NDArray[np.uint8], corners: NDArray[np.float32]) -> Motion | None:
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(21, 21), maxLevel=3)  # type: ignore[call-overload]
    good = found.ravel() == 1
    if good.sum() < _LEAST_CORNERS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        there[good], corners[good], method=cv2.RANSAC, ransacReprojThreshold=0.7, maxIters=500, confidence=0.99
    )
    if matrix is None or inliers.sum() < max(_LEAST_CORNERS, _LEAST_SHARE * len(corners)):
        return None
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 0.8 < zoom < 1.25:
        return None
    return Motion(np.asarray(matrix, np.float64))


def _shifted(earlier: Image, later: Image) -> Motion:
    window = cv2.createHanningWindow(earlier.shape[::-1], cv2.CV_32F)
    (across, down), response = cv2.phaseCorrelate(later.copy(), earlier.copy(), window)  # which changes them
    if response < _LEAST_RESPONSE or max(abs(across) / earlier.shape[1], abs(down) / earlier.shape[0]) > 0.25:
        return Motion.none()
    return Motion(np.array([[1.0, 0.0, across], [0.0, 1.0, down]]))
