"""Tone curves."""

from __future__ import annotations

import numpy as np

from thermend.filters.smoothing import Image

SCENE_LEVELS = (14 / 255, 223 / 255)
"""Where the 1st and the 99th percentile of an undamaged image lie on average."""


def stretch(image: Image, low: float = 1.0, high: float = 99.0, levels: tuple[float, float] = SCENE_LEVELS) -> Image:
    """Linear stretch between two percentiles.

    Parameters
    ----------
    low, high : float
        percentiles
    levels : tuple
        where they go, full range 1
    """
    bottom, top = (float(p) for p in np.percentile(image, (low, high)))
    if top - bottom < 1e-4:
        return image.copy()
    stretched = image - np.float32(bottom)
    stretched *= np.float32((levels[1] - levels[0]) / (top - bottom))
    stretched += np.float32(levels[0])
    return np.asarray(np.clip(stretched, 0, 1, out=stretched))
