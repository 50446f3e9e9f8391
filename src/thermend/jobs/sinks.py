"""Where a result goes and what it is called."""

from __future__ import annotations

import os
from pathlib import Path

from thermend.errors import UsageError
from thermend.io import READABLE_SUFFIXES
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


def resolve_target(out: str, inputs: list[Input]) -> tuple[Path, bool]:
    """The output folder, or the one output file, and which of the two it is.

    Raises
    ------
    UsageError
        a file is named for several results, or results would replace the inputs
    """
    path = Path(out)
    is_folder = os.path.isdir(out)  # (False, not an error, for a name too long)
    if path.suffix.lower() in READABLE_SUFFIXES and not is_folder:
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
