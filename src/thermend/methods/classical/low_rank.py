"""Destriping by low-rank decomposition (LRSID)."""

from __future__ import annotations

import numpy as np
from scipy import fft

from thermend.filters.smoothing import Image
from thermend.filters.total_variation import laplacian_eigenvalues, shrink, transposed_difference


def remove_stripes(
    image: Image, smoothness: float = 0.02, rank_weight: float = 0.02, iterations: int = 20, penalty: float = 0.1
) -> Image:
    """Minimise ½‖Y − X − S‖² + smoothness ‖∇X‖₁ + rank_weight √(H W) / 10 ‖S‖_* over scene X and stripes S.

    Alternating directions: X by total variation (the cosine transform solves its linear step), S by shrinking the
    singular values. What belongs to neither, texture and noise, stays in the image: the result is Y − S.

    Parameters
    ----------
    smoothness : float
        weight of the scene's anisotropic total variation, full range 1
    rank_weight : float
        weight of the stripes' nuclear norm, for a full range of 1 and an image of 100 pixels

    References
    ----------
    Y. Chang, L. Yan, T. Wu, S. Zhong, Remote sensing image stripe noise removal: from image decomposition perspective,
    IEEE TGRS 54 (2016), Eq. 7 and Algorithm 1. Weights: chosen by us for [0, 1] and 8-bit noise.
    """
    height, width = image.shape
    if width < 2 or height < 2:
        return image.copy()
    system = 1 + penalty * laplacian_eigenvalues(height, width)
    threshold = rank_weight * np.sqrt(height * width) / 10
    stripes = np.zeros_like(image)
    p, q = np.diff(image, axis=0), np.diff(image, axis=1)
    p_error, q_error = np.zeros_like(p), np.zeros_like(q)
    for _ in range(iterations):
        right = (
            image - stripes + penalty * (transposed_difference(p - p_error, 0) + transposed_difference(q - q_error, 1))
        )
        scene = fft.idctn(fft.dctn(right, norm="ortho") / system, norm="ortho")
        dy, dx = np.diff(scene, axis=0), np.diff(scene, axis=1)
        p = shrink(dy + p_error, smoothness / penalty)
        q = shrink(dx + q_error, smoothness / penalty)
        p_error += dy - p
        q_error += dx - q
        stripes = _shrink_singular_values(image - scene, threshold)
    return np.asarray(image - (stripes - stripes.mean()), np.float32)


def _shrink_singular_values(matrix: np.ndarray, threshold: float) -> np.ndarray:
    """U (Σ − threshold)₊ Vᵀ, through the eigenvectors of the smaller Gram matrix."""
    if matrix.shape[0] > matrix.shape[1]:
        return _shrink_singular_values(matrix.T, threshold).T
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    singular = np.sqrt(np.maximum(values, 0))
    kept = singular > threshold
    if not kept.any():
        return np.zeros_like(matrix)
    basis = vectors[:, kept]
    factors = 1 - threshold / singular[kept]
    return np.asarray((basis * factors) @ (basis.T @ matrix), matrix.dtype)
