"""Where a result goes and what it is called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from thermend.errors import InputError, UsageError
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES
from thermend.jobs.sources import Input

_KEPT = {
    ".png": ".png",
    ".tif": ".tif",
    ".tiff": ".tiff",
    ".npy": ".npy",
    ".jpg": ".png",
    ".jpeg": ".png",
    ".bmp": ".png",
    ".webp": ".png",
    ".fff": ".tif",
}
"""A picture that was stored with loss is not stored with loss again."""


def output_path(item: Input, out: Path, unit: str, depth: str, *, single: bool) -> Path:
    """The file that holds a result.

    Parameters
    ----------
    item : Input
        the input
    out : Path
        folder; or, with `single`, the file itself
    unit, depth : str
        of the result: temperatures go into TIFF (NPY for NPY), and so do counts that no PNG holds
    single : bool
        `out` names the one result's file
    """
    if single:
        return out
    suffix = _KEPT.get(item.path.suffix.lower(), ".png")
    if suffix != ".npy" and (unit == "celsius" or (unit == "counts" and depth == "float32")) and suffix == ".png":
        suffix = ".tif"
    return out / item.place.with_name(item.stem + suffix)


def recording_path(item: Input, out: Path, unit: str, depth: str, *, single: bool) -> Path:
    """The file that holds a recording's result: pictures go into MP4 (into MKV what came in one, and 16 bits), temperatures and
    counts into TIFF; TIFF and NPY stay what they are. Parameters as for :func:`output_path`."""
    if single:
        return out
    suffix = item.path.suffix.lower()
    if suffix not in (".tif", ".tiff", ".npy") or item.path.is_dir():
        if unit == "display":
            suffix = ".mkv" if suffix == ".mkv" or depth == "uint16" else ".mp4"
        else:
            suffix = ".mkv" if suffix == ".mkv" and unit == "counts" and depth == "uint16" else ".tif"
    return out / item.place.with_name(item.stem + suffix)


def inputs_within(inputs: Iterable[Input], out: Path, *, single: bool = False) -> frozenset[str]:
    """The inputs that lie where results go: whatever a result is called, it never takes the place of one.

    Parameters
    ----------
    inputs : iterable of Input
    out : Path
        folder of the results, or the one result's file
    single : bool
        whether it is that
    """
    root = os.path.realpath(out.parent if single else out)
    places = {place for item in inputs for place in (os.path.realpath(item.path), _place(item.path))}
    return frozenset(place for place in places if place.startswith(root.rstrip(os.sep) + os.sep))


def is_input(path: Path, inputs: frozenset[str]) -> bool:
    """Whether a result would take the place of one of :func:`inputs_within`."""
    return bool(inputs) and (_place(path) in inputs or os.path.realpath(path) in inputs)


def _place(path: Path) -> str:
    """Where a file lies; of a link, the link itself."""
    return str(Path(os.path.realpath(path.parent)) / path.name)


def check_inside(target: Path, out: Path, *, single: bool) -> None:
    """Refuse a result that a link would lead out of the output folder.

    Raises
    ------
    InputError
        so it is
    """
    if single:
        return
    root, folder = os.path.realpath(out), os.path.realpath(target.parent)
    if os.path.commonpath([root, folder]) != root:
        raise InputError(target, f"lies outside of {out}, where a link leads; nothing is written there")


def resolve_target(out: str, inputs: list[Input]) -> tuple[Path, bool]:
    """The output folder, or the one output file, and which of the two it is.

    Raises
    ------
    UsageError
        a file is named for several results, or results would replace the inputs
    """
    path = Path(out)
    is_folder = os.path.isdir(out)  # (False, not an error, for a name too long)
    if path.suffix.lower() in (*READABLE_SUFFIXES, *RECORDING_SUFFIXES) and not is_folder:
        if len(inputs) != 1:
            raise UsageError(f"-o {out} names one file for {len(inputs)} inputs; name a folder")
        if path.resolve() == inputs[0].path.resolve():
            raise UsageError(f"-o {out} is the input itself; inputs are never replaced")
        return path, True
    if os.path.exists(out) and not is_folder:
        raise UsageError(f"-o {out} is a file, not a folder")
    for item in inputs:
        if (path / item.place).resolve() == item.path.resolve():
            raise UsageError(f"-o {out} is where {item.path} lies; inputs are never replaced, name another folder")
    return path, False
