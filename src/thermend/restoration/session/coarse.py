"""What is smooth in a frame, on an eighth of its pixels along each side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.restoration.temperatures import SMOOTH_SIGMA

Image = NDArray[np.float32]

_REDUCED = 8


def reduced(pixels: Image, sigma: float = SMOOTH_SIGMA / _REDUCED) -> Image:
    """(H, W) to (H / 8, W / 8), smoothed by a Gaussian of `sigma` of its own pixels."""
    height, width = (max(1, round(side / _REDUCED)) for side in pixels.shape)
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def enlarged(small: Image, shape: tuple[int, int]) -> Image:
    """What :func:`reduced` made, at the size that it was made of."""
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR)
