"""Dead and stuck pixels and columns: found as what no lens could draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands
from thermend.estimation.noise import noise_sigma
from thermend.filters.neighbours import neighbours
from thermend.filters.smoothing import Image, median3

_FOOTPRINT = 0.2
"""A point source spreads: a neighbour gets more than this share of its height. What stands out alone is a defect."""
_LEAST_COLUMN = 0.03  # of full range; what is less is a stripe
_ROWS_AT_MOST = 1024  # to look for dead columns in
_LEAST_ROWS, _LEAST_ROWS_SHARE = 24, 0.2  # that a column has to share with its neighbours, where not all are valid
_LEAST_GAP = 0.012  # of full range: three grey levels


def find_dead_pixels(image: Image, sigma: float | None = None, threshold: float = 6.0) -> NDArray[np.bool_]:
    """(H, W) bool, True at pixels that stand out alone from all around them, or beside another such pixel of another height.

    A pixel stands out where the gap to the highest of its neighbours is more than `threshold` times the noise, more than
    twice the spread of the neighbours, and nearly its whole height above the lowest: a small hot target, seen through a
    lens, always lifts its neighbours too. Two alike side by side are left alone: they may be a target.

    Parameters
    ----------
    sigma : float or None
        standard deviation of the noise, in the image's unit; estimated if None
    """
    height, width = image.shape
    dead = np.zeros(image.shape, np.bool_)
    if min(height, width) < 3:
        return dead
    sigma = noise_sigma(image) if sigma is None else sigma
    floor = np.float32(max(threshold * sigma, _LEAST_GAP))
    ys, xs = np.nonzero(np.abs(image - median3(image)) > floor)
    if not len(ys):
        return dead
    own, around = image[ys, xs], neighbours(image, ys, xs)
    for sign in (1, -1):
        ordered = np.sort(sign * around, axis=1)
        single = _stands_out(sign * own, ordered[:, 0], ordered[:, -1], floor)
        dead[ys[single], xs[single]] = True
        # The highest neighbour may be dead itself: then it stands out as well, this one disregarded, and by another height.
        paired = _stands_out(sign * own, ordered[:, 0], ordered[:, -2], floor)
        beside = np.zeros(image.shape, np.bool_)
        beside[ys[paired], xs[paired]] = True
        highest = neighbours(beside, ys, xs)[np.arange(len(ys)), np.argmax(sign * around, axis=1)]
        height_own, height_other = sign * own - ordered[:, 0], ordered[:, -1] - ordered[:, 0]
        unlike = np.abs(height_own - height_other) > _FOOTPRINT * np.maximum(height_own, height_other)
        second = paired & highest & unlike
        dead[ys[second], xs[second]] = True
    return dead


def _stands_out(
    own: NDArray[np.float32], lowest: NDArray[np.float32], highest: NDArray[np.float32], floor: np.float32
) -> NDArray[np.bool_]:
    gap = own - highest
    return np.asarray((gap > floor) & (gap > 2 * (highest - lowest)) & (gap > (1 - _FOOTPRINT) * (own - lowest)))


def find_dead_columns(
    image: Image, threshold: float = 8.0, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """(W,) bool, True at single columns that are stuck: above or below both neighbours nearly all along, by more than
    `threshold` times what columns usually differ, or without any of the scene in them.

    As with pixels, what lifts its neighbours is a line that the lens drew, a cable or a mast, and no defect.

    Parameters
    ----------
    image : (H, W) float32
    threshold : float
    valid : (H, W) bool or None
        pixels that were measured; None, all
    """
    height, width = image.shape
    if width < 5 or height < 8:
        return np.zeros(width, np.bool_)
    step = -(-height // _ROWS_AT_MOST)
    rows = image[::step]
    if valid is not None:
        return _dead_among_valid(rows, valid[::step], threshold)
    left = np.pad(rows[:, 1:] - rows[:, :-1], ((0, 0), (1, 0)), mode="edge")
    right = np.pad(rows[:, :-1] - rows[:, 1:], ((0, 0), (0, 1)), mode="edge")
    nearer = np.where(np.abs(left) < np.abs(right), left, right)
    nearer[np.sign(left) != np.sign(right)] = 0
    level = np.median(nearer, axis=0)
    usual_step = 1.4826 * float(np.median(np.abs(np.median(rows[:, 1:] - rows[:, :-1], axis=0))))
    agreement = np.mean(np.sign(nearer) == np.sign(level), axis=0)
    dead = (np.abs(level) > max(threshold * usual_step, _LEAST_COLUMN)) & (agreement > 0.8)
    beyond = np.pad(rows, ((0, 0), (2, 2)), mode="reflect")
    height_above = np.median(rows - 0.5 * (beyond[:, :-4] + beyond[:, 4:]), axis=0)
    dead &= np.abs(level) > (1 - _FOOTPRINT) * np.abs(height_above)
    dead[[0, -1]] = False
    variation = rows.std(axis=0)
    stuck = variation < 0.02 * float(np.median(variation))
    if 0 < stuck.mean() < 0.1:
        dead |= stuck
    return np.asarray(dead)


def _dead_among_valid(rows: Image, valid: NDArray[np.bool_], threshold: float) -> NDArray[np.bool_]:
    """As :func:`find_dead_columns`, piece by piece of neighbouring columns that share enough rows: of those rows alone."""
    width = rows.shape[1]
    dead = np.zeros(width, np.bool_)
    whole = np.zeros_like(valid)
    whole[:, 2:-2] = valid[:, 2:-2] & valid[:, 1:-3] & valid[:, :-4] & valid[:, 3:-1] & valid[:, 4:]
    shared = valid[:, 1:] & valid[:, :-1]
    steps = [np.median((rows[:, n + 1] - rows[:, n])[shared[:, n]]) for n in range(width - 1) if shared[:, n].any()]
    usual = 1.4826 * float(np.median(np.abs(steps))) if steps else 0.0
    enough = max(_LEAST_ROWS, round(_LEAST_ROWS_SHARE * len(rows)))
    for column in np.flatnonzero(whole.sum(0) >= enough):
        part = rows[whole[:, column], column - 2 : column + 3]
        left, right = part[:, 2] - part[:, 1], part[:, 2] - part[:, 3]
        nearer = np.where(np.abs(left) < np.abs(right), left, right)
        nearer[np.sign(left) != np.sign(right)] = 0
        level = float(np.median(nearer))
        high = abs(level) > max(threshold * usual, _LEAST_COLUMN) and np.mean(np.sign(nearer) == np.sign(level)) > 0.8
        above = float(np.median(part[:, 2] - 0.5 * (part[:, 0] + part[:, 4])))
        beside = float(np.median(part[:, [0, 1, 3, 4]].std(axis=0)))
        stuck = float(part[:, 2].std()) < 0.02 * beside
        dead[column] = (high and abs(level) > (1 - _FOOTPRINT) * abs(above)) or stuck
    return dead


def find_defects(
    pixels: NDArray[np.float32], noise: float | None = None, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """(H, W) bool, True at single dead pixels; band by band.

    Parameters
    ----------
    pixels : (H, W) float32
    noise : float or None
        standard deviation of the noise, in the image's unit; estimated if None
    valid : (H, W) bool or None
        pixels that were measured; None, all
    """
    noise = noise_sigma(pixels, valid) if noise is None else noise
    dead = np.zeros(pixels.shape, np.bool_)
    for band, inner in bands(pixels.shape, 4):
        dead[band][inner] = find_dead_pixels(pixels[band], noise)[inner]
    return dead if valid is None else dead & valid
