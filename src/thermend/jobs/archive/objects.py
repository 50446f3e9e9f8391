"""From addresses to inputs, one after another: an archive is never held as a whole."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from thermend.errors import UsageError
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES, side_files, stores
from thermend.jobs.sources import Input, collect, is_unfinished, named, walk

MANIFEST = "thermend-manifest"
"""Folder below the results, which is no input."""
_ODD = re.compile(r"(^|/)\.{0,2}(/|$)|[\0\\]")
"""In the place of a result: parts that would lead out of its folder, or that no file system can have."""


@dataclass(frozen=True)
class Object:
    """One file of an archive.

    Attributes
    ----------
    address : str
        or the path of a file
    place : str
        where it lies below the folder that was named
    stem : str
        name of its result without the suffix
    size : int
        bytes
    etag : str
        as :class:`thermend.io.stores.Found`
    beside : tuple of str
        names of the objects next to it that say something of it
    problem : str or None
        why it cannot be worked on, where that is known already
    """

    address: str
    place: str
    stem: str
    size: int = 0
    etag: str = ""
    beside: tuple[str, ...] = ()
    problem: str | None = None


def objects(patterns: Sequence[str], out: str, *, recordings: bool = True) -> Iterator[Object]:
    """The files that inputs name: objects, folders of a store (searched through), globs, and whatever the file system has; one
    that is named twice is given once.

    Parameters
    ----------
    patterns : sequence of str
    out : str
        folder of the results, which is not searched
    recordings : bool
        whether recorders' files are among them

    Raises
    ------
    UsageError
        nothing is there, or two inputs would have one result
    InputError
        a store cannot be asked
    """
    suffixes = (*READABLE_SUFFIXES, *RECORDING_SUFFIXES) if recordings else READABLE_SUFFIXES
    places = [place_of(pattern) for pattern in patterns]
    folders = [p for p in places if _is_folder(p)]
    several = len(places) > 1
    seen: set[int] = set()
    taken: dict[int, str] = {}
    for place in dict.fromkeys(places):
        root = stores.name_of(place) if len(folders) > 1 and place in folders else ""
        some = False
        for found in _of(place, root, out, suffixes):
            some = True
            if several:
                if (key := stores.digest(found.address)) in seen:
                    continue
                seen.add(key)
            if several or place not in folders:
                result = str(PurePosixPath(found.place).with_name(found.stem))
                if (other := taken.setdefault(stores.digest(result), found.address)) != found.address:
                    raise UsageError(
                        f"{other} and {found.address} would both be written to {result}; name their folders instead"
                    )
            yield found
        if not some:
            raise UsageError(f"{place}: no such object or folder, or no image in it ({', '.join(suffixes)})")


def place_of(pattern: str) -> str:
    """An input or an output as it is used: an address, or an absolute path.

    Raises
    ------
    UsageError
        it is none
    """
    if not pattern:
        raise UsageError("an input is empty text; name a file, a folder, a glob or an address")
    place = stores.checked(pattern)
    return place if stores.is_address(place) else Path(os.path.abspath(place)).as_posix()


def _is_folder(place: str) -> bool:
    if not stores.is_address(place):
        return os.path.isdir(place)
    return stores.found(place) is None and not glob.has_magic(place)


def _of(place: str, root: str, out: str, suffixes: Sequence[str]) -> Iterator[Object]:
    if not stores.is_address(place):
        if os.path.isdir(place):
            yield from _in_folder(place, root, out, suffixes)
        else:
            for item in collect([place], recordings=len(suffixes) > len(READABLE_SUFFIXES)):
                there = None if item.problem else stores.found(str(item.path))
                size, etag = (0, "") if there is None else (there.size, there.etag)
                yield Object(item.path.as_posix(), item.place.as_posix(), item.stem, size, etag, (), item.problem)
    elif stores.found(place) is not None:
        folder, _, name = place.rpartition("/")
        beginning = f"{folder}/{name.partition('.')[0]}."
        together = [
            Object(t.address, stores.name_of(t.address), "", t.size, t.etag) for t in stores.starting_with(beginning)
        ]
        any_suffix = (*suffixes, PurePosixPath(name).suffix.lower())
        yield from (one for one in _together(together, "", any_suffix) if one.address == place)
    elif glob.has_magic(place):
        top, wanted = stores.glob_of(place)
        for one in _below(top, "", out, suffixes):
            if wanted.fullmatch(one.address):
                yield replace(one, place=stores.name_of(one.place))
    else:
        yield from _below(place, root, out, suffixes)


def _is_wanted(place: str, suffixes: Sequence[str]) -> bool:
    path = PurePosixPath(place)
    return path.suffix.lower() in suffixes and not path.name.startswith(".") and not is_unfinished(Path(path.name))


def _in_folder(top: str, root: str, out: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images of a folder of the file system."""
    skip = None if stores.is_address(out) else Path(out)
    if skip is not None and Path(top).resolve().is_relative_to(skip.resolve()):
        skip = None  # the inputs lie among the results, which the names of the results keep apart

    def found() -> Iterator[Object]:
        for path, problem in walk(Path(top), skip, suffixes):
            place = Path(os.path.relpath(path, top)).as_posix()
            there = None if problem else stores.found(str(path))
            size, etag = (0, "") if there is None else (there.size, there.etag)
            if MANIFEST not in place.split("/")[:-1]:
                yield Object(path.as_posix(), place, "", size, etag, (), problem)

    yield from _grouped(found(), root, suffixes)


def _below(top: str, root: str, out: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images of a folder of a store."""
    out = out.rstrip("/") + "/"
    avoid = out if out.startswith(top.rstrip("/") + "/") else "\0"

    def found() -> Iterator[Object]:
        for there in stores.listed(top):
            place = there.address[len(top.rstrip("/")) + 1 :]
            problem = "has a name that no file can have" if _ODD.search(place) else None
            hidden = any((part.startswith(".") and part.strip(".")) or part == MANIFEST for part in place.split("/"))
            if not hidden and not there.address.startswith(avoid):
                yield Object(there.address, place, "", there.size, there.etag, (), problem)

    yield from _grouped(found(), root, suffixes)


def _grouped(found: Iterable[Object], root: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images of a listing, each with what lies beside it. Names of a folder that begin alike up to their first dot follow
    one another in it, deeper folders between them; so what belongs to an image, or would have the same result, is known
    without the rest."""
    waiting: list[tuple[str, str, list[Object]]] = []  # folder, beginning, and the files; a folder in the one before it
    for item in found:
        folder, _, name = item.place.rpartition("/")
        beginning = name.partition(".")[0]
        while waiting and not f"{folder}/".startswith(f"{waiting[-1][0]}/" if waiting[-1][0] else ""):
            yield from _together(waiting.pop()[2], root, suffixes)
        if waiting and waiting[-1][0] == folder:
            if waiting[-1][1] == beginning:
                waiting[-1][2].append(item)
                continue
            yield from _together(waiting.pop()[2], root, suffixes)
        waiting.append((folder, beginning, [item]))
    while waiting:
        yield from _together(waiting.pop()[2], root, suffixes)


def _together(files: list[Object], root: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images among files of one folder that begin alike, with the names of their results, as files have them."""
    images = {str(PurePosixPath(root, f.place)): f for f in files if f.problem or _is_wanted(f.place, suffixes)}
    names = side_files.by_lower_case(stores.name_of(f.address) for f in files) if len(files) > 1 else {}
    for item in named([Input(Path(one.address), Path(place)) for place, one in images.items()]):
        one = images[item.place.as_posix()] if item.place.as_posix() in images else images[str(item.place)]
        beside = side_files.belonging(stores.name_of(one.address), names)
        yield replace(one, place=item.place.as_posix(), stem=item.stem, beside=(*beside[0], *beside[1]))
