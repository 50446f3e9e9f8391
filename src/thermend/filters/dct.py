"""Denoising by thresholded sliding-window DCT."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from scipy.fft import dct

from thermend.filters.smoothing import Image

_SIDE = 8
_WORTH_THREADS = 100_000  # pixels; fewer are done before threads have begun
_TOGETHER = 16  # patches; BLAS begins threads at four times that
_ROWS_AT_ONCE = 96  # bounds the memory: 64 coefficients a patch


def denoise_dct(image: Image, sigma: float, threshold: float = 2.7, step: int = 2) -> Image:
    """Hard-threshold the DCT of every 8 x 8 patch (of every `step`-th one each way) and average the patches.

    Parameters
    ----------
    sigma : float
        standard deviation of the noise, in the image's unit
    threshold : float
        in units of sigma; a patch's mean is never touched
    step : int
        distance of the patches, pixels: 1, 2 or 4

    References
    ----------
    G. Yu, G. Sapiro, DCT image denoising: a simple and effective image denoising algorithm, IPOL 1 (2011). Patches are
    weighted by the inverse of their number of kept coefficients: O. G. Guleryuz, IEEE TIP 16 (2007).
    """
    if sigma <= 0 or min(image.shape) < 2:
        return image.copy()
    height, width = image.shape
    transform = np.kron(*(2 * [dct(np.eye(_SIDE), axis=0, norm="ortho")])).astype(np.float32)
    padded = cv2.copyMakeBorder(
        image, _SIDE, _SIDE + (-height) % step, _SIDE, _SIDE + (-width) % step, cv2.BORDER_REFLECT
    )
    result = np.empty_like(image)

    def strip(top: int) -> None:
        rows = min(_ROWS_AT_ONCE, height - top)
        band = padded[top : top + rows + 2 * _SIDE + (-rows) % step]
        smooth = _denoise_band(band, transform, threshold * sigma, step)
        result[top : top + rows] = smooth[_SIDE : _SIDE + rows, _SIDE : _SIDE + width]

    tops = range(0, height, _ROWS_AT_ONCE)
    workers = min(len(tops), cv2.getNumThreads(), os.cpu_count() or 1) if image.size > _WORTH_THREADS else 1
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(strip, tops))
    else:
        for top in tops:
            strip(top)
    return result


def _times(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The product, a few rows at a time, too little for BLAS to share out: with other threads it adds in another order, and a
    coefficient at the threshold is kept with the one and not with the other."""
    whole = len(rows) // _TOGETHER * _TOGETHER
    result = np.empty_like(rows)
    blocks = (-1, _TOGETHER, rows.shape[1])
    np.matmul(rows[:whole].reshape(blocks), matrix, out=result[:whole].reshape(blocks))
    np.matmul(rows[whole:], matrix, out=result[whole:])
    return result


def _denoise_band(band: Image, transform: np.ndarray, cut: float, step: int) -> Image:
    windows = np.lib.stride_tricks.sliding_window_view(band, (_SIDE, _SIDE))[::step, ::step]
    down, across = windows.shape[:2]
    coefficients = _times(windows.reshape(-1, _SIDE * _SIDE), transform.T)
    kept = np.abs(coefficients) > cut
    kept[:, 0] = True
    weight = 1 / kept.sum(1, dtype=np.float32)
    coefficients *= kept
    patches = (_times(coefficients, transform) * weight[:, None]).reshape(down, across, _SIDE, _SIDE)
    weight = weight.reshape(down, across)
    total = np.zeros(band.shape, np.float32)
    weights = np.zeros(band.shape, np.float32)
    for y in range(_SIDE):
        for x in range(_SIDE):
            place = np.s_[y : y + down * step : step, x : x + across * step : step]
            total[place] += patches[:, :, y, x]
            weights[place] += weight
    return total / np.maximum(weights, np.float32(1e-12))
