"""Destriping by the medians of the differences of neighbouring columns."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.linalg import solveh_banded

from thermend.methods.classical.filters import Image

_CLIP = 3.0
_EDGES_ASIDE = 0.6  # edges along a column raise the estimate of the steps; best on training images
_BESIDE = 5  # columns; enough for one that is not clipped to be among them
_CLIPPED_AT_MOST = 0.5  # of the pixels; where more are, black or white is the scene
_ROWS_AT_MOST = 1024  # medians of more rows than this gain nothing


def neighbour_differences(image: Image) -> np.ndarray:
    """(W − 1,) medians over the rows of each column's difference to the one before it."""
    step = max(1, image.shape[0] // _ROWS_AT_MOST)
    rows = image[::step]
    return np.asarray(np.median(rows[:, 1:] - rows[:, :-1], axis=0), np.float64)


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


def column_offsets(image: Image) -> np.ndarray:
    """(W,) offsets of the columns, of mean 0, in the image's unit: the most probable ones given the median differences.

    Minimises Σ (d − Δs)² / σ_t² + Σ s² / σ_s², which passes fast changes from column to column to the stripes and leaves
    slow ones, across many columns, to the scene; the two spreads come from the image itself, so that an image without
    stripes keeps its columns.
    """
    width = image.shape[1]
    differences = neighbour_differences(image) if width > 1 else np.zeros(0)
    stripes, steps = stripe_statistics(differences)
    if stripes <= 0:
        return np.zeros(width)
    limit = 6 * np.sqrt(2 * stripes**2 + steps**2)  # an edge of the scene along a whole column is no stripe
    differences = np.clip(differences, -limit, limit)
    ratio = step_ratio(differences)
    diagonal = np.full(width, 2 + ratio)
    diagonal[[0, -1]] = 1 + ratio
    right = np.zeros(width)
    right[1:] += differences
    right[:-1] -= differences
    offsets = solveh_banded(np.stack([np.r_[0, -np.ones(width - 1)], diagonal]), right)
    return np.asarray(offsets - offsets.mean())


def remove_column_offsets(image: Image) -> Image:
    """Subtract :func:`column_offsets` from every row; what the stripes drove against black or white is made up for.

    A column's median difference to its neighbour is its offset against it, whatever edges cross less than half of the
    two columns; the principle of minimum-TV destriping reduced to one number a column (cf. Y. Tendero, S. Landeau,
    J. Gilles, IPOL 2012; M. Bouali, S. Ladjal, IEEE TGRS 49, 2011).
    """
    result = image - column_offsets(image).astype(np.float32)
    unclip(result, image)
    return result


def unclip(result: Image, image: Image) -> None:
    """Mend, in place, the pixels of a destriped image that the stripes had driven against black or white.

    Such a pixel was at least as bright (or dark) as its column could show. It takes that, or the mean of what columns
    beside it show which were not clipped there, whichever lies further out.

    Parameters
    ----------
    result : `image` without its stripes
    image : (H, W), 0 is black and 1 is white
    """
    for sign, clipped in ((1, image >= 1), (-1, image <= 0)):
        if not 0 < np.count_nonzero(clipped) < _CLIPPED_AT_MOST * clipped.size:
            continue
        seen = np.ascontiguousarray(~clipped, np.float32)
        size = (_BESIDE, 1)
        weight = cv2.blur(seen, size, borderType=cv2.BORDER_REFLECT)
        total = cv2.blur(np.ascontiguousarray(result) * seen, size, borderType=cv2.BORDER_REFLECT)
        beside = total / np.maximum(weight, np.float32(1e-6))
        known = clipped & (weight > 0.5 / _BESIDE)
        result[known] = sign * np.maximum(sign * result[known], sign * beside[known])
