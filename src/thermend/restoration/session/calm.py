"""Places of which a single frame is all that is known, mended by what surrounds them (DCT), until the method has seen them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.dct import denoise_dct

Image = NDArray[np.float32]

_MARGIN = 12
"""Pixels around a place that help to mend it."""
_BLOCK = 16
"""Pixels; places are told apart at this size."""
_LEAST_NOISE = 0.5 / 255


def calmed(estimate: Image, noisy: NDArray[np.bool_], noise: float) -> Image:
    """The estimate, with noise of a known strength taken off where it is noisy.

    Parameters
    ----------
    estimate : (H, W) float32
    noisy : (H, W) bool
    noise : float
        standard deviation
    """
    if noise < _LEAST_NOISE or not noisy.any():
        return estimate
    result = estimate.copy()
    for rows, columns in _boxes(noisy):
        part = np.ascontiguousarray(estimate[rows, columns])
        where = noisy[rows, columns]
        result[rows, columns][where] = denoise_dct(part, noise, step=4)[where]
    return result


def _boxes(noisy: NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    """Rectangles that hold all of the places, each with its surroundings."""
    height, width = noisy.shape
    down, across = -(-height // _BLOCK), -(-width // _BLOCK)
    padded = np.zeros((down * _BLOCK, across * _BLOCK), bool)
    padded[:height, :width] = noisy
    blocks = padded.reshape(down, _BLOCK, across, _BLOCK).any(axis=(1, 3)).astype(np.uint8)
    count, _, found, _ = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    boxes = []
    for left, top, wide, tall, _ in found[1:count]:
        first, last = top * _BLOCK - _MARGIN, (top + tall) * _BLOCK + _MARGIN
        begin, end = left * _BLOCK - _MARGIN, (left + wide) * _BLOCK + _MARGIN
        boxes.append((slice(max(first, 0), min(last, height)), slice(max(begin, 0), min(end, width))))
    return boxes


def filled(shares: Image, known: Image | None) -> Image:
    """Numbers in place of what is none (NaN, infinite): what is known, else the median."""
    missing = ~np.isfinite(shares)
    if not missing.any():
        return shares
    shares = shares.copy()
    shares[missing] = np.median(shares[~missing]) if known is None else known[missing]
    return shares
