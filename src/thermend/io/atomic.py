"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from thermend.errors import InputError


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give the name of a temporary file beside `path`, which takes its place when the block ends without an error.

    Raises
    ------
    InputError
        `path` exists and `overwrite` is false, or the system refuses (no permission, disk full)
    """
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror or error}") from error
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            _move_without_replacing(temporary, path)
    except FileExistsError:
        raise InputError(path, "exists already and is not overwritten unless asked") from None
    except OSError as error:
        raise InputError(path, f"cannot be written: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    if error.errno is None and "requested and" in str(error):  # numpy's words for a short write
        return "no space left on device"
    return error.strerror or str(error)


def _move_without_replacing(source: Path, target: Path) -> None:
    """Rename, but fail if `target` has come into being in the meantime."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(target) from None
        source.rename(target)
