"""Optical non-uniformity in one image, as far as it can be told from the scene."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.methods.classical.filters import Image
from thermend.methods.classical.surface import fit_surface

_CELLS = 40


def nonuniformity_surface(image: Image) -> tuple[Image, float]:
    """The part of a smooth surface that varies along the rows, and how much of the image's own variation it explains.

    Scenes are shaded from top to bottom (sky, road, floor) as strongly as any lens shades them, but seldom from side to
    side. Only the latter part of the surface that most of the image shares is therefore taken for the camera's.

    Returns
    -------
    (H, W) float32 of mean 0 in every row, and the share, 0 to 1, by which subtracting it lowers the sum of the absolute
    differences between cells side by side
    """
    surface = fit_surface(image)
    surface -= surface.mean(axis=1, keepdims=True)
    height, width = image.shape
    cell = max(1, round(max(height, width) / _CELLS))
    size = (max(1, width // cell), max(1, height // cell))
    cells = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(surface, size, interpolation=cv2.INTER_AREA)
    before = float(np.abs(np.diff(cells, axis=1)).sum())
    after = float(np.abs(np.diff(cells - smooth, axis=1)).sum())
    return surface, 0.0 if before <= 0 else max(0.0, 1 - after / before)
