"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: parts of killed runs stay
    fcntl = None  # type: ignore[assignment]

from thermend.errors import ExistsError, InputError, UsageError
from thermend.io.called import called

_STORE = re.compile(r"[a-z][a-z0-9+]+:")


def make_room(path: Path) -> None:
    """Make the folder of a file that is to be written, where there is none.

    Raises
    ------
    InputError
        the system refuses
    UsageError
        `path` was an address: as a path it would be a folder of that name here
    """
    if path.parts and _STORE.fullmatch(path.parts[0]):
        address = path.as_posix().replace(":/", "://", 1)
        raise UsageError(f"{address}: is an address of a store; this is written into a file only")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(path, f"cannot be written: {reason_of(error)}") from error


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give the name of a temporary file beside `path`, which takes its place when the block ends without an error.

    Raises
    ------
    InputError
        the system refuses (no permission, disk full)
    ExistsError
        `path` exists and `overwrite` is false
    UsageError
        `path` was an address, as for :func:`make_room`
    """
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part{path.suffix}")
    make_room(path)
    _clean(path.parent)
    try:
        with called(temporary, str(path)), _held(temporary):
            yield temporary
        put(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise InputError(path, f"cannot be written: {reason_of(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def put(temporary: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a file that is whole its name, once it is on the disk.

    Raises
    ------
    ExistsError
        `path` exists and `overwrite` is false
    InputError
        the system refuses
    """
    try:
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            _move_without_replacing(temporary, path)
    except FileExistsError:
        raise ExistsError(path, "exists already and is not overwritten unless asked") from None
    except OSError as error:
        raise InputError(path, f"cannot be written: {reason_of(error)}") from error


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold the name of a file that is written over a long time, so that no other process begins it too.

    Raises
    ------
    InputError
        another process holds it, or the system refuses
    """
    lock = path.with_name(f".{path.name[:80]}.lock")
    make_room(path)
    try:
        file = lock.open("w")
    except OSError as error:
        raise InputError(path, f"cannot be written: {reason_of(error)}") from error
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(path, "is being written by another process") from None
        except OSError:  # a file system without locks
            pass
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


_PART = re.compile(r"\..{1,80}\.[0-9a-f]{8}\.part(\.\w+)?")
_OLD = 60.0  # s; what is younger may belong to a process that has not held it yet
_cleaned: set[Path] = set()


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Mark a part as one that is being written, as long as this process lives: others can see it (``flock``)."""
    if fcntl is None:
        yield
        return
    with path.open("wb") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _clean(folder: Path) -> None:
    """Remove, once a folder, the parts of runs that were killed: those that nobody holds."""
    if fcntl is None or folder in _cleaned:
        return
    _cleaned.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _PART.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError), open(entry.path, "rb") as file:  # noqa: PTH123
                if time.time() - entry.stat().st_mtime < _OLD:
                    continue
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by another: an error, and it stays
                os.unlink(entry.path)  # noqa: PTH108


def reason_of(error: OSError) -> str:
    """What the system says of a file that it does not write."""
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
    else:
        source.unlink()
