"""Dead and stuck pixels and columns, found and replaced."""

from __future__ import annotations

from thermend.estimation.bad_pixels import find_dead_columns, find_defects
from thermend.filters.replacement import replace_columns, replace_pixels
from thermend.filters.smoothing import Image


def replace_dead_pixels(image: Image) -> Image:
    """The image, its dead pixels replaced by the median of their living neighbours."""
    return replace_pixels(image, find_defects(image))


def replace_dead_columns(image: Image) -> Image:
    """The image, its dead columns replaced by straight lines between their living neighbours."""
    return replace_columns(image, find_dead_columns(image))
