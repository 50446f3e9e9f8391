"""A result held against the frame that it is of: what the frame shows for certain, and the result has not, is given back.

Noise has a known spread over 3 × 3 pixels. Where the frame differs from the result by much more, something is there that the
method took for noise, or that moved: a small hot target most of all.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_CERTAIN = 4.5
"""Standard deviations of the 3 × 3 mean of the difference."""
_PASSES = 3
_SAMPLES = 20_000


def given_back(result: Image, frame: Image) -> Image | None:
    """What is to be added to a result, (H, W); None where nothing is.

    Parameters
    ----------
    result : (H, W) float32
    frame : (H, W) float32
        on the same levels, without its fixed pattern and bad pixels
    """
    off = frame - result
    mean = cv2.blur(off, (3, 3))
    level = cv2.blur(mean, (31, 31))  # another level is no object
    sample = (mean - level).ravel()[:: max(1, mean.size // _SAMPLES)]
    spread = 1.4826 * float(np.median(np.abs(sample)))
    certain = np.abs(mean - level) > _CERTAIN * max(spread, 1e-6)
    share = float(certain.mean())
    if not 0 < share < 0.2:
        return None
    where = cv2.dilate(certain.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    added = np.zeros_like(result)
    for _ in range(_PASSES):
        added += cv2.blur(off - added, (3, 3)) * where
    return added
