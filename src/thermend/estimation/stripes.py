"""Stripes: their strength, the way they run, and the offset of each column."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from thermend.estimation.medians import column_medians
from thermend.filters.smoothing import Image

Direction = Literal["columns", "rows", "none"]

_LEAST_STRIPES = 0.25  # grey levels; weaker ones are not told from the scene

_CLIP = 3.0
_EDGES_ASIDE = 0.6  # edges along a column raise the estimate of the steps; best on training images
_LEAST_SHARED, _LEAST_SHARE = 8, 0.02  # rows that two columns have to share, and as a share of all
_ROWS_AT_MOST = 1024  # medians of more rows than this gain nothing


def neighbour_differences(image: Image, valid: NDArray[np.bool_] | None = None) -> np.ndarray:
    """(W − 1,) medians over the rows of each column's difference to the one before it.

    Parameters
    ----------
    image : (H, W) float32
    valid : (H, W) bool or None
        pixels that were measured; None, all. Where two columns share too few of them the difference is NaN, unknown
    """
    step = max(1, image.shape[0] // _ROWS_AT_MOST)
    rows = image[::step]
    if valid is not None:
        both = valid[::step, 1:] & valid[::step, :-1]
        known = both.sum(0) >= max(_LEAST_SHARED, round(_LEAST_SHARE * len(rows)))
        found = np.full(image.shape[1] - 1, np.nan)
        difference = np.where(both, rows[:, 1:] - rows[:, :-1], np.float32(np.nan))[:, known]
        if known.any():
            found[known] = column_medians(difference)
        return found
    return np.asarray(column_medians(rows[:, 1:] - rows[:, :-1]), np.float64)


def stripe_statistics(differences: np.ndarray) -> tuple[float, float]:
    """Standard deviations of the stripes and of the scene's own steps from column to column.

    Offsets s that are independent from column to column give differences d = Δs + t with variance 2 σ_s² + σ_t² and
    neighbouring differences the covariance −σ_s²; both are taken of differences clipped at three robust deviations,
    beyond which edges of the scene lie.
    """
    if len(differences) < 8:
        return 0.0, 1.0
    centred = differences - np.median(differences)
    limit = _CLIP * max(1.4826 * float(np.median(np.abs(centred))), 1e-7)
    clipped = np.clip(centred, -limit, limit)
    variance = float(np.mean(clipped**2))
    covariance = float(np.mean(clipped[1:] * clipped[:-1]))
    stripes = max(0.0, -covariance)
    return float(np.sqrt(stripes)), float(np.sqrt(max(variance - 2 * stripes, 1e-2 * variance, 1e-14)))


def step_ratio(differences: np.ndarray) -> float:
    """σ_t² / σ_s², the scene's steps against the stripes, by maximum likelihood in the frequency domain.

    Stripes give the differences a spectrum that rises as 4 sin²(πf), the scene's steps a flat one; the lowest frequencies,
    where nothing of the stripes is left, tell how strong the latter is, far better than the difference of two variances.

    References
    ----------
    P. Whittle, Estimation and information in stationary time series, Arkiv för Matematik 2 (1953).
    """
    centred = differences - np.median(differences)
    limit = _CLIP * max(1.4826 * float(np.median(np.abs(centred))), 1e-7)
    clipped = np.clip(centred, -limit, limit)
    power = np.abs(np.fft.rfft(clipped - clipped.mean()))[1:] ** 2
    frequencies = np.arange(1, len(power) + 1) / len(differences)
    stripes = 4 * np.sin(np.pi * frequencies) ** 2
    ratios = 10.0 ** np.arange(-5, 1.01, 0.25)
    shapes = stripes + ratios[:, None]
    costs = len(power) * np.log(np.mean(power / shapes, axis=1) + 1e-30) + np.log(shapes).sum(1)
    return _EDGES_ASIDE * float(ratios[np.argmin(costs)])


def column_offsets(image: Image, differences: np.ndarray | None = None) -> np.ndarray:
    """(W,) offsets of the columns, of mean 0, in the image's unit: the most probable ones given the median differences.

    Minimises Σ (d − Δs)² / σ_t² + Σ s² / σ_s², which passes fast changes from column to column to the stripes and leaves
    slow ones, across many columns, to the scene; the two spreads come from the image itself, so that an image without
    stripes keeps its columns.

    Parameters
    ----------
    image : (H, W) float32
    differences : (W − 1,) float64 or None
        what :func:`neighbour_differences` gives of the image, where it is known already
    """
    width = image.shape[1]
    if differences is None:
        differences = neighbour_differences(image) if width > 1 else np.zeros(0)
    known = np.isfinite(differences)
    stripes, steps = stripe_statistics(differences[known])
    if stripes <= 0:
        return np.zeros(width)
    limit = 6 * np.sqrt(2 * stripes**2 + steps**2)  # an edge of the scene along a whole column is no stripe
    differences = np.clip(np.where(known, differences, 0), -limit, limit)
    ratio = step_ratio(differences[known])
    weight = known.astype(np.float64)  # what is not known ties no two columns together
    diagonal = ratio + np.r_[0, weight] + np.r_[weight, 0]
    right = np.zeros(width)
    right[1:] += differences
    right[:-1] -= differences
    offsets = solveh_banded(np.stack([np.r_[0, -weight], diagonal]), right)
    tied = np.r_[False, known] | np.r_[known, False]
    return np.asarray(np.where(tied, offsets - offsets[tied].mean(), 0))


class Stripes(NamedTuple):
    """The stripes of one image.

    Attributes
    ----------
    direction : str
        the way the stronger ones run: ``columns``, ``rows`` or ``none``
    sigma : float
        standard deviation of their offsets, in the image's unit
    crossing : float
        the same of weaker stripes at right angles to those
    """

    direction: Direction
    sigma: float
    crossing: float


def stripes_of(columns: np.ndarray, rows: np.ndarray, shape: tuple[int, int], noise: float) -> Stripes:
    """How strong stripes are, and which way they run.

    Parameters
    ----------
    columns, rows : (W − 1,)
        and (H − 1,) float64 what :func:`neighbour_differences` gives of the image, and of the image turned
    shape : tuple of int
        the image's height and width; of one that holds less, the rows that a column has, and the columns that a row has
    noise : float
        standard deviation of the image's noise, in its unit
    """
    found: dict[Direction, float] = {}
    ways: tuple[tuple[Direction, np.ndarray, int], ...] = (("columns", columns, shape[0]), ("rows", rows, shape[1]))
    for direction, differences, length in ways:
        if min(shape) > 8:
            sigma, steps = stripe_statistics(differences[np.isfinite(differences)])
            # The medians carry noise too, and look like stripes of this strength.
            by_noise = 1.05 * noise**2 / min(length, _ROWS_AT_MOST)
            sigma = float(np.sqrt(max(0.0, sigma**2 - by_noise)))
            found[direction] = sigma if sigma > 0.25 * steps else 0.0
    best = max(found, key=lambda d: found[d], default=None)
    if best is None or 255 * found[best] < _LEAST_STRIPES:
        return Stripes("none", 0.0, 0.0)
    weaker = min(found.values()) if len(found) > 1 else 0.0
    return Stripes(best, found[best], weaker if 255 * weaker >= _LEAST_STRIPES else 0.0)
