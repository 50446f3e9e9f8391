"""Files that are none: bytes, and what can be read from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from thermend.errors import InputError, UsageError

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"


def is_path(source: Source) -> bool:
    """Whether a source is the name of a file."""
    return isinstance(source, (str, os.PathLike))


@contextmanager
def as_file(source: Source) -> Iterator[Path]:
    """The path of a temporary file that holds what a source gives; decoders want one.

    Parameters
    ----------
    source : bytes-like or binary file object
        of which what is left is read

    Raises
    ------
    InputError
        in the name of the source: what is read from the file raises one
    UsageError
        it is none of these
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, data = "<bytes>", bytes(source)
    elif hasattr(source, "read"):
        name, data = str(getattr(source, "name", "<stream>")), source.read()  # type: ignore[union-attr]
    else:
        raise UsageError(f"{type(source).__name__}: expected a path, bytes or a file object that is open for reading")
    if not isinstance(data, bytes):
        raise UsageError(f"{name}: is read as text; open it in binary mode ('rb')")
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        path = Path(folder) / "stream"
        path.write_bytes(data)
        try:
            yield path
        except InputError as error:
            raise InputError(name, error.reason) from error
