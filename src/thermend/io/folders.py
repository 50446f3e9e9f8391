"""The images of a folder."""

from __future__ import annotations

from pathlib import Path

from thermend.errors import UsageError
from thermend.io.suffixes import READABLE_SUFFIXES


def stem_of(name: str) -> str:
    """Of an image that a list names; a suffix is one only if it is an image's."""
    path = Path(name)
    return path.stem if path.suffix.lower() in READABLE_SUFFIXES else path.name


def image_files(folder: Path) -> list[Path]:
    """The image files below a folder, in the order of their names, without hidden ones.

    Raises
    ------
    UsageError
        it is no folder, or holds none
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READABLE_SUFFIXES and p.is_file())
    found = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not found:
        raise UsageError(f"{folder}: no image in this folder")
    return found
