"""What variational methods share: differences, shrinkage, and the Laplacian in the basis of the cosine transform."""

from __future__ import annotations

import numpy as np

from thermend.filters.smoothing import Image


def laplacian_eigenvalues(height: int, width: int) -> Image:
    """(H, W) eigenvalues of the Laplacian with free borders; the cosine transform diagonalises it."""
    down = 2 - 2 * np.cos(np.pi * np.arange(height, dtype=np.float32) / height)
    right = 2 - 2 * np.cos(np.pi * np.arange(width, dtype=np.float32) / width)
    return np.asarray(down[:, None] + right[None], np.float32)


def transposed_difference(differences: np.ndarray, axis: int) -> np.ndarray:
    """The transpose of `np.diff` along an axis."""
    first, last = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    first[axis], last[axis] = (1, 0), (0, 1)
    return np.pad(differences, first) - np.pad(differences, last)


def shrink(values: np.ndarray, threshold: float) -> np.ndarray:
    return np.sign(values) * np.maximum(np.abs(values) - np.float32(threshold), 0)
