"""From temperatures to a picture, as a camera without faults would show it."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.datasets.scenes.canvas import Field


def picture(field: Field, rng: np.random.Generator) -> Field:
    """(H, W) temperatures to (H, W) in [0, 1]: automatic gain control, with one of the habits that cameras have.

    Linear between two percentiles, some of the way to an equalised histogram, or with the detail raised over what is smooth;
    a tone curve; some sharpen.
    """
    low, high = np.percentile(field, (rng.uniform(0, 1.5), rng.uniform(98.5, 100)))
    shown = (field - low) / max(high - low, 1e-3)
    habit = rng.random()
    if habit < 0.35:
        ranks = _equalised(shown)
        share = np.float32(rng.uniform(0.2, 0.9))
        shown = (1 - share) * shown + share * ranks
    elif habit < 0.6:
        smooth = cv2.GaussianBlur(shown, (0, 0), rng.uniform(8, 40))
        shown = rng.uniform(0.3, 0.9) * smooth + rng.uniform(0.8, 1.6) * (shown - smooth)
        low, high = np.percentile(shown, (0.5, 99.5))
        shown = (shown - low) / max(high - low, 1e-3)
    if rng.random() < 0.5:
        shown = np.clip(shown, 0, 1) ** np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    if rng.random() < 0.3:
        shown = shown + rng.uniform(0.2, 0.9) * (shown - cv2.GaussianBlur(shown, (0, 0), rng.uniform(0.8, 2.5)))
    bottom = rng.uniform(0, 0.12)
    return np.clip(bottom + (rng.uniform(0.82, 1.0) - bottom) * shown, 0, 1).astype(np.float32)


def _equalised(shown: Field) -> Field:
    """Each value's rank, from a histogram whose tops are cut off (plateau equalisation)."""
    bins = np.clip((shown * 1023).astype(np.int32), 0, 1023)
    counts = np.bincount(bins.ravel(), minlength=1024).astype(np.float64)
    counts = np.minimum(counts, 6 * counts.mean())
    ranks = np.cumsum(counts) / counts.sum()
    return ranks.astype(np.float32)[bins]
