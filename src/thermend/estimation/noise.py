"""The standard deviation of the noise in one image."""

from __future__ import annotations

import numpy as np

from thermend.filters.smoothing import Image

_BLOCK = 16
_CROP = 2048  # px; a larger image is judged by nine crops


def noise_sigma(image: Image) -> float:
    """Standard deviation of white noise, in the image's unit; blind to column and row stripes.

    The diagonal second difference (x: 1 −2 1, y: 1 −2 1, sum of squares 36) vanishes on any sum of a column profile and a
    row profile and on smooth shading. Its mean square is taken over small blocks; the noise is what the quiet blocks
    have, since textured blocks only have more.

    References
    ----------
    J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996), for the mask. The low quantile over blocks follows
    X. Liu, M. Tanaka, M. Okutomi, Single-image noise level estimation for blind denoising, IEEE TIP 22 (2013).
    """
    height, width = image.shape
    if height < 3 or width < 3:
        return 0.0
    crops = [image]
    if height * width > 9 * _CROP**2 // 4:
        crops = [
            image[top : top + _CROP // 2, left : left + _CROP // 2]
            for top in np.linspace(0, max(0, height - _CROP // 2), 3).astype(int)
            for left in np.linspace(0, max(0, width - _CROP // 2), 3).astype(int)
        ]
    variances = np.concatenate([_block_variances(crop) for crop in crops])
    variances.sort()
    quiet = variances[: max(1, round(0.3 * len(variances)))]
    if len(variances) < 8:
        return float(np.sqrt(np.median(variances)))
    # For pure noise the quiet third's mean falls short of the variance by a known factor (blocks of 256 samples whose
    # mask responses are correlated count as about 95 independent ones).
    return float(np.sqrt(quiet.mean() / _QUIET_SHORTFALL))


_QUIET_SHORTFALL = 0.835


def _block_variances(image: Image) -> np.ndarray:
    response = image[:, 2:] - 2 * image[:, 1:-1] + image[:, :-2]
    response = response[2:] - 2 * response[1:-1] + response[:-2]
    rows, columns = (n // _BLOCK for n in response.shape)
    if rows * columns < 8:
        return np.atleast_1d(np.float64(np.median(np.abs(response)) / 0.6745) ** 2 / 36)
    blocks = response[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return np.asarray(np.einsum("aibj,aibj->ab", blocks, blocks, dtype=np.float64).ravel() / _BLOCK**2 / 36)
