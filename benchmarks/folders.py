"""The images that benchmarks take out of folders of undamaged ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def strided(files: Sequence[Path], number: int) -> list[Path]:
    """So many files, at equal steps from the first; all where there are fewer."""
    return list(files[:: max(1, len(files) // number)][:number])


def named(entries: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Of each NAME=DIR the name and the images."""
    for entry in entries:
        name, _, folder = entry.partition("=")
        yield name, sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in SUFFIXES)


def sets_of(entries: Sequence[str], number: int) -> Iterator[tuple[str, list[Path]]]:
    """Of each NAME=DIR the name, and so many of its images."""
    for name, files in named(entries):
        yield name, strided(files, number)
