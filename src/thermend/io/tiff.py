"""TIFF: 8 and 16 bits, floating point, several pages, GeoTIFF, EXIF and GPS."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from thermend.errors import InputError, first_line
from thermend.image import Metadata, ThermalImage
from thermend.io import metadata as meta
from thermend.io import storage
from thermend.io.limits import check_page, check_size
from thermend.io.options import ReadOptions
from thermend.io.samples import mask_file, multiplied_back, one_grey, separated

_COLOURED = (2, 6, 8)  # RGB, YCbCr, CIELab
_ICC_TAG = 34675


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """Every full-size page of a TIFF file, one after another."""
    _check_chain(path)
    with tifffile.TiffFile(path) as tiff:
        if not len(tiff.pages):
            raise InputError(path, "is a TIFF file without pages")
        metadata, names = _metadata(path, tiff, options.band)
        for number, (page, array, mask) in enumerate(_arrays(path, tiff, options.max_pixels)):
            photometric = int(getattr(page, "photometric", 1) or 0)
            colours, alpha, transparency = _samples(path, page, array, photometric, options, names)
            if mask is None and alpha is None:
                mask = mask_beside(path, colours.shape[:2])
            if mask is not None:
                alpha, transparency = mask, "mask"
            stored_as = colours.dtype
            colours = _upright(colours, page, photometric)
            if transparency == "associated" and alpha is not None:
                colours = multiplied_back(colours, alpha)
            grey, palette, alpha = storage.grey_of(path, colours, options, alpha)
            if alpha is not None and transparency is None:
                transparency = "alpha"
            own = metadata if number == 0 else replace(metadata, **_of_page(page))
            image = storage.image_of(
                path,
                grey,
                options,
                replace(own, transparency=transparency, palette=palette or metadata.palette),
                alpha,
                **_written(metadata),
                nodata=metadata.nodata,
                stored_as=stored_as,
                picture=palette is not None,
            )
            del array, colours, grey  # they would wait here while the image is mended
            yield image


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width of the first image that :func:`read` gives, by its header."""
    _check_chain(path)
    with tifffile.TiffFile(path) as tiff:
        _, first = next(_images(tiff))
        return int(first.imagelength), int(first.imagewidth)


def count_pages(path: Path) -> int:
    """How many images :func:`read` gives."""
    _check_chain(path)
    with tifffile.TiffFile(path) as tiff:
        if _contiguous_stack(tiff):
            return int(tiff.series[0].shape[0])
        return sum(_is_image(page) for page in tiff.pages) or 1  # of reduced ones alone the first is the image


def is_stack(path: Path) -> bool:
    """Whether a file holds several images of one size: the frames of a recording. False for a file that cannot be read."""
    try:
        _check_chain(path)
        with tifffile.TiffFile(path) as tiff:
            if _contiguous_stack(tiff):
                return int(tiff.series[0].shape[0]) > 1
            sizes = [(p.imagelength, p.imagewidth) for p in (page.aspage() for page in tiff.pages) if _is_image(p)]
    except Exception:  # reading says what is wrong with it
        return False
    return len(sizes) > 1 and len(set(sizes)) == 1


def _check_chain(path: Path) -> None:
    """Follow the chain of directories by its pointers alone: one that runs in a circle would never end, and one that
    leaves the file belongs to a stack that was cut short.

    Raises
    ------
    InputError
        either of the two
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        order = {b"II": "<", b"MM": ">"}[file.read(2)]
        big = struct.unpack(order + "H", file.read(2))[0] == 43
        pointer, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
        file.seek(8 if big else 4)
        seen: set[int] = set()
        while offset := struct.unpack(order + pointer, file.read(struct.calcsize(pointer)))[0]:
            if offset in seen:
                raise InputError(path, "is damaged: its list of pages runs in a circle")
            seen.add(offset)
            if offset + struct.calcsize(order + count) > size:
                raise InputError(path, f"is cut short: page {len(seen)} lies beyond its end")
            file.seek(offset)
            entries = struct.unpack(order + count, file.read(struct.calcsize(order + count)))[0]
            file.seek(offset + struct.calcsize(order + count) + entries * entry)
            if file.tell() + struct.calcsize(pointer) > size:
                raise InputError(path, f"is cut short within the directory of page {len(seen)}")


def _images(tiff: tifffile.TiffFile) -> Iterator[tuple[int, Any]]:
    """The pages that are images, and their numbers; where a file has reduced ones alone, the first of them."""
    found, reduced = False, None
    for index, page in enumerate(tiff.pages):
        page = page.aspage()
        if _is_image(page):
            found = True
            yield index, page
        elif reduced is None and not page.is_mask:
            reduced = index, page
    if not found:
        if reduced is None:
            raise InputError(tiff.filehandle.path, "holds a mask alone")
        yield reduced


def _is_image(page: Any) -> bool:
    return not (page.is_reduced or page.is_mask)


def _contiguous_stack(tiff: tifffile.TiffFile) -> bool:
    """Whether the file is a stack that only its first page's description tells of (ImageJ's large files)."""
    return bool(tiff.is_imagej) and len(tiff.pages) == 1 and len(tiff.series[0].shape) == 3


def _samples(
    path: Path, page: Any, array: NDArray[Any], photometric: int, options: ReadOptions, names: dict[int, str]
) -> tuple[NDArray[Any], NDArray[Any] | None, str | None]:
    """A page's samples as image, alpha, and what kind of alpha it is, by ExtraSamples: 0 is data of another kind, which is no
    alpha; 1 is alpha that the pixels are multiplied by (associated), 2 alpha that they are not."""
    extra = [int(code) for code in page.extrasamples]
    at = next((n for n, code in enumerate(extra) if code in (1, 2)), None)
    kind = None if at is None else "associated" if extra[at] == 1 else "alpha"
    place = None if at is None else int(page.samplesperpixel) - len(extra) + at
    colours, alpha = separated(path, array, options, place)
    if colours.ndim == 3 and not (photometric in _COLOURED and colours.shape[2] == 3):
        colours = one_grey(path, colours, names)
    return colours, alpha, None if alpha is None else kind


def _mask_of(tiff: tifffile.TiffFile, index: int, page: Any) -> NDArray[np.uint8] | None:
    """What follows a page to say where there is data (GDAL's internal mask), (H, W), 255 where there is; None without."""
    for other in itertools.islice(tiff.pages, index + 1, None):
        other = other.aspage()
        if _is_image(other):
            return None
        if other.is_mask and not other.is_reduced and other.shape[:2] == page.shape[:2]:
            check_page(Path(tiff.filehandle.path), other)
            return np.where(np.asarray(other.asarray()) != 0, 255, 0).astype(np.uint8).reshape(other.shape[:2])
    return None


def mask_beside(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """What GDAL's mask beside a file (`NAME.msk`) says, (H, W), 255 where there is data; None without such a file.

    Raises
    ------
    InputError
        there is one, and it cannot be read, or is of another size
    """
    beside = mask_file(path)
    if beside is None:
        return None
    try:
        _check_chain(beside)
        with tifffile.TiffFile(beside) as tiff:
            page = tiff.pages[0].aspage()
            check_page(beside, page)
            found = np.asarray(page.asarray()) if page.shape[:2] == shape[:2] else None
    except Exception as error:
        raise InputError(path, f"has a mask, {beside.name}, that cannot be read ({first_line(error)})") from error
    if found is None:
        raise InputError(path, f"has a mask, {beside.name}, of another size")
    return np.where(found.reshape(*shape[:2], -1)[..., 0] != 0, 255, 0).astype(np.uint8)


def _arrays(
    path: Path, tiff: tifffile.TiffFile, most: int
) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.uint8] | None]]:
    """Pages, what they hold, (H, W) or (H, W, samples), and their masks."""
    if _contiguous_stack(tiff):
        page = tiff.pages[0]
        check_size(path, page.imagewidth, page.imagelength, most)
        if page.dataoffsets[0] + tiff.series[0].nbytes > tiff.filehandle.size:
            raise InputError(path, "is cut short: its pixels end beyond the file")
        stack = tiff.series[0].asarray(out="memmap")
        for array in stack:
            yield page, np.asarray(array), None
        return
    end = tiff.filehandle.size
    for index, page in _images(tiff):
        check_page(path, page, most)
        if page.imagedepth != 1:
            raise InputError(path, f"is {page.imagedepth} pixels deep; a thermal image is flat")
        if _ends_beyond(page, end):
            raise InputError(path, "is cut short: its pixels end beyond the file")
        yield page, _decode_page(path, page, index), _mask_of(tiff, index, page)


def _ends_beyond(page: Any, end: int) -> bool:
    """Whether pixels of a page lie beyond the file's end; the last of several uncompressed strips may be stated as whole."""
    counts = list(page.databytecounts)
    if page.compression == 1 and len(counts) > 1 and not page.is_tiled and page.planarconfig == 1:
        rows = int(page.imagelength) - (len(counts) - 1) * int(page.rowsperstrip)
        counts[-1] = min(counts[-1], -(-rows * page.imagewidth * page.samplesperpixel * page.bitspersample // 8))
    return any(offset + count > end for offset, count in zip(page.dataoffsets, counts))


def _decode_page(path: Path, page: Any, index: int) -> NDArray[Any]:
    try:
        array: NDArray[Any] = page.asarray()
    except (ValueError, ImportError) as error:
        if "imagecodecs" not in str(error):
            raise
        with path.open("rb") as file, TiffImagePlugin.TiffImageFile(file) as picture:  # libtiff knows LZW and JPEG
            picture.seek(index)
            array = np.asarray(picture)
    if page.planarconfig == 2 and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    return array


def _upright(array: NDArray[Any], page: Any, photometric: int) -> NDArray[Any]:
    """Undo the two ways in which a TIFF's numbers are not intensities: white is zero, and indexed colour."""
    if photometric == 0 and array.dtype in (np.uint8, np.uint16):
        return np.asarray(np.iinfo(array.dtype).max - array)
    if photometric == 3 and page.colormap is not None and array.ndim == 2:
        return np.moveaxis((page.colormap >> 8).astype(np.uint8), 0, -1)[array]
    return array


def _metadata(path: Path, tiff: tifffile.TiffFile, band: int | None) -> tuple[Metadata, dict[int, str]]:
    """What the file says of its first image, or of one band of it; and what it calls its bands."""
    first = tiff.pages[0].aspage()
    tags = {tag.code: (int(tag.dtype), tag.value) for tag in first.tags.values()}
    geotiff = meta.geotiff_tags(tags)
    words = str(geotiff.pop(meta.GDAL_METADATA_TAG, (2, ""))[1])
    if (own := meta.of_band(words, band)) is not None:
        geotiff[meta.GDAL_METADATA_TAG] = (2, own)
    exif, facts = None, meta.profile_facts(_block(tags.get(_ICC_TAG, (7, None))[1]))
    try:
        with path.open("rb") as file, TiffImagePlugin.TiffImageFile(file) as picture:
            block = picture.getexif()
            exif = meta.clean_exif(block, only=meta._IFD0_TAGS)
    except Exception:  # a kind of TIFF that Pillow does not open: its pixels are still good, and its first directory
        block = meta.exif_of_tags(tags)
        exif = meta.clean_exif(block)
    facts |= meta.camera_facts(block) | meta.resolution_facts(None, block)
    history = tags.get(meta.IMAGE_HISTORY_TAG, (2, None))[1]
    xmp = tags.get(meta.XMP_TAG, (1, None))[1]
    found = Metadata(
        exif=exif,
        xmp=_block(xmp),
        geotiff=geotiff,
        nodata=meta.nodata_value(geotiff),
        **{**facts, **meta.provenance_facts(meta.parse_provenance(history))},
    )
    return found, meta.band_names(words)


def _of_page(page: Any) -> dict[str, Any]:
    """What thermend wrote into a page after the first: which frame it is, and how it was made."""
    tag = page.tags.get(meta.IMAGE_HISTORY_TAG) if hasattr(page, "tags") else None
    provenance = meta.parse_provenance(None if tag is None else tag.value)
    return {} if provenance is None else {"provenance": provenance, "frame": meta.frame_facts(provenance)}


def _block(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else None if value is None else bytes(value)


def _written(metadata: Metadata) -> dict[str, Any]:
    """Unit and scaling that thermend's provenance states, or GDAL's band metadata."""
    if metadata.provenance and "unit" in metadata.provenance:
        return meta.written_in(metadata.provenance)
    return meta.written_by_gdal(str(metadata.geotiff.get(meta.GDAL_METADATA_TAG, (2, ""))[1]))
