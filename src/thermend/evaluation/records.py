"""What a comparison measured, a record a result, in a file that is added to line by line (JSON Lines)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

from thermend.errors import InputError, first_line
from thermend.io.atomic import make_room

T = TypeVar("T")

UNDAMAGED = "none"
"""The condition in which images are left as they are."""


@dataclass(frozen=True)
class Case:
    """One image, under one condition, given to one method: what makes a measurement another one than the next.

    Attributes
    ----------
    method : str
        as it was asked for, its weights among it
    condition : str
        a preset, :data:`UNDAMAGED`, the folder of degraded images, or a data set's condition
    images : str
        the set: the folder of the clean images, as it was named
    image : str
        its path below that folder
    content : str
        SHA-256 of its file, and of the degraded and the visible one where there are such
    seed : int or None
        of a preset
    scale : int
        how many times smaller the method got it
    setting : str
        what else numbers depend on: this package's version, hash of the weights, precision, measures, fusion
    """

    method: str
    condition: str
    images: str
    image: str
    content: str
    seed: int | None
    scale: int
    setting: str


@dataclass(frozen=True)
class Record:
    """A case, and what was measured of its result and of its input.

    Attributes
    ----------
    case : Case
    metrics, input_metrics : mapping
        by their names; None where a measure says nothing
    seconds : float
        that the method took
    """

    case: Case
    metrics: Mapping[str, float | None]
    input_metrics: Mapping[str, float | None]
    seconds: float

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {**asdict(self.case), "metrics": self.metrics, "input_metrics": self.input_metrics, "seconds": self.seconds}
        )


def record_of(line: str) -> Record:
    """The record of a line.

    Raises
    ------
    ValueError, TypeError, KeyError
        it holds none
    """
    values: Any = json.loads(line)
    case = Case(**{field.name: values[field.name] for field in fields(Case)})
    metrics, before = dict(values["metrics"]), dict(values["input_metrics"])
    return Record(case, metrics, before, float(values["seconds"]))


def read(path: Path) -> dict[Case, Record]:
    """The records of a file, the last of each case; none where there is no file.

    Raises
    ------
    InputError
        the file cannot be read, or holds something else
    """
    return {record.case: record for record in read_lines(path, record_of, "record of thermend benchmark")}


def read_lines(path: Path, parse: Callable[[str], T], what: str) -> list[T]:
    """What the lines of a file hold, nothing where there is no file. A last line that was cut off is passed over.

    Parameters
    ----------
    path : Path
    parse : callable
        of a line; raises ValueError, TypeError or KeyError where it holds something else
    what : str
        a line is to hold

    Raises
    ------
    InputError
        the file cannot be read, or holds something else
    """
    found = []
    for number, (line, ended) in enumerate(_lines(path), 1):
        try:
            found.append(parse(line))
        except (ValueError, TypeError, KeyError) as error:
            if not ended:
                break
            raise InputError(path, f"line {number} is no {what} ({first_line(error)})") from error
    return found


def _lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each was ended."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line, line.endswith("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read: {first_line(error)}") from error


class OneLine(Protocol):
    """What is kept as one line."""

    def line(self) -> str:
        """Without its end."""
        ...


class Appending:
    """A file that lines are added to as they come; what was cut off at its end goes first.

    Raises
    ------
    InputError
        it cannot be written
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_room(path)
        try:
            self._file = path.open("a+b")
            self._file.seek(0, os.SEEK_END)
            end = self._file.tell()
            self._file.seek(0)
            whole = self._file.read().rfind(b"\n") + 1
            if whole < end:
                self._file.truncate(whole)
        except OSError as error:
            raise InputError(path, f"cannot be written: {error.strerror or error}") from error

    def add(self, record: OneLine) -> None:
        """Write one, so that it is there if the next moment ends the process."""
        try:
            self._file.write(record.line().encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise InputError(self.path, f"cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
