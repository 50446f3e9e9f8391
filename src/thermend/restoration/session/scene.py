"""Scene and fixed pattern told apart over time: one Kalman filter a pixel for each of the two.

A frame is y = x + p + n: a scene x that moves with the camera, a fixed pattern p (non-uniformity) that does not, and noise n.
Of x the filter knows its estimate of the frame before, moved as the camera moved (motion compensation), of p its estimate as
it is. What the frame differs by (the innovation) is shared between them by their variances: a scene that has been seen through
many pixels is certain, and what is left is pattern (registration-based non-uniformity correction, C. Zuo et al., Optical Review
18, 2011, with gains that are not tuned). Where the innovation is more than noise, over 3 × 3 pixels, something moved by
itself: the scene is forgotten there (deghosting), and the pattern learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.motion import Motion

Image = NDArray[np.float32]

_UNKNOWN = 1e3
"""Variance, in those of the noise, of what is not known."""
_MOVED = 4.5
"""Standard deviations of the 3 × 3 mean of the innovation, from which on a pixel is taken for something that moved."""
_UNSURE_BY, _MISPLACED = 0.15, 0.06
"""Pixels that the camera's motion may be off by, at most and as a rule: where a scene is steep, that much of its slope is no
motion of its own, and makes its estimate less certain."""
_ROBUST = 2.5
"""Standard deviations of the innovation that teach of the pattern; what is more is limited to that."""
_TEACHES = 1.0
"""Pixels that the camera must have moved by since the last lesson for the pattern to be told from the scene."""
_UNSURE, _SURE = 0.03, 0.12
"""By how much more alike a motion must make two frames to be believed a little, and wholly."""
_SCENE_DRIFT = 0.005
"""Variance, in those of the noise, that a scene gains a frame: what interpolation and the scene's own changes do."""
_PATTERN_DRIFT = 2e-4
_FINEST = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""J. Immerkaer, Fast noise variance estimation, 1996."""
_EXPLAINED = 0.3
"""By how much more alike a motion makes two frames, from which on they are of one picture."""
_CUT = 4.0
"""Times the usual difference of two frames, from which on the picture is another."""
_NOISY = 0.5
"""Share of a frame's variance, from which on the scene's estimate is as good as a single frame."""
_JUMPED, _LEAST_JUMP = 1.4, 1.0
"""Times the variance that is expected, and grey levels of 255, from which on the pattern is another."""
_NOISELESS = 0.8 / 255
"""Noise over time that is not worth a mean over time, which costs a little sharpness."""
_CUT_OFF = 0.002
"""Shares of the range, at whose ends a frame is cut off and shows no noise."""
_BLOCK, _CALM = 16, 0.3
"""Pixels; and the share of such blocks that the noise is read off: those where the scene, badly registered, adds the least."""
_SAMPLES = 8_000
"""Pixels that a median is taken of."""
_LEAST_NOISE = 0.15
"""Grey levels of 255: what rounding to 8 bits leaves."""


@dataclass
class Scene:
    """What is known after some frames; pixels are shares of a full range.

    Attributes
    ----------
    estimate, variance : (H, W) float32
        of the scene, as the last frame saw it
    pattern, uncertainty : (H, W) float32
        of the fixed pattern, and its variance
    noise : float
        variance of the noise over time
    fine : float
        variance of the finest detail of the first frame: of pattern, noise and scene together
    taught : float
        lessons that the pattern had, in frames
    frames : int
    innovation : (H, W) float32 or None
        of the frame before
    moved : (H, W) bool or None
        where something moved by itself
    change : (H, W) float32 or None
        of the estimate, by the last frame
    """

    estimate: Image
    variance: Image
    pattern: Image
    uncertainty: Image
    noise: float
    fine: float = 0.0
    taught: float = 0.0
    frames: int = 1
    innovation: Image | None = None
    moved: NDArray[np.bool_] | None = None
    change: Image | None = None

    @property
    def certainty(self) -> float:
        """How much less the scene's estimate is off by than a frame is, 0 to 1."""
        given = self.noise + float(self.uncertainty.mean())
        return 1 - min(1.0, float(np.minimum(self.variance, given).mean()) / given)

    @property
    def given(self) -> float:
        """Standard deviation of what a frame adds to the scene."""
        return float(np.sqrt(self.noise + _middle(self.uncertainty)))

    @property
    def is_noisy(self) -> NDArray[np.bool_]:
        """Where the estimate is as good as a single frame, (H, W)."""
        return np.asarray(self.variance > np.float32(_NOISY * self.given**2))

    @property
    def is_noiseless(self) -> bool:
        """Whether there is no noise over time that would be worth a mean."""
        return self.noise < _NOISELESS**2

    @property
    def is_clean(self) -> bool:
        """Whether a frame adds nothing to the scene that would be worth mending: no noise, no pattern."""
        return self.given < _NOISELESS

    def is_another_picture(self, frame: Image, motion: Motion) -> bool:
        """Whether no motion makes a frame like the one before."""
        if motion.gain > _EXPLAINED:
            return False
        coarse = cv2.blur(frame - self.pattern - motion.warp(self.estimate, smooth=True), (9, 9))
        usual = np.sqrt(self.noise + float(self.variance.mean())) / 9
        return float(np.abs(coarse).mean()) > _CUT * max(usual, 1 / 255)

    def follow_gain(self, gain: float, offset: float) -> None:
        """The camera stretches its contrast anew: so do the scene and the pattern."""
        self.estimate *= np.float32(gain)
        self.estimate += np.float32(offset)
        self.pattern *= np.float32(gain)
        for variance in (self.variance, self.uncertainty):
            variance *= np.float32(gain**2)
        self.noise *= gain**2
        self.innovation = None

    def is_another_pattern(self, frame: Image, motion: Motion) -> bool:
        """Whether a frame differs from what is known by more than noise, everywhere, as after a flat-field correction."""
        innovation = frame - self.pattern - motion.warp(self.estimate)
        spread = self._spread_of((innovation - cv2.blur(innovation, (5, 5))).ravel()) ** 2
        expected = self.noise + _middle(self.variance) + _middle(self.uncertainty)
        return spread > max(_JUMPED * expected, (_LEAST_JUMP / 255) ** 2)

    @classmethod
    def begun(cls, frame: Image) -> Scene:
        """Of a first frame: what is finest in it may be pattern or noise, nobody knows yet."""
        fine = _fine_variance(frame)
        half = np.float32(fine / 2)
        return cls(
            frame.copy(), np.full_like(frame, fine), np.zeros_like(frame), np.full_like(frame, half), float(half), fine
        )

    def forget_scene(self, frame: Image) -> None:
        """The picture is another; the camera is the same."""
        self.estimate = frame - self.pattern
        self.variance = self.uncertainty + np.float32(self.noise)

    def forget_pattern(self, frame: Image) -> None:
        """The shutter fell: the pattern is another, and the scene the same."""
        self.pattern = np.zeros_like(frame)
        self.fine, self.taught = _fine_variance(frame), 0.0
        self.uncertainty = np.full_like(frame, self.fine)

    def see(self, frame: Image, motion: Motion, doubtful: NDArray[np.bool_] | None = None) -> None:
        """Take a frame in.

        Parameters
        ----------
        frame : (H, W) float32
        motion : Motion
            of the camera, since the frame before
        doubtful : (H, W) bool or None
            pixels that were measured badly, or not at all: they say nothing of the pattern
        """
        self.frames += 1
        still = motion.is_still(frame.shape)
        if not still:
            self.estimate = motion.warp(self.estimate)
            self.variance = motion.warp(self.variance, border=_UNKNOWN * self.noise, smooth=True)
            self.variance += np.float32(_MISPLACED**2) * _steepness(self.estimate)
        self.variance += np.float32(_SCENE_DRIFT * self.noise)
        self.uncertainty += np.float32(_PATTERN_DRIFT * self.noise)
        innovation = frame - self.pattern - self.estimate
        known = self.variance < _UNKNOWN / 2 * self.noise
        moved = self._moved(innovation, known)
        self.moved = moved
        teaches = self._teaches(motion, frame.shape)
        self.taught += teaches
        if self.taught < 1:  # what of the finest detail is no noise may all be pattern
            self.uncertainty[:] = max(self.fine - self.noise, self.noise / 2)
        total = self.variance + self.uncertainty + np.float32(self.noise)
        self._learn_noise(innovation, known & ~moved & (frame > _CUT_OFF) & (frame < 1 - _CUT_OFF))
        self.variance[moved] = np.float32(_UNKNOWN * self.noise)
        # what a frame says of the scene is the less, the more of it may be the pattern's: all of that where the camera moved
        other = np.float32(self.noise) + self.uncertainty * np.float32(teaches)
        other[moved | ~known] = self.noise
        gain = self.variance / (self.variance + other)
        if self.is_noiseless:
            gain = np.ones_like(gain)
        if teaches:
            lesson = np.float32(teaches) * self.uncertainty / total
            lesson[moved | ~known] = 0
            if doubtful is not None:
                lesson[doubtful] = 0
            limit = _ROBUST * np.sqrt(total)
            self.pattern += lesson * np.clip(innovation, -limit, limit)
            self.uncertainty *= 1 - lesson
        self.change = gain * innovation
        self.estimate += self.change
        self.variance = np.where(
            moved | ~known, np.float32(self.noise) + self.uncertainty, self.variance * (1 - gain)
        ).astype(np.float32)

    def _moved(self, innovation: Image, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where more differs than noise does."""
        mean = cv2.blur(innovation, (3, 3))
        expected = cv2.blur(self.variance + self.uncertainty, (3, 3))
        expected /= 9
        expected += np.float32(self._spread_of(mean[known]) ** 2) + _steepness(self.estimate) * np.float32(
            _UNSURE_BY**2
        )
        spread = np.sqrt(expected)
        found = (np.abs(mean) > _MOVED * spread).astype(np.uint8)
        return cv2.dilate(found, np.ones((3, 3), np.uint8)).astype(bool) & known

    def _spread_of(self, values: Image) -> float:
        sample = values[:: max(1, values.size // _SAMPLES)]
        return float(np.median(np.abs(sample)) * 1.4826) if sample.size else 0.0

    def _teaches(self, motion: Motion, shape: tuple[int, int]) -> float:
        """How much of the pattern a frame can tell: nothing where the camera stands still, or may."""
        moves = np.hypot(*motion.displacement(shape))
        return float(min(1.0, (moves / _TEACHES) ** 2) * np.clip((motion.gain - _UNSURE) / (_SURE - _UNSURE), 0, 1))

    def _learn_noise(self, innovation: Image, usable: NDArray[np.bool_]) -> None:
        """The noise over time is what the innovation has beyond what is uncertain."""
        before, self.innovation = self.innovation, innovation
        if before is None or usable.mean() < 0.2:
            return
        # two innovations of one pixel have its pattern in common, and not their noise
        spread = _least_variance(innovation - before, usable) / 2
        if not np.isfinite(spread):
            return
        expected = float(np.median(self.variance[usable][::16]))
        found = max(spread - expected, 0.05 * spread, (_LEAST_NOISE / 255) ** 2)
        rate = max(0.1, 1 / self.frames)
        self.noise += rate * (min(found, 4 * self.noise) - self.noise)


def _fine_variance(frame: Image) -> float:
    """Of the finest detail of a frame, of which scene, pattern and noise are each a part."""
    found = cv2.filter2D(frame, cv2.CV_32F, _FINEST)[1:-1, 1:-1]
    sample = np.abs(found.ravel()[:: max(1, found.size // 50000)])
    return max((float(np.median(sample)) * 1.4826 / 6) ** 2, (_LEAST_NOISE / 255) ** 2)


def _least_variance(values: Image, usable: NDArray[np.bool_]) -> float:
    """Variance of what is the same everywhere, as noise is, and not of what a scene adds in places; NaN where nothing tells."""
    height, width = (max(1, side // _BLOCK) for side in values.shape)
    share = cv2.resize(usable.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    power = cv2.resize(np.where(usable, values, np.float32(0)) ** 2, (width, height), interpolation=cv2.INTER_AREA)
    there = share > 0.5
    return float(np.quantile(power[there] / share[there], _CALM)) if there.any() else float("nan")


def _steepness(estimate: Image) -> Image:
    """Squared slope of a scene, from pixel to pixel, of what is coarser than noise."""
    coarse = cv2.GaussianBlur(estimate, (0, 0), 1.0)
    across, down = (cv2.Sobel(coarse, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return np.asarray(across**2 + down**2)


def _middle(values: Image) -> float:
    """Median of a sample, which is as good and costs a tenth."""
    return float(np.median(values.ravel()[:: max(1, values.size // _SAMPLES)]))
