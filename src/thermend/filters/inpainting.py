"""Pixels that hold no number."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.smoothing import Image

_LARGE = 1e37
_SWEEPS = 24


def inpaint(image: Image, hole: NDArray[np.bool_]) -> Image:
    """Fill a hole of any size with the smoothest surface that meets its rim: the solution of Laplace's equation.

    From coarse to fine: on an image reduced by two the hole is filled in the same way, enlarged for a start, and relaxed
    by red-black Gauss-Seidel sweeps. Nothing lies above or below what surrounds the hole, and straight slopes go on.

    Parameters
    ----------
    image : (H, W) float32
        what it holds in the hole is not read
    hole : (H, W) bool

    References
    ----------
    S. J. Gortler et al., The lumigraph, SIGGRAPH 1996 (pull-push); A. Brandt, Multi-level adaptive solutions to
    boundary-value problems, Mathematics of Computation 31 (1977).
    """
    if not hole.any():
        return image.copy()
    weight = (~hole).astype(np.float32)
    filled = np.where(hole, np.float32(0), image).astype(np.float32)
    if float(np.abs(filled).max()) < _LARGE:
        return _fill(filled, weight)
    made = _fill(filled / np.float32(16), weight) * np.float32(16)  # sums of a few numbers stay numbers
    return np.where(hole, made, image).astype(np.float32)


def _fill(filled: Image, weight: Image) -> Image:
    """`filled` where the weight is positive, a smooth continuation elsewhere."""
    height, width = filled.shape
    hole = weight == 0
    if not hole.any() or hole.all():
        return filled
    if height == 1 and width == 1:
        return filled
    halves = ((0, height % 2), (0, width % 2))
    weights = _halved(np.pad(weight, halves))
    coarse = _halved(np.pad(filled * weight, halves)) / np.maximum(weights, np.float32(1e-6))
    coarse = _fill(coarse, np.minimum(weights, 1))
    enlarged = cv2.resize(coarse, (2 * coarse.shape[1], 2 * coarse.shape[0]), interpolation=cv2.INTER_LINEAR)
    filled = np.where(hole, enlarged[:height, :width], filled)
    _relax(filled, hole)
    return filled


def _halved(pixels: Image) -> Image:
    return np.asarray(pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2], np.float32)


def _relax(filled: Image, hole: NDArray[np.bool_]) -> None:
    height, width = filled.shape
    ys, xs = np.nonzero(hole)
    flat = filled.reshape(-1)
    colours = []
    for colour in (0, 1):
        mine = (ys + xs) % 2 == colour
        y, x = ys[mine], xs[mine]
        around = [
            np.where(y > 0, y - 1, np.minimum(y + 1, height - 1)) * width + x,
            np.where(y < height - 1, y + 1, np.maximum(y - 1, 0)) * width + x,
            y * width + np.where(x > 0, x - 1, np.minimum(x + 1, width - 1)),
            y * width + np.where(x < width - 1, x + 1, np.maximum(x - 1, 0)),
        ]
        colours.append((y * width + x, around))
    for _ in range(_SWEEPS):
        for places, around in colours:
            total = flat[around[0]]
            for side in around[1:]:
                total += flat[side]
            flat[places] = total * np.float32(0.25)
