"""Recordings told from single images, and opened: a file of many frames, or a folder of numbered stills."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from thermend import io
from thermend.errors import InputError
from thermend.image import FrameFacts, ThermalImage
from thermend.io.folders import image_files
from thermend.io.options import FrameOptions, ReadOptions
from thermend.io.suffixes import RECORDING_SUFFIXES

_MAY_BE = (".npy", ".fff")
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Recording:
    """Frames one after another, from one file or one folder.

    Attributes
    ----------
    path : Path
    count : int or None
        how many there are, as far as the file states it
    """

    path: Path
    count: int | None

    def frames(self, options: ReadOptions | None = None) -> Iterator[ThermalImage]:
        """The frames, one after another, each with its place in `ThermalImage.metadata`; memory is that of one.

        Raises
        ------
        InputError
            no frame can be read; one that differs in size from those before. One without any valid pixel is given
        """
        shape = None
        for number, image in enumerate(self._read(options or ReadOptions())):
            if shape not in (None, image.shape):
                raise InputError(
                    self.path,
                    f"frame {number + 1} has another size than those before it; --each-frame mends each by itself",
                )
            shape = image.shape
            if image.metadata.frame is None:
                image = image.with_pixels(image.pixels, metadata=replace(image.metadata, frame=FrameFacts(number)))
            yield image

    def _read(self, options: ReadOptions) -> Iterator[ThermalImage]:
        options = FrameOptions.of(options)
        if not self.path.is_dir():
            yield from io.read_pages(self.path, options)
            return
        for file in stills(self.path):
            yield from islice(io.read_pages(file, options), 1)


def opened(path: Path) -> Recording:
    """A recording by its file or folder."""
    if path.is_dir():
        return Recording(path, len(stills(path)))
    pages = io.count_pages(path)
    return Recording(path, pages if pages > 1 else None)


def is_recording(path: Path) -> bool:
    """Whether a file holds a recording: one of a recorder's formats, or several images of one file."""
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        from thermend.io import tiff

        return tiff.is_stack(path)
    return suffix in RECORDING_SUFFIXES or (suffix in _MAY_BE and io.count_pages(path) > 1)


def stills(folder: Path) -> list[Path]:
    """The images of a folder in the order of the numbers in their names.

    Raises
    ------
    UsageError
        it is no folder, or holds none
    """
    return sorted(image_files(folder), key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = _NUMBER.split(str(path))
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
