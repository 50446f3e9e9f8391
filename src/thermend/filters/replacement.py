"""Bad pixels and columns replaced from their surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermend.filters.inpainting import inpaint
from thermend.filters.neighbours import neighbours
from thermend.filters.smoothing import Image


def replace_pixels(image: Image, dead: NDArray[np.bool_]) -> Image:
    """Replace dead pixels by the median of their living neighbours (3 x 3, or inpainting where none lives)."""
    if not dead.any():
        return image.copy()
    mended = image.copy()
    ys, xs = np.nonzero(dead)
    if min(image.shape) > 1:
        around = neighbours(image, ys, xs).astype(np.float32)
        around[neighbours(dead, ys, xs)] = np.nan
        alive = ~np.isnan(around).all(1)
        mended[ys[alive], xs[alive]] = np.nanmedian(around[alive], axis=1)
    else:
        alive = np.zeros(len(ys), np.bool_)
    if not alive.all():
        hole = np.zeros(image.shape, np.bool_)
        hole[ys[~alive], xs[~alive]] = True
        mended = inpaint(mended, hole)
    return mended


def replace_columns(image: Image, dead: NDArray[np.bool_]) -> Image:
    """Replace dead columns by straight lines between their living neighbours."""
    if not dead.any() or dead.all():
        return image.copy()
    mended = image.copy()
    alive = np.flatnonzero(~dead)
    for column in np.flatnonzero(dead):
        right = int(np.searchsorted(alive, column))
        a = alive[max(right - 1, 0)]
        b = alive[min(right, len(alive) - 1)]
        share = 0.5 if a == b else (column - a) / (b - a)
        mended[:, column] = (1 - share) * image[:, a] + share * image[:, b]
    return mended
