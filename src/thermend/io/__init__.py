"""File formats: one module a family, with :func:`read` and :func:`write` in front.

| module | formats |
| --- | --- |
| `raster` | PNG, JPEG, BMP, WebP |
| `radiometric_jpeg` | FLIR and DJI JPEG with temperatures |
| `fff`, `flir_file` | FLIR's records; FFF, SEQ and CSQ files |
| `video`, `video_writing` | AVI, MP4, MOV, MKV |
| `cptv_file` | CPTV, of wildlife cameras |
| `tiff`, `tiff_writing` | TIFF, GeoTIFF |
| `numpy_file` | NPY |
| `streams` | bytes, file objects and addresses in place of files |

`stores` has the objects of stores, `addresses` what they are called.

`recordings` tells recordings from images and opens them, `writers` writes a result frame by frame.

Beneath: `kinds` (which format a file has), `samples` (which of a pixel's samples are the image, and which say where there
is one), `storage` (numbers of a depth), `metadata`, `palettes`, `atomic` (files that appear whole), `side_files` (what lies
beside an image).

A new family is a module with ``read(path, ...) -> Iterator[ThermalImage]``, its signature in `kinds`, and a line in
:func:`read_pages`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import get_args

from thermend.errors import InputError, ThermendError, UsageError, first_line
from thermend.image import Depth, ThermalImage, register_writer
from thermend.io.kinds import VIDEOS, kind_of
from thermend.io.options import FrameOptions, ReadOptions, StatedUnit
from thermend.io.stamp import stamped
from thermend.io.streams import Source, as_file, is_path, to_address
from thermend.io.suffixes import READABLE_SUFFIXES, RECORDING_SUFFIXES, WRITABLE_SUFFIXES
from thermend.io.writers import open_writer


def read(
    path: Source,
    *,
    page: int = 0,
    unit: StatedUnit | None = None,
    palette: str | None = None,
    emissivity: float | None = None,
    reflected_temperature: float | None = None,
    distance: float | str | None = None,
    band: int | None = None,
    kelvin_per_count: float | None = None,
    offset: float | None = None,
) -> ThermalImage:
    """Read one thermal image; the format is told by the file's content, not by its name.

    Parameters
    ----------
    path : str, PathLike, address, bytes or binary file object
        PNG, JPEG, BMP, WebP, TIFF (8, 16, 32 bits, floating point), NPY, FFF, or a FLIR or DJI radiometric JPEG
    page : int
        which image of a file that holds several, from 0
    unit : StatedUnit or None
        ``celsius``, ``kelvin``, ``centikelvin``, ``fahrenheit`` or ``counts``: what the stored numbers are. Without it 8
        bits are grey levels, everything else is counts, unless the file says more.
    palette : str or None
        colour palette of the picture, where it is not to be recognised; ``black-hot`` where hot is dark
    emissivity, reflected_temperature : float or None
        instead of those in a radiometric file (1, degrees Celsius)
    distance : float or str or None
        metres, instead of the file's own; ``range-finder`` takes what a DJI camera's range finder measured
    band : int or None
        which band of a file that holds several, from 1
    kelvin_per_count, offset : float or None
        of counts that are linear in temperature: degrees Celsius = kelvin_per_count · count + offset (−273.15)

    Raises
    ------
    InputError
        the file cannot be read as a thermal image; the message says why
    UsageError
        an argument makes no sense
    """
    options = ReadOptions(unit, palette, emissivity, reflected_temperature, distance, band, kelvin_per_count, offset)
    with as_file(path) as file:
        return _page(file, page, options)


def _page(path: Path, page: int, options: ReadOptions) -> ThermalImage:
    found = next(itertools.islice(_pages(path, options), page, None), None) if page >= 0 else None
    if found is None:
        raise UsageError(f"{path}: has no page {page}; it has {count_pages(path)}")
    return found


def read_frames(
    path: Source,
    *,
    unit: StatedUnit | None = None,
    palette: str | None = None,
    emissivity: float | None = None,
    reflected_temperature: float | None = None,
    distance: float | str | None = None,
    band: int | None = None,
    kelvin_per_count: float | None = None,
    offset: float | None = None,
) -> Iterator[ThermalImage]:
    """Read the thermal images of a sequence, one after another: the pages of a file, or the images of a folder by name.

    Parameters
    ----------
    path : str, PathLike, address, bytes or binary file object
        as :func:`read` takes it, or a folder of such files
    unit, palette, emissivity, reflected_temperature, distance, band, kelvin_per_count, offset
        as for :func:`read`

    Yields
    ------
    ThermalImage
        one without any valid pixel (`is_empty`) too: frames follow it

    Raises
    ------
    InputError
        a file cannot be read as a thermal image
    UsageError
        an argument makes no sense, or the folder holds no image
    """
    options = FrameOptions(unit, palette, emissivity, reflected_temperature, distance, band, kelvin_per_count, offset)
    if is_path(path) and Path(path).is_dir():
        from thermend.io.folders import image_files

        return itertools.chain.from_iterable(read_pages(file, options) for file in image_files(Path(path)))
    return read_pages(path, options)


def read_pages(path: Source, options: ReadOptions | None = None) -> Iterator[ThermalImage]:
    """Read every image of a file, one after another; `path`, options and errors as for :func:`read`."""
    with as_file(path) as file:
        yield from _pages(file, options or ReadOptions())


def _pages(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """As :func:`read_pages`, of a file; whatever a decoder raises becomes an error of ours."""
    try:
        yield from _open(path, options)
    except ThermendError:
        raise
    except MemoryError as error:
        raise InputError(path, "needs more memory than there is") from error
    except OSError as error:
        if error.errno is not None:
            raise InputError(path, f"cannot be read: {error.strerror}") from error
        raise InputError(path, f"is damaged or cut short ({first_line(error)})") from error
    except Exception as error:  # decoders raise whatever a damaged file makes them raise
        raise InputError(path, f"is damaged or cut short ({first_line(error)})") from error


def _open(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    kind = kind_of(path)
    if kind == "jpeg":
        from thermend.io import radiometric_jpeg

        data = path.read_bytes()
        if maker := radiometric_jpeg.maker_of_radiometry(data):
            return radiometric_jpeg.read(path, data, maker, options)
    if kind == "fff":
        from thermend.io import flir_file

        return flir_file.read(path, options)
    if options.overrides_radiometry:
        raise InputError(path, "is not a radiometric JPEG: emissivity, reflected temperature and distance do not apply")
    if kind in VIDEOS:
        from thermend.io import video

        return video.read(path, options)
    if kind == "cptv":
        from thermend.io import cptv_file

        return cptv_file.read(path, options)
    if kind == "tiff":
        from thermend.io import tiff

        return tiff.read(path, options)
    if kind == "npy":
        from thermend.io import numpy_file

        return numpy_file.read(path, options)
    from thermend.io import raster

    return raster.read(path, kind, options)


def count_pages(path: Source) -> int:
    """How many images :func:`read_pages` gives; 1 for a file that it will refuse."""
    try:
        with as_file(path) as file:
            return _count(file)
    except Exception:
        return 1


def _count(path: Path) -> int:
    kind = kind_of(path)
    if kind == "tiff":
        from thermend.io import tiff

        return tiff.count_pages(path)
    if kind == "npy":
        from thermend.io import numpy_file

        return numpy_file.count_pages(path)
    if kind == "fff":
        from thermend.io import flir_file

        return flir_file.count(path)
    if kind in VIDEOS:
        from thermend.io import video

        return video.facts_of(path)[1] or 1
    return 1


def shape_of(path: Source) -> tuple[int, int]:
    """Height and width of a file's first image; of most formats its header is enough. `path` as for :func:`read`.

    Raises
    ------
    InputError
        the file cannot be read as a thermal image
    """
    with as_file(path) as file:
        return _shape(file)


def _shape(path: Path) -> tuple[int, int]:
    try:
        kind = kind_of(path)
        if kind == "npy":
            from thermend.io import numpy_file

            return numpy_file.shape_of(path)
        if kind == "tiff":
            from thermend.io import tiff

            return tiff.shape_of(path)
        if kind in VIDEOS:
            from thermend.io import video

            return video.facts_of(path)[0]
        if kind == "jpeg":
            from thermend.io import radiometric_jpeg

            if radiometric_jpeg.maker_of_radiometry(path.read_bytes()):
                return read(path).shape
        if kind in ("png", "jpeg", "bmp", "webp"):
            from PIL import Image

            with Image.open(path) as opened:
                return opened.height, opened.width
    except Exception:
        pass  # what is wrong with it, reading says better
    return read(path).shape


def write(
    image: ThermalImage | Iterable[ThermalImage],
    path: str | os.PathLike[str],
    *,
    depth: Depth | None = None,
    palette: str | None = None,
    overwrite: bool = False,
    pages: int | None = None,
) -> None:
    """Write one image (or several into a TIFF or NPY file); the file appears whole or not at all.

    Parameters
    ----------
    path : str, PathLike or address
        the suffix says the format: .png, .jpg, .tif, .npy
    depth : Depth or None
        None keeps the image's own. Temperatures go into TIFF and NPY as float32 degrees Celsius and into a PNG, or where
        ``uint16`` is asked for, as hundredths of a kelvin.
    palette : str or None
        write a coloured 8-bit picture instead of the numbers (PNG and JPEG)
    overwrite : bool
        replace an existing file
    pages : int or None
        how many images there are, where several are given by an iterator, whose number nobody knows

    Raises
    ------
    InputError
        the file exists, or cannot be written (no permission, disk full)
    UsageError
        the format cannot hold the numbers, or that many images; more or fewer images than were announced
    """
    from thermend.io.atomic import whole_file

    if isinstance(path, str) and not is_path(path):
        with to_address(path, overwrite=overwrite) as file:
            return write(image, file, depth=depth, palette=palette, pages=pages)
    path = Path(path)
    if depth not in (None, *get_args(Depth)):
        raise UsageError(f"depth {depth!r}: expected one of {', '.join(get_args(Depth))}")
    kind = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".npy": "npy"}.get(
        path.suffix.lower()
    )
    if kind is None:
        raise UsageError(f"{path}: unknown suffix; known are {', '.join(WRITABLE_SUFFIXES)}")
    given = [image] if isinstance(image, ThermalImage) else image
    pages = (len(given) if isinstance(given, Sized) else 1) if pages is None else pages
    images = _counted(given, pages)
    if kind in ("png", "jpeg"):
        from thermend.io import raster

        if pages != 1:
            raise UsageError(f"{path}: {kind.upper()} holds one image, not {pages}; write .tif")
        (picture,) = images
        chosen = raster.choose_depth(kind, picture, depth, palette)
        written = stamped(picture, chosen, "display" if palette else None)
        with whole_file(path, overwrite=overwrite) as temporary:
            raster.write(written, temporary, kind, chosen, palette)
        return
    if palette is not None:
        raise UsageError(f"{path}: a palette colours pictures; write .png or .jpg")
    from thermend.io import numpy_file, tiff_writing
    from thermend.io.storage import depth_of

    write_all = tiff_writing.write if kind == "tiff" else numpy_file.write
    with whole_file(path, overwrite=overwrite) as temporary:
        write_all(
            (stamped(i, depth_of(i, depth)) for i in images),
            temporary,
            depth,
            pages,
        )


def _counted(images: Iterable[ThermalImage], pages: int) -> Iterator[ThermalImage]:
    """The images, which are to be so many."""
    count = 0
    for count, image in enumerate(images, 1):
        if count > pages:
            raise UsageError(f"more images than the {pages} that were announced (pages)")
        yield image
    if count < pages or not count:
        raise UsageError(f"{count} images, where {pages} were announced")


register_writer(write)


__all__ = [
    "READABLE_SUFFIXES",
    "RECORDING_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "ReadOptions",
    "StatedUnit",
    "count_pages",
    "open_writer",
    "read",
    "read_frames",
    "read_pages",
    "shape_of",
    "write",
]
