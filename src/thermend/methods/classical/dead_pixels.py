"""Dead and stuck pixels and columns: found as what no lens could draw, replaced from their surroundings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.methods.classical.filters import Image, median3
from thermend.methods.classical.noise_level import noise_sigma

_FOOTPRINT = 0.2
"""A point source spreads: a neighbour gets more than this share of its height. What stands out alone is a defect."""
_LEAST_COLUMN = 0.03  # of full range; what is less is a stripe
_ROWS_AT_MOST = 1024  # to look for dead columns in
_LEAST_GAP = 0.012  # of full range: three grey levels


def find_dead_pixels(image: Image, sigma: float | None = None, threshold: float = 6.0) -> NDArray[np.bool_]:
    """(H, W) bool, True at pixels that stand out alone, or with one neighbour, from all around them.

    A pixel is dead where the gap to the second of its neighbours (the first may be dead too) is more than `threshold`
    times the noise, more than twice the spread of the other neighbours, and nearly its whole height above the lowest:
    a small hot target, seen through a lens, always lifts its neighbours too.

    Parameters
    ----------
    sigma : standard deviation of the noise, in the image's unit; estimated if None
    """
    height, width = image.shape
    if min(height, width) < 3:
        return np.zeros(image.shape, np.bool_)
    sigma = noise_sigma(image) if sigma is None else sigma
    floor = np.float32(max(threshold * sigma, _LEAST_GAP))
    departure = np.abs(image - median3(image)) > floor
    ys, xs = np.nonzero(departure)
    dead = np.zeros(image.shape, np.bool_)
    if not len(ys):
        return dead
    padded = np.pad(image, 1, mode="reflect")
    offsets = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    around = np.sort(np.stack([padded[ys + y, xs + x] for y, x in offsets], 1), axis=1)
    own = image[ys, xs]
    for sign in (1, -1):
        ordered = around if sign > 0 else -around[:, ::-1]
        gap = sign * own - ordered[:, -2]
        spread = ordered[:, -2] - ordered[:, 0]
        alone = (gap > floor) & (gap > 2 * spread) & (gap > (1 - _FOOTPRINT) * (sign * own - ordered[:, 0]))
        dead[ys[alone], xs[alone]] = True
    return dead


def find_dead_columns(image: Image, threshold: float = 8.0) -> NDArray[np.bool_]:
    """(W,) bool, True at single columns that are stuck: above or below both neighbours nearly all along, by more than
    `threshold` times what columns usually differ, or without any of the scene in them.
    """
    height, width = image.shape
    if width < 5 or height < 8:
        return np.zeros(width, np.bool_)
    rows = image[:: -(-height // _ROWS_AT_MOST)]
    left = np.pad(rows[:, 1:] - rows[:, :-1], ((0, 0), (1, 0)), mode="edge")
    right = np.pad(rows[:, :-1] - rows[:, 1:], ((0, 0), (0, 1)), mode="edge")
    nearer = np.where(np.abs(left) < np.abs(right), left, right)
    nearer[np.sign(left) != np.sign(right)] = 0
    level = np.median(nearer, axis=0)
    usual_step = 1.4826 * float(np.median(np.abs(np.median(rows[:, 1:] - rows[:, :-1], axis=0))))
    agreement = np.mean(np.sign(nearer) == np.sign(level), axis=0)
    dead = (np.abs(level) > max(threshold * usual_step, _LEAST_COLUMN)) & (agreement > 0.8)
    dead[[0, -1]] = False
    variation = rows.std(axis=0)
    stuck = variation < 0.02 * float(np.median(variation))
    if 0 < stuck.mean() < 0.1:
        dead |= stuck
    return np.asarray(dead)


def replace_dead_pixels(image: Image, dead: NDArray[np.bool_] | None = None) -> Image:
    """Replace dead pixels by the median of their living neighbours (5 x 5, or inpainting where none lives)."""
    dead = find_dead_pixels(image) if dead is None else dead
    if not dead.any():
        return image.copy()
    mended = image.copy()
    ys, xs = np.nonzero(dead)
    padded = np.pad(np.where(dead, np.float32(np.nan), image), 1, mode="edge")
    neighbours = np.stack([padded[ys + y, xs + x] for y in range(3) for x in range(3)], 1)
    alive = ~np.isnan(neighbours).all(1)
    mended[ys[alive], xs[alive]] = np.nanmedian(neighbours[alive], axis=1)
    if not alive.all():
        left = np.zeros(image.shape, np.uint8)
        left[ys[~alive], xs[~alive]] = 1
        mended = cv2.inpaint(mended, left, 3, cv2.INPAINT_TELEA)
    return mended


def replace_dead_columns(image: Image, dead: NDArray[np.bool_] | None = None) -> Image:
    """Replace dead columns by straight lines between their living neighbours."""
    dead = find_dead_columns(image) if dead is None else dead
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
