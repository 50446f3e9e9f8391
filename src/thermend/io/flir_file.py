"""FFF, SEQ and CSQ: one frame of a FLIR camera with its calibration, or one after another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from thermend.errors import InputError
from thermend.image import FrameFacts, ThermalImage
from thermend.io import fff
from thermend.io.cut_short import warn_of_cut
from thermend.io.options import ReadOptions
from thermend.io.radiometric_jpeg import flir_image

_SEARCHED = 1 << 20  # bytes at once, where a record does not begin where the one before ended
_SIGNATURE = re.compile(b"|".join(re.escape(signature) for signature in fff.SIGNATURES))


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """The frames of a file, in degrees Celsius, one after another; memory is that of one.

    What is damaged between two frames is passed over, and the last that is not whole is left out, each with a warning.
    """
    if options.unit not in (None, "celsius"):
        raise InputError(path, f"holds temperatures, so that --unit {options.unit} does not apply")
    first: float | None = None
    shape: tuple[int, ...] | None = None
    given = 0
    for data, whole in _records(path):
        try:
            frame = fff.read_frame(data)
            if shape not in (None, frame.raw.shape):
                raise fff.RecordError("it is of another size")
        except fff.RecordError as error:
            if not given:
                raise InputError(path, f"cannot be read as a FLIR frame ({error})") from error
            reason = f"a frame after {given} others cannot be read ({error})" if whole else _cut(given)
            warn_of_cut(path, f"{reason} and is left out")
            continue
        image = flir_image(path, frame, options)
        shape, first = frame.raw.shape, frame.time if first is None else first
        time = None if frame.time is None or first is None else round(frame.time - first, 3)
        yield image.with_pixels(image.pixels, metadata=replace(image.metadata, frame=FrameFacts(frame.number, time)))
        given += 1


def count(path: Path) -> int:
    """How many records a file holds, by their directories alone."""
    with path.open("rb") as file:
        return sum(1 for _ in _places(path, file, quiet=True))


def _cut(given: int) -> str:
    return f"is cut short: frame {given + 1} is not whole"


def _records(path: Path) -> Iterator[tuple[bytes, bool]]:
    """What each record holds, and whether it ends within the file."""
    with path.open("rb") as file:
        for place, length in _places(path, file):
            file.seek(place)
            data = file.read(length)
            yield data, len(data) == length


def _places(path: Path, file: BinaryIO, *, quiet: bool = False) -> Iterator[tuple[int, int]]:
    """Place and length of each record; the last may end beyond the file."""
    size, position = path.stat().st_size, 0
    for number in itertools.count():
        if size - position < fff.HEAD:
            if number == 0:
                raise InputError(path, "is cut short within its first frame")
            if size - position > 0 and not quiet:
                warn_of_cut(path, f"{_cut(number)} and is left out")
            return
        try:
            length = _length_at(file, position)
        except fff.RecordError as error:
            if number == 0:
                raise InputError(path, f"cannot be read as a FLIR frame ({error})") from error
            found = _next_record(file, position + 1)
            lost = (size if found is None else found) - position
            if not quiet:
                warn_of_cut(path, f"{lost} bytes after frame {number} are no frame and are passed over")
            if found is None:
                return
            position = found
            length = _length_at(file, position)
        yield position, length
        position += length


def _length_at(file: BinaryIO, position: int) -> int:
    file.seek(position)
    head = file.read(fff.HEAD)
    if len(head) < fff.HEAD:
        raise fff.RecordError("a head that is cut short")
    fff.length_of(head)
    offset, length = fff.directory_of(head)
    file.seek(position + offset)
    directory = file.read(length)
    if len(directory) < length:
        return offset + length  # beyond the file's end
    return fff.length_of(head, directory)


def _next_record(file: BinaryIO, position: int) -> int | None:
    """Where the next record begins that can be one; the signature alone occurs among pixels too."""
    longest = max(len(signature) for signature in fff.SIGNATURES)
    while True:
        file.seek(position)
        part = file.read(_SEARCHED)
        for match in _SIGNATURE.finditer(part):
            try:
                _length_at(file, position + match.start())
            except fff.RecordError:
                continue
            return position + match.start()
        if len(part) < _SEARCHED:
            return None
        position += len(part) - longest + 1
