"""A folder that nobody else reads, and that goes with the process; what a killed one left goes when the next begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from thermend.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has none: what killed servers left stays
    fcntl = None  # type: ignore[assignment]

_LOCK = "lock"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for uploads and results, with room for this user's eyes only; remove it in the end.

    Raises
    ------
    InputError
        somebody else owns its place, or the system refuses
    """
    base = _base()
    with contextlib.ExitStack() as held:
        with (base / _LOCK).open("w") as beginning:  # one server at a time looks, and makes its own
            if fcntl is not None:
                fcntl.flock(beginning, fcntl.LOCK_EX)
            _remove_left(base)
            folder = Path(tempfile.mkdtemp(dir=base))
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = held.enter_context((folder / _LOCK).open("w"))
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as this process lives, however it ends
        yield folder


def _base() -> Path:
    """This user's place for them, which no other user may have made."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    base = Path(tempfile.gettempdir()) / f"thermend-serve-{user}"
    try:
        base.mkdir(mode=0o700, exist_ok=True)
        found = base.lstat()
    except OSError as error:
        raise InputError(base, f"cannot be made: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise InputError(base, "is not this user's folder; remove it, or set TMPDIR")
    base.chmod(0o700)
    return base


def _remove_left(base: Path) -> None:
    """Remove the folders of servers that live no more."""
    if fcntl is None:
        return
    for folder in [path for path in base.iterdir() if path.is_dir() and not path.is_symlink()]:
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # it lives
            continue
        except OSError:  # it was killed before it had a lock, or after it had none any more
            pass
        shutil.rmtree(folder, ignore_errors=True)
