"""Files that are none: bytes, what can be read from, and addresses of stores."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeGuard

from thermend.errors import UsageError
from thermend.io import stores
from thermend.io.called import called

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"


def is_path(source: Source) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is the name of a file."""
    return isinstance(source, os.PathLike) or (isinstance(source, str) and not stores.is_address(source))


@contextmanager
def as_file(source: Source) -> Iterator[Path]:
    """A path to what a source gives, for decoders, which want one: a file's own, or that of a temporary file that holds it.

    Parameters
    ----------
    source : str, PathLike, address, bytes-like or binary file object
        of a file object what is left is read

    Raises
    ------
    InputError
        in the name of the source: what is read from the file raises one
    UsageError
        it is none of these; or, in the name of the source, as what is read from the file raises one
    """
    if is_path(source):
        yield Path(source)
        return
    if isinstance(source, str):
        with _object(stores.checked(source)) as path:
            yield path
        return
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
        with called(path, name):
            yield path


@contextmanager
def _object(address: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        path = stores.fetched(address, Path(folder) / stores.name_of(address))
        if stores.found(f"{address}.msk") is not None:  # which is read with it
            stores.fetched(f"{address}.msk", path.with_name(f"{path.name}.msk"))
        with called(path, address):
            yield path


@contextmanager
def to_address(address: str, *, overwrite: bool) -> Iterator[Path]:
    """The path of a file that becomes an object when the block ends without an error.

    Raises
    ------
    ExistsError
        there is one, and `overwrite` is false
    InputError
        the store refuses
    """
    address = stores.checked(address)
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        path = Path(folder) / stores.name_of(address)
        with called(path, address):
            yield path
        stores.put(path, address, replace=overwrite)
