"""Temporary files that hold what is no file: what is said of one is said in the name of what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thermend.errors import InputError, UsageError, renamed

_names: dict[str, str] = {}


@contextmanager
def called(path: Path, name: str) -> Iterator[None]:
    """While a temporary file is used, it goes by the name of the bytes, stream or object that it holds.

    Raises
    ------
    InputError, UsageError
        as within, in that name
    """
    _names[str(path)] = name
    try:
        yield
    except (InputError, UsageError) as error:
        if str(path) not in str(error):
            raise
        said = (error.path, error.reason) if isinstance(error, InputError) else (str(error),)
        raise type(error)(*(renamed(text, {str(path): name}) for text in said)) from error
    finally:
        del _names[str(path)]


def name_of(path: str | os.PathLike[str]) -> str:
    """What a file is called where something is said of it."""
    return _names.get(os.fspath(path), os.fspath(path))
