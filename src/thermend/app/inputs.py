"""From what the user typed to a list of files, each with the place of its result below the output folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from thermend.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".npy")


@dataclass(frozen=True)
class Input:
    """One file to work on.

    Attributes
    ----------
    path : of the file
    place : path of its result, without regard to the suffix, relative to the output folder
    """

    path: Path
    place: Path


def collect(patterns: Sequence[str], skip: Path | None = None) -> list[Input]:
    """Expand files, folders and globs, in a stable order and without doubles.

    Parameters
    ----------
    patterns : a folder is searched through and its tree kept; unknown suffixes in it, and hidden files, are ignored
    skip : a folder that is not searched, because results go there

    Raises
    ------
    UsageError : nothing is there, a folder holds no image, or two files would have the same result
    """
    folders = [p for p in patterns if Path(p).is_dir()]
    found: dict[Path, Input] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            # Of several folders each keeps its own name, so that their files do not meet.
            root = Path(path.resolve().name) if len(folders) > 1 else Path()
            files = [Input(f, root / f.relative_to(path)) for f in _walk(path, skip)]
            if not files:
                raise UsageError(f"{pattern}: no image in this folder ({', '.join(SUFFIXES)})")
        elif path.exists():
            files = [Input(path, Path(path.name))]
        else:
            matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []  # noqa: PTH207
            files = [Input(Path(m), Path(Path(m).name)) for m in matches if Path(m).is_file() and _known(Path(m))]
            if not files:
                raise UsageError(f"{pattern}: no such file or folder")
        for file in files:
            found.setdefault(file.path.resolve(), file)
    inputs = list(found.values())
    places: dict[Path, Input] = {}
    for item in inputs:
        other = places.setdefault(item.place, item)
        if other is not item:
            raise UsageError(
                f"{other.path} and {item.path} would both be written to {item.place}; name their folders instead"
            )
    return inputs


def _known(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _walk(folder: Path, skip: Path | None) -> Iterator[Path]:
    avoid = None if skip is None else skip.resolve()
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != avoid)
        yield from (here / name for name in sorted(names) if _known(here / name))
