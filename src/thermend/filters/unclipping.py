"""What clipping at black or white took, made up for."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.filters.smoothing import Image

_BESIDE = 5  # columns; enough for one that is not clipped to be among them
_CLIPPED_AT_MOST = 0.5  # of the pixels; where more are, black or white is the scene


def unclip(result: Image, image: Image) -> None:
    """Mend, in place, the pixels of a destriped image that the stripes had driven against black or white.

    Such a pixel was at least as bright (or dark) as its column could show. It takes that, or the mean of what columns
    beside it show which were not clipped there, whichever lies further out.

    Parameters
    ----------
    result : array of float32
        `image` without its stripes
    image : (H, W)
        0 is black and 1 is white
    """
    for sign, clipped in ((1, image >= 1), (-1, image <= 0)):
        if not 0 < np.count_nonzero(clipped) < _CLIPPED_AT_MOST * clipped.size:
            continue
        seen = np.ascontiguousarray(~clipped, np.float32)
        size = (_BESIDE, 1)
        weight = cv2.blur(seen, size, borderType=cv2.BORDER_REFLECT)
        total = cv2.blur(np.ascontiguousarray(result) * seen, size, borderType=cv2.BORDER_REFLECT)
        beside = total / np.maximum(weight, np.float32(1e-6))
        known = clipped & (weight > 0.5 / _BESIDE)
        result[known] = sign * np.maximum(sign * result[known], sign * beside[known])
