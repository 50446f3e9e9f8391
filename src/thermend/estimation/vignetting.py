"""Optical non-uniformity in one image, as far as it can be told from the scene."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.smoothing import Image

_CELLS = 40  # along the longer side
_ITERATIONS = 30
_LEAST_SEEN = 0.1  # of the cells; of fewer nothing is told


def fit_surface(image: Image, order: int = 4, valid: NDArray[np.bool_] | None = None) -> Image:
    """The smooth surface, of mean 0, whose slope most of the image shares.

    The image is reduced to about 40 cells along its longer side. Polynomial coefficients of the given order minimise the
    sum of |difference of neighbouring cells − difference of the surface| (least absolute deviations by reweighting), so
    that edges of the scene, however strong, weigh no more than any other place.

    Parameters
    ----------
    order : int
        highest total degree of the polynomial in x and y
    valid : (H, W) bool or None
        pixels that were measured; None, all. Cells that others are part of are not fitted

    References
    ----------
    Bias-field estimation from gradients: Y. Zheng et al., Estimation of image bias field with sparsity constraints, CVPR
    2010; cf. Y. Zheng, M. Grossman, S. Awate, J. Gee, MICCAI 2009.
    """
    height, width = image.shape
    cell = max(1, round(max(height, width) / _CELLS))
    small = cv2.resize(image, (max(1, width // cell), max(1, height // cell)), interpolation=cv2.INTER_AREA)
    if min(small.shape) < 4:
        return np.zeros_like(image)
    seen = None if valid is None else _whole_cells(valid, small.shape)
    if seen is not None and seen.mean() < _LEAST_SEEN:
        return np.zeros_like(image)
    coefficients = _fit_slopes(small.astype(np.float64), order, seen)
    surface = _evaluate(height, width, coefficients, order)
    surface -= surface.mean()
    return surface


def _powers(order: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i) if i + j > 0]


def _basis(height: int, width: int, order: int) -> np.ndarray:
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[None]
    return np.stack([(y**i) * (x**j) for i, j in _powers(order)], -1)


def _evaluate(height: int, width: int, coefficients: np.ndarray, order: int) -> Image:
    """The polynomial at every pixel, row by row, so that no basis of the image's size is held."""
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    matrix = np.zeros((order + 1, order + 1))
    for (i, j), value in zip(_powers(order), coefficients):
        matrix[i, j] = value
    vertical = np.vander(y, order + 1, increasing=True) @ matrix
    horizontal = np.vander(x, order + 1, increasing=True).T
    return np.asarray(vertical.astype(np.float32) @ horizontal.astype(np.float32))


def _whole_cells(valid: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which cells hold valid pixels alone."""
    return np.asarray(cv2.resize(valid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) > 0.999)


def _both(seen: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Of which neighbouring cells both are seen."""
    return np.asarray(seen[1:] & seen[:-1] if axis == 0 else seen[:, 1:] & seen[:, :-1])


def _fit_slopes(small: np.ndarray, order: int, seen: NDArray[np.bool_] | None = None) -> np.ndarray:
    basis = _basis(small.shape[0], small.shape[1], order)
    design = np.concatenate([np.diff(basis, axis=a).reshape(-1, basis.shape[-1]) for a in (0, 1)])
    target = np.concatenate([np.diff(small, axis=a).ravel() for a in (0, 1)])
    if seen is not None:
        kept = np.concatenate([_both(seen, axis).ravel() for axis in (0, 1)])
        design, target = design[kept], target[kept]
    floor = max(1e-6, 0.05 * float(np.median(np.abs(target))))
    weights = np.ones_like(target)
    ridge = 1e-6 * np.eye(design.shape[1])
    coefficients = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        weighted = design * weights[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ target)
        weights = 1 / np.maximum(np.abs(target - design @ coefficients), floor)
        weights /= weights.mean()
    return coefficients


def vignetting_surface(image: Image, valid: NDArray[np.bool_] | None = None) -> tuple[Image, float]:
    """The part of a smooth surface that varies along the rows, and how much of the image's own variation it explains.

    Scenes are shaded from top to bottom (sky, road, floor) as strongly as any lens shades them, but seldom from side to
    side. Only the latter part of the surface that most of the image shares is therefore taken for the camera's.

    Returns
    -------
    (H, W) float32 of mean 0 in every row, and the share, 0 to 1, by which subtracting it lowers the sum of the absolute
    differences between cells side by side
    """
    surface = fit_surface(image, valid=valid)
    surface -= surface.mean(axis=1, keepdims=True)
    height, width = image.shape
    cell = max(1, round(max(height, width) / _CELLS))
    size = (max(1, width // cell), max(1, height // cell))
    cells = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(surface, size, interpolation=cv2.INTER_AREA)
    counted = True if valid is None else _both(_whole_cells(valid, cells.shape), 1)
    before = float(np.abs(np.diff(cells, axis=1)).sum(where=counted))
    after = float(np.abs(np.diff(cells - smooth, axis=1)).sum(where=counted))
    return surface, 0.0 if before <= 0 else max(0.0, 1 - after / before)


def overview(pixels: NDArray[Any], side: int = 1024) -> NDArray[Any]:
    """A large image reduced, for what is smooth anyway; of a mask what lies within it altogether."""
    share = side / max(pixels.shape)
    if share >= 1:
        return pixels
    height, width = (max(1, round(n * share)) for n in pixels.shape)
    if pixels.dtype == np.bool_:
        return _whole_cells(pixels, (height, width))
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
