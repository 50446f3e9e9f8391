"""A result held against the frame that it is of: what the frame shows for certain, and the result has not, is given back.

Noise has a known spread over 3 × 3 pixels. Where the frame differs from the result by much more, something is there that the
method took for noise, or that moved: a small hot target most of all. Near what was certain one frame ago, or moves by itself,
less is asked for: a target does not vanish (hysteresis, over time).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_CERTAIN, _LIKELY = 4.5, 2.5
"""Standard deviations of the 3 × 3 mean of the difference: anywhere, and where something is likely."""
_REACH = 11
"""Pixels; the side of the square around what was certain, or moves, in which it is looked for."""
_TAIL, _TAIL_OF_NOISE = 0.98, 2.33
"""Quantile, and where it lies in standard deviations of normal noise; the thresholds are the higher, the farther it is out."""
_LONG, _LONGEST = 1.05, 1.5
"""Times that, from which on noise has long tails and hints lead nowhere: it gives rise to them all over; and at most."""
_PASSES = 6
_SAMPLES = 8_000


def given_back(result: Image, frame: Image, hints: Sequence[Mask] = ()) -> tuple[Image | None, Mask | None]:
    """What is to be added to a result, (H, W), and where it is certain, (H, W) bool; None and None where nothing is.

    Parameters
    ----------
    result : (H, W) float32
    frame : (H, W) float32
        on the same levels, without its fixed pattern and bad pixels
    hints : sequence of (H, W) bool
        where something is likely: what was certain in the frame before, and what moves by itself
    """
    off = frame - result
    mean = cv2.blur(off, (3, 3))
    level = cv2.blur(mean, (31, 31))  # another level is no object
    stands_out = np.abs(mean - level)
    sample = stands_out.ravel()[:: max(1, mean.size // _SAMPLES)]
    spread = max(1.4826 * float(np.median(sample)), 1e-6)
    tail = float(np.quantile(sample, _TAIL)) / (_TAIL_OF_NOISE * spread)
    certain = stands_out > _CERTAIN * min(max(tail, 1.0), _LONGEST) * spread
    if hints and tail < _LONG:
        likely = np.logical_or.reduce(list(hints)).astype(np.uint8)
        near = cv2.dilate(likely, np.ones((_REACH, _REACH), np.uint8)).astype(bool)
        certain |= near & (stands_out > _LIKELY * spread)
    if not 0 < float(certain.mean()) < 0.2:
        return None, None
    where = cv2.dilate(certain.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    added = np.zeros_like(result)
    for _ in range(_PASSES):
        added += cv2.GaussianBlur(off - added, (3, 3), 0) * where
    return added, certain
