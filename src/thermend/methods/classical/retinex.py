"""Retinex: the logarithm of an image less that of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermend.filters.smoothing import Image, gaussian

SCALES = (15.0, 80.0, 250.0)
"""Standard deviations of the surrounds, pixels, as in Jobson et al."""


def multi_scale(image: Image, scales: Sequence[float] = SCALES, dynamic: float = 2.5) -> Image:
    """Multi-scale retinex (MSR): R = mean over n of log(I) − log(G_n * I), then the mean ± `dynamic` standard deviations of R
    fill the range.

    References
    ----------
    D. J. Jobson, Z. Rahman, G. A. Woodell, A multiscale retinex for bridging the gap between color images and the human
    observation of scenes, IEEE TIP 6 (1997), Eqs. 1 to 4.
    """
    level = np.clip(image, 0, 1) * np.float32(255) + np.float32(1)
    surround = sum(np.log(np.maximum(gaussian(level, s), 1)) for s in scales) / np.float32(len(scales))
    reflectance = np.log(level) - surround
    mean, spread = float(reflectance.mean()), float(reflectance.std())
    if spread < 1e-6:
        return image.copy()
    return np.clip(0.5 + (reflectance - mean) / (2 * dynamic * spread), 0, 1).astype(np.float32)


def single_scale(image: Image, scale: float = 80.0) -> Image:
    """Single-scale retinex (SSR): :func:`multi_scale` with one surround.

    References
    ----------
    D. J. Jobson, Z. Rahman, G. A. Woodell, Properties and performance of a center/surround retinex, IEEE TIP 6 (1997).
    """
    return multi_scale(image, (scale,))
