"""From addresses to inputs, one after another: an archive is never held as a whole."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath

from thermend.errors import UsageError
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES, stores
from thermend.io.stores import Found
from thermend.jobs.sources import Input, collect, is_unfinished, named

MANIFEST = "thermend-manifest"
"""Folder below the results, which is no input."""


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
        names of the files next to it that may say something of it
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
    """The files that inputs name: objects, folders of a store (searched through), globs, and whatever the file system has.

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
        nothing is there; raised before the first is given
    InputError
        a store cannot be asked
    """
    suffixes = (*READABLE_SUFFIXES, *RECORDING_SUFFIXES) if recordings else READABLE_SUFFIXES
    places = [stores.checked(pattern) for pattern in patterns]
    for place in places:
        if not place:
            raise UsageError("an input is empty text; name a file, a folder, a glob or an address")
    folders = [p for p in places if _is_folder(p)]
    taken: dict[str, str] = {}
    for place in dict.fromkeys(places):
        root = stores.name_of(place) if len(folders) > 1 and place in folders else ""
        some = False
        for found in _of(place, root, out, suffixes):
            some = True
            if place not in folders or root != "":
                key = root or found.place
                if taken.setdefault(key, place) != place:
                    raise UsageError(f"{taken[key]} and {place} would both be written to {key}; enhance them apart")
            yield found
        if not some:
            raise UsageError(f"{place}: no such object or folder, or no image in it ({', '.join(suffixes)})")


def _is_folder(place: str) -> bool:
    if not stores.is_address(place):
        return os.path.isdir(place)
    return not glob.has_magic(place) and stores.found(place) is None


def _of(place: str, root: str, out: str, suffixes: Sequence[str]) -> Iterator[Object]:
    if not stores.is_address(place):
        if os.path.isdir(place):
            yield from _below(place, stores.listed(place), root, out, suffixes)
        else:
            for item in collect([place], recordings=len(suffixes) > len(READABLE_SUFFIXES)):
                yield _of_file(item)
    elif glob.has_magic(place):
        found = [there for there in stores.matching(place) if _is_wanted(there.address, suffixes)]
        yield from _named((there, stores.name_of(there.address)) for there in found)
    elif stores.found(place) is not None:
        folder, _, name = place.rpartition("/")
        together = stores.starting_with(f"{folder}/{name.partition('.')[0]}.")
        members = [(there, stores.name_of(there.address)) for there in together]
        yield from (
            item
            for item in _together(members, "", (*suffixes, PurePosixPath(name).suffix.lower()))
            if item.address == place
        )
    else:
        yield from _below(place, stores.listed(place), root, out, suffixes)


def _of_file(item: Input) -> Object:
    """A file as an object."""
    there = None if item.problem else stores.found(str(item.path))
    size, etag = (0, "") if there is None else (there.size, there.etag)
    return Object(str(item.path), item.place.as_posix(), item.stem, size, etag, (), item.problem)


def _is_wanted(address: str, suffixes: Sequence[str]) -> bool:
    path = PurePosixPath(address)
    return path.suffix.lower() in suffixes and not path.name.startswith(".") and not is_unfinished(Path(path.name))


def _below(top: str, found: Iterable[Found], root: str, out: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images of a listing, each with what lies beside it. Names that begin alike up to their first dot stand together in
    it, so that what belongs to an image, or would have the same result, is known without the rest."""
    avoid = out.rstrip("/") + "/"

    def wanted() -> Iterator[tuple[Found, str]]:
        for there in found:
            place = there.address[len(top.rstrip("/")) + 1 :]
            parts = place.split("/")
            hidden = any(part.startswith(".") or part == MANIFEST for part in parts)
            if not hidden and not there.address.startswith(avoid):
                yield there, place

    def beginning(pair: tuple[Found, str]) -> str:
        folder, _, name = pair[1].rpartition("/")
        return f"{folder}/{name.partition('.')[0]}"

    for _, group in groupby(wanted(), key=beginning):
        yield from _together(list(group), root, suffixes)


def _together(members: list[tuple[Found, str]], root: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The images among files that begin alike, with their places."""
    names = [stores.name_of(there.address) for there, _ in members]
    images = [(t, str(PurePosixPath(root, place))) for t, place in members if _is_wanted(t.address, suffixes)]
    for item in _named(images):
        own = stores.name_of(item.address)
        yield replace(item, beside=tuple(name for name in names if name != own))


def _named(found: Iterable[tuple[Found, str]]) -> Iterator[Object]:
    """With the names of their results, as files have them."""
    there = {place: one for one, place in found}
    for item in named([Input(Path(one.address), Path(place)) for place, one in there.items()]):
        one = there[item.place.as_posix()]
        yield Object(one.address, item.place.as_posix(), item.stem, one.size, one.etag)
