"""Local filters on large images, band by band and in place, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

PIXELS_AT_ONCE = 2**22


def bands(shape: tuple[int, ...], halo: int) -> Iterator[tuple[slice, slice]]:
    """Bands of rows that cover an image: where each lies with `halo` rows on both sides, and which of its rows are its own."""
    height = shape[0]
    rows = max(4 * halo, PIXELS_AT_ONCE // shape[1], 1)
    for top in range(0, height, rows):
        first, bottom = max(0, top - halo), min(top + rows, height)
        yield slice(first, min(bottom + halo, height)), slice(top - first, bottom - first)


def filter_in_bands(pixels: Image, function: Callable[[Image], Image], halo: int) -> None:
    """Replace `pixels` by ``function(pixels)``.

    Parameters
    ----------
    pixels : (H, W) float32
        overwritten
    function : callable
        from an (h, W) band to one of the same shape, looking no further than `halo` rows
    halo : int
        rows above and below that a band needs
    """
    height, width = pixels.shape
    if pixels.size <= PIXELS_AT_ONCE:
        pixels[:] = function(pixels)
        return
    rows = max(4 * halo, PIXELS_AT_ONCE // width)
    above = pixels[:0].copy()
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = np.concatenate([above, pixels[top : min(bottom + halo, height)]])
        above_next = pixels[max(0, bottom - halo) : bottom].copy()
        pixels[top:bottom] = function(band)[len(above) : len(above) + bottom - top]
        above = above_next
