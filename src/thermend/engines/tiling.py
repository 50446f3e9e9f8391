"""Networks on images of any size: overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Seen = Callable[[int, int], None]
"""Is told how many tiles are done, and of how many."""


def run_tiled(
    image: Image,
    function: Callable[[Image], Image],
    tile: int | tuple[int, int],
    overlap: int = 48,
    multiple: int = 1,
    seen: Seen | None = None,
) -> Image:
    """Apply a function tile by tile.

    Parameters
    ----------
    image : (H, W)
    function : callable
        from (h, w) to (s h, s w) for a fixed whole s
    tile : int or tuple
        side, or height and width, of a tile, pixels
    overlap : int
        pixels that neighbouring tiles share; the outer quarter, which the tile's border may have spoilt, is not used and the
        inner half blends linearly
    multiple : int
        tiles are padded by reflection to multiples of this
    seen : Seen or None
        called after every tile

    Returns
    -------
    (s H, s W) float32
    """
    sides = (tile, tile) if isinstance(tile, int) else tile
    tops, lefts = (_starts(n, side, overlap) for n, side in zip(image.shape, sides))
    heights = [min(side, n) for n, side in zip(image.shape, sides)]
    result: Image | None = None
    scale = 1
    for down, top in enumerate(tops):
        for across, left in enumerate(lefts):
            piece = np.ascontiguousarray(image[top : top + heights[0], left : left + heights[1]])
            mended = _padded(piece, function, multiple)
            if result is None:
                scale = mended.shape[0] // piece.shape[0]
                result = np.zeros((image.shape[0] * scale, image.shape[1] * scale), np.float32)
                vertical = _weights(tops, heights[0], image.shape[0], overlap, scale)
                horizontal = _weights(lefts, heights[1], image.shape[1], overlap, scale)
            place = np.s_[top * scale : (top + heights[0]) * scale, left * scale : (left + heights[1]) * scale]
            result[place] += mended * vertical[top][:, None] * horizontal[left]
            if seen is not None:
                seen(down * len(lefts) + across + 1, len(tops) * len(lefts))
    assert result is not None
    return result


def _padded(piece: Image, function: Callable[[Image], Image], multiple: int) -> Image:
    height, width = piece.shape
    down, right = (-height) % multiple, (-width) % multiple
    if not down and not right:
        return function(piece)
    mended = function(cv2.copyMakeBorder(piece, 0, down, 0, right, cv2.BORDER_REFLECT))
    scale = mended.shape[0] // (height + down)
    return mended[: height * scale, : width * scale]


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where the tiles begin; all have the full side, the last ones move closer together."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // max(1, tile - overlap))
    return [int(v) for v in np.rint(np.linspace(0, length - tile, count))]


def _weights(starts: list[int], tile: int, length: int, overlap: int, scale: int) -> dict[int, Image]:
    """For each tile its share at each of its pixels along one axis; over all tiles the shares add up to 1."""
    position = (np.arange(tile * scale) + 0.5) / scale
    unused, ramp = overlap / 4, max(overlap / 2, 1e-3)
    total = np.zeros(length * scale)
    raw = {}
    for start in starts:
        weight = np.ones(tile * scale)
        if start > 0:
            weight = np.minimum(weight, (position - unused) / ramp)
        if start + tile < length:
            weight = np.minimum(weight, (tile - position - unused) / ramp)
        raw[start] = np.maximum(weight, 1e-6)
        total[start * scale : (start + tile) * scale] += raw[start]
    return {s: (w / total[s * scale : (s + tile) * scale]).astype(np.float32) for s, w in raw.items()}
