"""An image file as evaluation sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError
from thermend.image import ThermalImage
from thermend.io import count_pages, read
from thermend.rendering import rendered

T = TypeVar("T")


def spread(files: Sequence[T], count: int | None) -> list[T]:
    """So many of them, evenly over the names; all without a number."""
    places = np.linspace(0, len(files) - 1, min(count or len(files), len(files)))
    return [files[place] for place in places.round().astype(int)]


def opened_alone(path: Path, recording: bool = False) -> ThermalImage:
    """The image of a file that holds one.

    Parameters
    ----------
    path : Path
    recording : bool
        of several images in the file the first counts; else they are an error

    Raises
    ------
    InputError
        it cannot be read, or holds several
    """
    if not recording and (pages := count_pages(path)) > 1:
        raise InputError(path, f"has {pages} pages; single images are degraded and evaluated")
    return read(path)


def grey(path: Path, recording: bool = False) -> NDArray[np.uint8]:
    """An image file as an 8-bit picture, (H, W) uint8. What is not 8 bits deep is shown between its percentiles.

    Parameters
    ----------
    path : Path
    recording : bool
        as for :func:`opened_alone`
    """
    return as_grey(opened_alone(path, recording))


def as_grey(image: ThermalImage) -> NDArray[np.uint8]:
    """As :func:`grey`, for an image that is read already."""
    return rendered(image)
