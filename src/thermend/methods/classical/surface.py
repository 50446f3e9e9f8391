"""Optical non-uniformity: a smooth surface that the lens and the housing add, fitted and subtracted."""

from __future__ import annotations

from thermend.estimation.vignetting import fit_surface
from thermend.filters.smoothing import Image


def remove_surface(image: Image, order: int = 4) -> Image:
    """Subtract the fitted surface; the mean stays."""
    return image - fit_surface(image, order)
