"""From what the user typed to a list of files, each with the place of its result below the output folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thermend.errors import UsageError
from thermend.io import READABLE_SUFFIXES as SUFFIXES
from thermend.io import RECORDING_SUFFIXES


@dataclass(frozen=True)
class Input:
    """One file to work on.

    Attributes
    ----------
    path : Path
        of the file
    place : Path
        where it lies below the folder that was named
    stem : str
        name of its result without the suffix
    problem : str or None
        why it cannot be worked on, where that is known already
    """

    path: Path
    place: Path
    stem: str = ""
    problem: str | None = None


def collect(
    patterns: Sequence[str], skip: Path | None = None, *, recordings: bool = False, folders_whole: bool = False
) -> list[Input]:
    """Expand files, folders and globs, in a stable order and without doubles.

    Parameters
    ----------
    patterns : sequence of str
        a folder is searched through and its tree kept; unknown suffixes in it, and hidden files, are ignored
    skip : Path or None
        a folder that is not searched, because results go there
    recordings : bool
        whether folders and globs are searched for recorders' files too
    folders_whole : bool
        whether a folder is one recording, and its images the frames

    Raises
    ------
    UsageError
        nothing is there, a folder holds no image, or two files would have the same result
    """
    suffixes = (*SUFFIXES, *RECORDING_SUFFIXES) if recordings else SUFFIXES
    folders = [p for p in patterns if os.path.isdir(p)]
    found: dict[Path, Input] = {}
    for pattern in patterns:
        path = Path(pattern)
        if not pattern:
            raise UsageError("an input is empty text; name a file, a folder or a glob")
        if os.path.isdir(pattern):  # (False, not an error, for a name too long)
            # Of several folders each keeps its own name, so that their files do not meet.
            root = Path(path.resolve().name) if len(folders) > 1 else Path()
            walked = [(f, problem) for f, problem in walk(path, skip, suffixes) if not is_unfinished(f)]
            files = [Input(f, root / f.relative_to(path), problem=problem) for f, problem in walked]
            if not files:
                raise UsageError(f"{pattern}: no image in this folder ({', '.join(suffixes)})")
            if folders_whole:
                files = [Input(path, Path(path.resolve().name))]
        elif os.path.exists(pattern):
            if not path.is_file():
                raise UsageError(f"{pattern}: is neither a file nor a folder")
            problem = "is the unfinished part of a result (--resume goes on with it)" if is_unfinished(path) else None
            files = [Input(path, Path(path.name), problem=problem)]
        else:
            matches = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []  # noqa: PTH207
            files = [Input(Path(m), Path(Path(m).name)) for m in matches if _is_wanted(Path(m), suffixes)]
            if not files:
                raise UsageError(f"{pattern}: no such file or folder")
        for file in files:
            found.setdefault(Path(os.path.abspath(file.path)), file)  # a link is a file of its own
    inputs = list(found.values())
    places: dict[Path, Input] = {}
    for item in inputs:
        other = places.setdefault(item.place, item)
        if other is not item:
            raise UsageError(
                f"{other.path} and {item.path} would both be written to {item.place}; name their folders instead"
            )
    return named(inputs)


def named(inputs: list[Input]) -> list[Input]:
    """Give each input the name of its result: its own without the suffix, or with it where another file has the better
    claim to the bare name (`a.jpg` beside `a.png` becomes `a.jpg.png`), so that no two results meet."""
    whole = {item.place for item in inputs if _has_better_rival(item.path)}
    while True:
        claimants: dict[Path, list[Input]] = {}
        for item in inputs:
            name = item.place.name if item.place in whole else item.place.stem
            claimants.setdefault(item.place.with_name(name), []).append(item)
        losers = set()
        for contenders in claimants.values():
            bare = sorted((i for i in contenders if i.place not in whole), key=lambda i: _claim(i.path))
            losers |= {item.place for item in bare[len(bare) == len(contenders) :]}
        if not losers:
            break
        whole |= losers
    return [replace(i, stem=i.place.name if i.place in whole else i.place.stem) for i in inputs]


def _has_better_rival(path: Path) -> bool:
    """Whether another image in the folder has the same stem and claims the bare name first."""
    names = (path.stem + ending for suffix in SUFFIXES for ending in (suffix, suffix.upper()))
    rivals = [path.with_name(name) for name in names if name != path.name]
    return any(_claim(other) < _claim(path) for other in rivals if os.path.isfile(other))


def _claim(path: Path) -> tuple[int, str]:
    """PNG before TIFF before NPY before what changes its suffix: who keeps the bare name."""
    order = (".png", ".tif", ".tiff", ".npy", ".jpg", ".jpeg", ".bmp", ".webp", ".fff")
    suffix = path.suffix.lower()
    return (order.index(suffix) if suffix in order else len(order), str(path))


def is_unfinished(path: Path) -> bool:
    """Whether a file is what was done of a recording's result when the work was interrupted."""
    return Path(path.stem).suffix == ".partial"


def _is_wanted(path: Path, suffixes: Sequence[str]) -> bool:
    return path.is_file() and _known(path, suffixes) and not is_unfinished(path)


def _known(path: Path, suffixes: Sequence[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")


def walk(top: Path, skip: Path | None, suffixes: Sequence[str]) -> Iterator[tuple[Path, str | None]]:
    """The image files of a folder, and the folders below it that cannot be searched, with the reason."""
    closed: list[OSError] = []
    avoid = None if skip is None else skip.resolve()
    for root, folders, names in os.walk(top, onerror=closed.append):
        here = Path(root)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != avoid)
        for folder in (here / name for name in folders):
            if folder.is_symlink():
                yield folder, "is a link to a folder, which is not followed"
        for file in (here / name for name in sorted(names) if _known(Path(name), suffixes)):
            if file.is_file():
                yield file, None
            elif file.is_symlink():
                yield file, "is a link to a file that is not there"
    yield from ((Path(error.filename), f"cannot be searched: {error.strerror}") for error in closed)
