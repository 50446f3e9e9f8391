"""What lies beside an input and says something of it: goes along with the result, or is named as left.

| file | what becomes of it |
| --- | --- |
| world file (`.tfw`, `.pgw`, `.jgw`, `.wld`, ...) | goes along, named as its result; of an upsampled one with smaller pixels |
| `.prj` | goes along |
| `NAME.aux.xml` (GDAL) | what says where on earth the image lies goes along, statistics of its numbers do not |
| `.ovr`, `.rrd` (reduced images), `.xmp`, `.hdr`, ... | are named as left |

A `NAME.msk` is read with the image (:mod:`thermend.io`).
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from thermend.errors import ExistsError, InputError
from thermend.io.atomic import whole_file

_WORLD = {
    ".tif": (".tfw", ".tifw", ".tiffw"), ".tiff": (".tfw", ".tifw", ".tiffw"), ".png": (".pgw", ".pngw"),
    ".jpg": (".jgw", ".jpgw", ".jpegw"), ".jpeg": (".jgw", ".jpgw", ".jpegw"), ".bmp": (".bpw", ".bmpw"),
    ".webp": (".wpw",), ".npy": (),
}  # fmt: skip
_LEFT = (".ovr", ".rrd", ".aux", ".xmp", ".hdr", ".xml", ".vrt")
_GEO_REFERENCE = ("SRS", "GeoTransform")
"""Of GDAL's side file: where on earth, which stays true."""
_LARGEST = 1_000_000  # bytes; these are texts of a few lines


class Companion(NamedTuple):
    """A text to write beside a result.

    Attributes
    ----------
    path : Path
    text : bytes
    """

    path: Path
    text: bytes


def beside(source: Path, target: Path, scale: int) -> tuple[list[Companion], list[str]]:
    """What goes along with a result, and the names of what is left.

    Parameters
    ----------
    source, target : Path
        an input, and its result
    scale : int
        how many times larger the result is
    """
    try:
        names = _names_in(source.parent, source.parent.stat().st_mtime_ns)
    except OSError:
        return [], []
    stem, suffix = source.stem, source.suffix.lower()
    found: list[Companion] = []
    left: list[str] = []

    def carry(names_there: list[str], path: Path, change: Callable[[bytes], bytes | None]) -> None:
        for name in names_there:
            text = _text(source.parent / name)
            changed = None if text is None else change(text)
            if changed is None:
                left.append(name)
            elif all(path != companion.path for companion in found):
                found.append(Companion(path, changed))

    worlds = [f"{stem}{end}" for end in (*_WORLD.get(suffix, ()), ".wld")]
    own = next(iter(_WORLD.get(target.suffix.lower(), ())), ".wld")
    carry(_those(names, worlds), target.with_suffix(own), lambda text: _world(text, scale))
    carry(_those(names, [f"{stem}.prj"]), target.with_suffix(".prj"), lambda text: text)
    gdal = _those(names, [f"{source.name}.aux.xml"])
    carry(gdal, target.with_name(f"{target.name}.aux.xml"), lambda text: _georeference(text, scale))
    left += [name for name in gdal if _explains_numbers(_text(source.parent / name) or b"")]
    left += _those(names, [*(f"{stem}{end}" for end in _LEFT), f"{source.name}.ovr", f"{source.name}.xmp"])
    return found, sorted(set(left))


def belonging(name: str, names: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Of the names of files next to one, those that are read with it, and those whose names alone matter.

    Parameters
    ----------
    name : str
        of the file
    names : mapping
        as :func:`by_lower_case`
    """
    stem, _, suffix = name.rpartition(".")
    worlds = [f"{stem}{end}" for end in (*_WORLD.get(f".{suffix.lower()}", ()), ".wld")]
    read = _those(names, [*worlds, f"{stem}.prj", f"{name}.aux.xml", f"{name}.msk"])
    named = _those(names, [*(f"{stem}{end}" for end in _LEFT), f"{name}.ovr", f"{name}.xmp"])
    return read, named


def write(companions: list[Companion], *, overwrite: bool) -> list[str]:
    """Write them, each whole or not at all; one that exists stays unless it is to be replaced.

    Returns
    -------
    names of those that the system refuses, as one that is too long
    """
    refused = []
    for path, text in companions:
        try:
            if overwrite or not os.path.exists(path):  # False, not an error, for a name too long
                with whole_file(path, overwrite=overwrite) as temporary:
                    temporary.write_bytes(text)
        except ExistsError:
            pass
        except InputError:
            refused.append(path.name)
    return refused


@functools.lru_cache(maxsize=4)
def _names_in(folder: Path, changed: int) -> Mapping[str, Sequence[str]]:
    """The names in a folder; read once, until it changes, however many images it has."""
    with os.scandir(folder) as entries:
        return by_lower_case(entry.name for entry in entries)


def by_lower_case(names: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Names by how they are looked for: in whatever case."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(name.lower(), []).append(name)
    return found


def _those(names: Mapping[str, Sequence[str]], wanted: list[str]) -> list[str]:
    """Names that are wanted, in whatever case."""
    lowered = dict.fromkeys(name.lower() for name in wanted)
    return [name for one in lowered for name in names.get(one, ())]


def _text(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST else None
    except OSError:
        return None


def _world(text: bytes, scale: int) -> bytes | None:
    """A world file: six numbers, the last two of which are where the middle of the first pixel lies."""
    try:
        numbers = [float(line) for line in text.decode("ascii").split()]
    except ValueError:
        return None
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        return None
    if scale == 1:
        return text
    x_right, y_right, x_down, y_down, x, y = numbers
    inward = (1 - scale) / (2 * scale)  # the first of the smaller pixels has its middle so many old pixels away
    moved = (x + inward * (x_right + x_down), y + inward * (y_right + y_down))
    scaled = [n / scale for n in (x_right, y_right, x_down, y_down)]
    return "".join(f"{n:.12f}\n" for n in (*scaled, *moved)).encode()


def _explains_numbers(text: bytes) -> bool:
    return any(f"<{tag}>".encode() in text for tag in ("Scale", "Offset", "UnitType", "NoDataValue"))


def _georeference(text: bytes, scale: int) -> bytes | None:
    """GDAL's side file with what stays true alone; None where that is nothing."""
    if b"<!" in text.replace(b"<!--", b""):  # no entities: nothing in it may grow
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None
    kept = [element for element in root if element.tag in _GEO_REFERENCE]
    if root.tag != "PAMDataset" or not kept:
        return None
    result = ElementTree.Element("PAMDataset")
    for element in kept:
        if element.tag == "GeoTransform" and scale != 1:
            try:
                origin_x, x_right, x_down, origin_y, y_right, y_down = map(float, (element.text or "").split(","))
            except ValueError:
                return None
            numbers = (origin_x, x_right / scale, x_down / scale, origin_y, y_right / scale, y_down / scale)
            element.text = ", ".join(f"{n:.16e}" for n in numbers)
        result.append(element)
    return ElementTree.tostring(result)
