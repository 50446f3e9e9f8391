"""Several results as one ZIP file, written as it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

_PIECE = 2**20


class _Outgoing:
    """Takes what is written, until it is taken away; nothing seeks in it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        found, self.pieces = b"".join(self.pieces), []
        return found


def zipped(files: list[tuple[str, Path]]) -> Iterator[bytes]:
    """A ZIP file, piece by piece; memory is that of one piece.

    Parameters
    ----------
    files : list of tuple
        the name of each and where it lies; one of a name that was there before gets a number, one that has gone is left out
    """
    outgoing = _Outgoing()
    names: set[str] = set()
    with zipfile.ZipFile(outgoing, "w", zipfile.ZIP_STORED, allowZip64=True) as made:  # type: ignore[call-overload]
        for name, path in files:
            try:
                source = path.open("rb")
            except OSError:
                continue
            with source, made.open(zipfile.ZipInfo(_unused(name, names)), "w", force_zip64=True) as entry:
                while piece := source.read(_PIECE):
                    entry.write(piece)
                    yield outgoing.taken()
    yield outgoing.taken()


def _unused(name: str, names: set[str]) -> str:
    """A name that no other entry has."""
    stem, suffix, number = Path(name).stem, Path(name).suffix, 1
    while name.lower() in names:
        number += 1
        name = f"{stem} ({number}){suffix}"
    names.add(name.lower())
    return name
