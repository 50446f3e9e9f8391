"""Destriping by midway equalisation of neighbouring columns (MIRE)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from thermend.filters.smoothing import Image

SIGMAS = (1.0, 2.0, 4.0, 8.0, 16.0)


def remove_stripes(image: Image, sigmas: tuple[float, ...] = SIGMAS) -> Image:
    """Give every column the Gaussian-weighted mean of its neighbours' histograms (as quantile functions).

    Of several widths of the Gaussian the one wins whose result has the least total variation across the columns.

    Parameters
    ----------
    sigmas : tuple of float
        widths that are tried, in columns

    References
    ----------
    Y. Tendero, S. Landeau, J. Gilles, Non-uniformity correction of infrared images by midway equalization, IPOL 2 (2012).
    """
    if image.shape[1] < 2:
        return image.copy()
    order = np.argsort(image, axis=0, kind="stable")
    quantiles = np.take_along_axis(image, order, axis=0)
    best, best_variation = image.copy(), float(np.abs(np.diff(image, axis=1)).sum())
    for sigma in sigmas:
        midway = gaussian_filter1d(quantiles, sigma, axis=1, mode="mirror" if image.shape[1] > 2 else "nearest")
        result = np.empty_like(image)
        np.put_along_axis(result, order, midway, axis=0)
        variation = float(np.abs(np.diff(result, axis=1)).sum())
        if variation < best_variation:
            best, best_variation = result, variation
    return best
