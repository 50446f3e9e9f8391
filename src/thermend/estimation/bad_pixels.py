"""Dead and stuck pixels, clusters of them, and columns: found as what no lens could draw."""

from __future__ import annotations

import warnings
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.bands import bands
from thermend.estimation.medians import column_medians
from thermend.estimation.noise import noise_sigma
from thermend.filters.neighbours import neighbours
from thermend.filters.smoothing import Image, median3

_FOOTPRINT = 0.2
"""A point source spreads: a neighbour gets more than this share of its height. What stands out alone is a defect."""
_LARGEST = 3  # pixels along each side of a cluster
# Shares of a cluster's height: what is beside it may have, and may differ by
_CLUSTER_FOOTPRINT, _CLUSTER_UNEVEN = 0.15, 0.35
_LEAST_CLUSTER = 0.04  # of full range: ten grey levels
_LEAST_COLUMN = 0.03  # of full range; what is less is a stripe
_ROWS_AT_MOST = 1024  # to look for dead columns in
_LEAST_ROWS, _LEAST_ROWS_SHARE = 24, 0.2  # that a column has to share with its neighbours, where not all are valid
_ADJACENT = (1, 2)  # columns side by side that are looked for
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


def find_dead_clusters(image: Image, sigma: float | None = None, threshold: float = 12.0) -> NDArray[np.bool_]:
    """(H, W) bool, True at clusters of 1 × 2 to 3 × 3 pixels that are far above, or below, all that is around them.

    A lens spreads what it draws: around a small target the next pixels have a sixth and more of the height of its lowest.
    Around a cluster of defects they have what the scene has.

    Parameters
    ----------
    sigma, threshold : float
        as for :func:`find_dead_pixels`
    """
    dead = np.zeros(image.shape, np.bool_)
    if min(image.shape) < 2 * _LARGEST:
        return dead
    sigma = noise_sigma(image) if sigma is None else sigma
    floor = max(threshold * sigma, _LEAST_CLUSTER)
    above = image - cv2.medianBlur(np.ascontiguousarray(image), 5)
    highest = float(np.abs(above).max())
    for sign in (1, -1):
        level = floor
        while level < highest:  # beside an edge a cluster is seen by itself only where it is higher than that
            dead |= _clusters(sign * image, sign * above, np.float32(level))
            level *= 2
    return dead


def _clusters(image: Image, above: Image, level: np.float32) -> NDArray[np.bool_]:
    """Clusters that are at least so far above their surroundings."""
    labels, facts = cv2.connectedComponentsWithStats((above > level).astype(np.uint8), connectivity=8)[1:3]
    small = (facts[:, 2:4] <= _LARGEST).all(1) & (facts[:, 4] > 1)
    small[0] = False  # the background
    which = np.flatnonzero(small)
    if not len(which):
        return np.zeros(image.shape, np.bool_)
    # Windows of 7 × 7 that hold a cluster and two pixels around it
    line = np.arange(_LARGEST + 4) - 2
    ys, xs = facts[which, 1, None] + line, facts[which, 0, None] + line
    outside = (ys < 0) | (ys >= image.shape[0]), (xs < 0) | (xs >= image.shape[1])
    place = np.clip(ys, 0, image.shape[0] - 1)[:, :, None], np.clip(xs, 0, image.shape[1] - 1)[:, None, :]
    seen = ~(outside[0][:, :, None] | outside[1][:, None, :])
    values, own = image[place], (labels[place] == which[:, None, None]) & seen
    one, two = (_dilated(own, size) & seen for size in (3, 5))
    beside, beyond = (np.where(part, values, np.nan) for part in (one & ~own, two & ~one))
    usual = np.nanmedian(beyond, axis=(1, 2))
    height = np.where(own, values, np.inf).min(axis=(1, 2)) - usual
    lifted = np.nanmedian(beside, axis=(1, 2)) - usual
    uneven = np.nanmax(np.abs(beside - usual[:, None, None]), axis=(1, 2))
    found = (height > level) & (lifted < _CLUSTER_FOOTPRINT * height) & (uneven < _CLUSTER_UNEVEN * height)
    dead = np.zeros(len(facts), np.bool_)
    dead[which[found]] = True
    return dead[labels]


def _dilated(masks: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Each of (N, H, W)."""
    kernel = np.ones((size, size), np.uint8)
    return np.array([cv2.dilate(mask, kernel) for mask in masks.astype(np.uint8)]) > 0


def _stands_out(
    own: NDArray[np.float32], lowest: NDArray[np.float32], highest: NDArray[np.float32], floor: np.float32
) -> NDArray[np.bool_]:
    gap = own - highest
    return np.asarray((gap > floor) & (gap > 2 * (highest - lowest)) & (gap > (1 - _FOOTPRINT) * (own - lowest)))


def find_dead_columns(
    image: Image, threshold: float = 8.0, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """(W,) bool, True at columns, single or two side by side, that are stuck: above or below both neighbours nearly all along,
    by more than `threshold` times what columns usually differ, or without any of the scene in them.

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
        rows = np.where(valid[::step], rows, np.float32(np.nan))
    mean, std = (np.mean, np.std) if valid is None else (np.nanmean, np.nanstd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without a single valid pixel
        differences = column_medians(rows[:, 1:] - rows[:, :-1])
        usual = 1.4826 * float(np.nanmedian(np.abs(differences)))
        least = max(threshold * usual, _LEAST_COLUMN)
        dead = np.zeros(width, np.bool_)
        for count in _ADJACENT:
            before, after = differences[: len(differences) - count], differences[count:]
            possible = np.minimum(np.abs(before), np.abs(after)) > least  # of the medians; only those are looked at
            begins = _standing(rows, count, np.flatnonzero(possible | (valid is not None)), least, mean)
            for beside in range(count):
                dead[beside:] |= begins[: width - beside]
        variation = std(rows, axis=0)
        stuck = variation < 0.02 * float(np.nanmedian(variation))
    if valid is not None:
        stuck &= valid[::step].sum(0) >= _enough(len(rows))
    if 0 < stuck.mean() < 0.1:
        dead |= stuck
    return np.asarray(dead)


def _standing(rows: Image, count: int, places: NDArray[np.intp], least: float, mean: Any) -> NDArray[np.bool_]:
    """(W,) True at the first of so many columns side by side that stand out of both neighbours together; `places` are those
    of the columns before them that are looked at."""
    width = rows.shape[1]
    begins = np.zeros(width, np.bool_)
    if count > 1:
        places = places[
            (places > 0) & (places < width - count - 2)
        ]  # of others what is beside or beyond them is mirrored
    if not len(places):
        return begins
    rows = np.pad(rows, ((0, 0), (1, 1)), mode="reflect")
    farther, before, first = (rows[:, places + n] for n in range(3))
    last, after, beyond = (rows[:, places + n] for n in range(count + 1, count + 4))
    left, right = first - before, last - after
    nearer = np.where(np.abs(left) < np.abs(right), left, right)
    shared = np.isfinite(left) & np.isfinite(right) & np.isfinite(farther) & np.isfinite(beyond)
    nearer[np.sign(left) != np.sign(right)] = 0
    nearer[~shared] = np.nan
    level = column_medians(nearer)
    agreement = mean(np.where(shared, np.sign(nearer) == np.sign(level), np.nan), axis=0)
    height_above = column_medians(0.5 * (first + last) - 0.5 * (farther + beyond))
    found = (np.abs(level) > least) & (agreement > 0.8) & (np.abs(level) > (1 - _FOOTPRINT) * np.abs(height_above))
    begins[1 + places] = found & (shared.sum(0) >= min(len(rows), _enough(len(rows))))
    return begins


def _enough(rows: int) -> int:
    return max(_LEAST_ROWS, round(_LEAST_ROWS_SHARE * rows))


def find_defects(
    pixels: NDArray[np.float32], noise: float | None = None, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """(H, W) bool, True at dead pixels, single and in clusters; band by band.

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
    for band, inner in bands(pixels.shape, 2 * _LARGEST + 2):
        found = find_dead_pixels(pixels[band], noise) | find_dead_clusters(pixels[band], noise)
        dead[band][inner] = found[inner]
    return dead if valid is None else dead & valid
