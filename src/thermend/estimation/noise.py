"""The standard deviation of the noise in one image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.filters.smoothing import Image

_BLOCK = 16
_CROP = 2048  # px; a larger image is judged by nine crops


def noise_sigma(image: Image, valid: NDArray[np.bool_] | None = None) -> float:
    """Standard deviation of white noise, in the image's unit; blind to column and row stripes.

    The diagonal second difference (x: 1 −2 1, y: 1 −2 1, sum of squares 36) vanishes on any sum of a column profile and a
    row profile and on smooth shading. Its mean square is taken over small blocks; the noise is what the quiet blocks
    have, since textured blocks only have more.

    Parameters
    ----------
    image : (H, W) float32
    valid : (H, W) bool or None
        pixels that were measured; None, all

    References
    ----------
    J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996), for the mask. The low quantile over blocks follows
    X. Liu, M. Tanaka, M. Okutomi, Single-image noise level estimation for blind denoising, IEEE TIP 22 (2013).
    """
    height, width = image.shape
    if height < 3 or width < 3:
        return 0.0
    crops = [np.s_[:, :]]
    if height * width > 9 * _CROP**2 // 4:
        crops = [
            np.s_[top : top + _CROP // 2, left : left + _CROP // 2]
            for top in np.linspace(0, max(0, height - _CROP // 2), 3).astype(int)
            for left in np.linspace(0, max(0, width - _CROP // 2), 3).astype(int)
        ]
    variances = np.concatenate(
        [_block_variances(image[crop], None if valid is None else valid[crop]) for crop in crops]
    )
    if not len(variances):
        return 0.0
    variances.sort()
    quiet = variances[: max(1, round(0.3 * len(variances)))]
    if len(variances) < 8:
        return float(np.sqrt(np.median(variances)))
    # For pure noise the quiet third's mean falls short of the variance by a known factor (blocks of 256 samples whose
    # mask responses are correlated count as about 95 independent ones).
    return float(np.sqrt(quiet.mean() / _QUIET_SHORTFALL))


_QUIET_SHORTFALL = 0.835


def _block_variances(image: Image, valid: NDArray[np.bool_] | None) -> np.ndarray:
    response = image[:, 2:] - 2 * image[:, 1:-1] + image[:, :-2]
    response = response[2:] - 2 * response[1:-1] + response[:-2]
    rows, columns = (n // _BLOCK for n in response.shape)
    seen = None if valid is None else cv2.erode(valid.astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    if rows * columns >= 8:
        cut = np.s_[: rows * _BLOCK, : columns * _BLOCK]
        blocks = response[cut].reshape(rows, _BLOCK, columns, _BLOCK)
        found = np.einsum("aibj,aibj->ab", blocks, blocks, dtype=np.float64).ravel() / _BLOCK**2 / 36
        if seen is None:
            return np.asarray(found)
        whole = seen[cut].reshape(rows, _BLOCK, columns, _BLOCK).all(axis=(1, 3)).ravel()
        if whole.sum() >= 8:
            return np.asarray(found[whole])
    response = response.ravel() if seen is None else response[seen]
    return np.atleast_1d(np.float64(np.median(np.abs(response)) / 0.6745) ** 2 / 36) if response.size else np.zeros(0)
