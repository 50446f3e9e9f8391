"""Destriping by unidirectional total variation (UTV)."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from thermend.filters.smoothing import Image
from thermend.filters.total_variation import laplacian_eigenvalues, shrink, transposed_difference

SLOW = 12.0
"""Columns; what changes more slowly than this across the stripes is the scene's shading, which the functional would
flatten too (assumed: the paper's periodic stripes do not meet the question)."""


def remove_stripes(image: Image, weight: float = 0.2, iterations: int = 40, penalty: float = 16.0) -> Image:
    """Minimise ‖∂_y (u − f)‖₁ + weight ‖∂_x u‖₁: keep the differences along the stripes, smooth those across them.

    Solved by split Bregman; each step is a Poisson equation with free borders, solved by the cosine transform. The
    functional leaves the image's mean open; it is that of `image`.

    Parameters
    ----------
    weight : float
        of the variation across the stripes; below 1 the differences along them win
    penalty : float
        of the splitting, in units of 1 / full range

    References
    ----------
    M. Bouali, S. Ladjal, Toward optimal destriping of MODIS data using a unidirectional variational model, IEEE TGRS 49
    (2011), Eq. 13. Split Bregman: T. Goldstein, S. Osher, SIAM J. Imaging Sci. 2 (2009).
    """
    height, width = image.shape
    if width < 2 or height < 2:
        return image.copy()
    laplacian = laplacian_eigenvalues(height, width)
    laplacian[0, 0] = 1
    across = np.diff(image, axis=1)
    stripes = np.zeros_like(image)
    p = np.zeros((height - 1, width), np.float32)
    q = across.copy()
    p_error, q_error = np.zeros_like(p), np.zeros_like(q)
    for _ in range(iterations):
        # s-step: Δ s = ∂_yᵀ (p − b_p) + ∂_xᵀ (∂_x f − q + b_q), with u = f − s
        right = transposed_difference(p - p_error, 0) + transposed_difference(across - q + q_error, 1)
        spectrum = fft.dctn(right, norm="ortho") / laplacian
        spectrum[0, 0] = 0
        stripes = fft.idctn(spectrum, norm="ortho")
        along_stripes, across_result = np.diff(stripes, axis=0), across - np.diff(stripes, axis=1)
        p = shrink(along_stripes + p_error, 1 / penalty)
        p_error += along_stripes - p
        q = shrink(across_result + q_error, weight / penalty)
        q_error += across_result - q
    stripes -= gaussian_filter1d(stripes, SLOW, axis=1, mode="nearest")
    return np.asarray(image - stripes, np.float32)
