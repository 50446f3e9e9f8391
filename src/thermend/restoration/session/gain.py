"""A camera's automatic gain control, followed: all of its picture is stretched anew, and so is what is known of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_OTHER_GAIN, _OTHER_OFFSET = 0.01, 0.003
"""Change of gain, and of offset in shares of the range, that is taken for the camera's own."""

_ALIKE = 0.95
"""Correlation of two frames' coarse parts, from which on they tell a change of gain at all."""


def change(before: Image, now: Image) -> tuple[float, float] | None:
    """Gain and offset from one frame to the next, by what is coarse; None where there is no change.

    Parameters
    ----------
    before, now : (H, W) float32
        one scene, registered
    """
    height, width = (max(1, round(side / 4)) for side in before.shape)
    first, second = (
        cv2.resize(cv2.GaussianBlur(part, (0, 0), 3.0), (width, height), interpolation=cv2.INTER_AREA).ravel()
        for part in (before, now)
    )
    gain, offset = _line(first, second)
    if abs(gain - 1) > _OTHER_GAIN or abs(offset + (gain - 1) * float(first.mean())) > _OTHER_OFFSET:
        return gain, offset
    return None


def _line(before: Image, now: Image) -> tuple[float, float]:
    """By least squares over those that agree."""
    weights = np.ones_like(before)
    gain, offset = 1.0, 0.0
    for _ in range(3):
        total = float(weights.sum())
        x, y = float((weights * before).sum()) / total, float((weights * now).sum()) / total
        first, second = (float((weights * part**2).sum()) for part in (before - x, now - y))
        common = float((weights * (before - x) * (now - y)).sum())
        alike = common > _ALIKE * np.sqrt(first * second) and min(first, second) > 1e-6 * total
        gain = min(max(float(np.sqrt(second / first)), 0.5), 2.0) if alike else 1.0  # noise, which both have, cancels
        offset = y - gain * x
        off = np.abs(now - gain * before - offset)
        limit = 3 * 1.4826 * float(np.median(off)) + 1e-6
        weights = (off < limit).astype(np.float32)
    return gain, offset
