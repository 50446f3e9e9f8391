"""NIQE, a distance from the statistics of good images, with statistics of clean thermal ones.

The published NIQE knows photographs. The statistics here are of clean thermal images (the training folders of RoadScene,
HIT-UAV and LLVIP), and the measure is named after that; `--measure niqe` is the published one, by pyiqa.

References
----------
A. Mittal, R. Soundararajan, A. C. Bovik, Making a "completely blind" image quality analyzer, IEEE SPL 20 (2013).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma

from thermend.metrics.fidelity import grey_levels

PATCH = 96
FEATURES = 36
STATISTICS = Path(__file__).with_name("naturalness.npz")
"""Mean, (36,), and covariance, (36, 36); `benchmarks/naturalness.py` makes it."""
SHARP = 0.75
"""Of an image's sharpest patch; what is as sharp counts for the statistics."""

_SHAPES = np.arange(0.2, 10.0, 0.001)
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
"""(E|x|)² / E x² of a generalised Gaussian of each shape; rises with it."""


def niqe_thermal(image: ArrayLike) -> float | None:
    """How far an image's local statistics are from those of clean thermal images; 0 is alike, higher is worse.

    Parameters
    ----------
    image : (H, W)
        grey levels of 255

    Returns
    -------
    None for an image of less than two patches of 96 × 96 pixels, which have no covariance
    """
    features = patch_features(image)[0]
    if len(features) < 2:
        return None
    mean, covariance = _statistics()
    own = np.cov(features, rowvar=False)
    away = features.mean(0) - mean
    return float(np.sqrt(away @ np.linalg.pinv((covariance + own) / 2) @ away))


def fit(images: Iterable[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the features of the sharp patches of good images."""
    found = []
    for image in images:
        features, sharpness = patch_features(image)
        found.append(features[sharpness > SHARP * sharpness.max()] if len(features) else features)
    together = np.concatenate(found)
    return together.mean(0), np.cov(together, rowvar=False)


def patch_features(image: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each patch that fits: 18 features at each of two scales, (N, 36), and the mean local deviation, (N,)."""
    levels = grey_levels(image).astype(np.float32)
    height, width = (side // PATCH * PATCH for side in levels.shape)
    if not height or not width:
        return np.empty((0, FEATURES)), np.empty(0)
    levels = levels[:height, :width]
    half = cv2.resize(levels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    scales = []
    sharpness = np.empty(0)
    for pixels, side in ((levels, PATCH), (half, PATCH // 2)):
        normalised, deviation = _normalised(pixels)
        scales.append([_features(patch) for patch in _patches(normalised, side)])
        if side == PATCH:
            sharpness = np.array([patch.mean() for patch in _patches(deviation, side)])
    return np.hstack(scales), sharpness


def _normalised(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Less the local mean, by the local deviation (and 1); and that deviation."""
    mean = cv2.GaussianBlur(pixels, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
    square = cv2.GaussianBlur(pixels * pixels, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return (pixels - mean) / (deviation + 1), deviation


def _patches(pixels: NDArray[np.float32], side: int) -> list[NDArray[np.float32]]:
    rows, columns = (range(0, n - side + 1, side) for n in pixels.shape)
    return [pixels[top : top + side, left : left + side] for top in rows for left in columns]


def _features(patch: NDArray[np.float32]) -> list[float]:
    """Shape and spread of the values, and of the products of neighbours to the right, below and along both diagonals."""
    shape, left, right, _ = _asymmetric(patch)
    found = [shape, (left + right) / 2]
    for first, second in (
        (patch[:, :-1], patch[:, 1:]),
        (patch[:-1], patch[1:]),
        (patch[:-1, :-1], patch[1:, 1:]),
        (patch[:-1, 1:], patch[1:, :-1]),
    ):
        shape, left, right, mean = _asymmetric(first * second)
        found += [shape, mean, left, right]
    return found


def _asymmetric(values: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Of an asymmetric generalised Gaussian fitted by moments: shape, left and right scale, mean."""
    x = values.astype(np.float64).ravel()
    left, right = (float(np.sqrt(np.mean(part**2))) if part.size else 0.0 for part in (x[x < 0], x[x >= 0]))
    if left == 0 or right == 0:
        return float(_SHAPES[-1]), left, right, 0.0
    share = left / right
    ratio = np.mean(np.abs(x)) ** 2 / np.mean(x**2) * (share**3 + 1) * (share + 1) / (share**2 + 1) ** 2
    shape = float(_SHAPES[np.abs(_RATIOS - ratio).argmin()])
    scale = float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))
    mean = scale * (right - left) * float(gamma(2 / shape) / gamma(1 / shape))
    return shape, left * scale, right * scale, mean


@cache
def _statistics() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.load(STATISTICS, allow_pickle=False) as content:
        return content["mean"].astype(np.float64), content["covariance"].astype(np.float64)
