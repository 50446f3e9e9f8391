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
_STILL = 0.04
"""Pixels; whoever moves less is still, and is not resampled."""


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame come from in the frame before.

    Attributes
    ----------
    matrix : (2, 3) float64
        from a frame's x, y to the earlier frame's
    found : bool
        False where nothing tells how the camera moved
    """

    matrix: NDArray[np.float64]
    found: bool = True

    @classmethod
    def none(cls, *, found: bool = True) -> Motion:
        """No motion."""
        return cls(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), found)

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


def register(earlier: Image, later: Image, noise: float = 0.0) -> Motion:
    """How the camera moved between two frames.

    Parameters
    ----------
    earlier, later : (H, W) float32
        of one scale; fixed pattern that both have pulls the answer to no motion, so that it should be out
    noise : float
        standard deviation of what is left of noise, in the same unit
    """
    first, second = _as_bytes(earlier, later, noise)
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.02, 7)
    if corners is not None and len(corners) >= _LEAST_CORNERS:
        motion = _tracked(first, second, corners)
        if motion is not None:
            return motion
    return _shifted(earlier, later)


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
    (across, down), response = cv2.phaseCorrelate(later, earlier, window)
    if response < _LEAST_RESPONSE or max(abs(across) / earlier.shape[1], abs(down) / earlier.shape[0]) > 0.25:
        return Motion.none(found=False)
    return Motion(np.array([[1.0, 0.0, across], [0.0, 1.0, down]]))
