"""TIFF: 8 and 16 bits, floating point, several pages, GeoTIFF, EXIF and GPS."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from thermend.errors import InputError, first_line
from thermend.image import Depth, Metadata, ThermalImage
from thermend.io import metadata as meta
from thermend.io import storage
from thermend.io.limits import check_size
from thermend.io.options import ReadOptions
from thermend.io.samples import alpha_as, mask_file, multiplied_back, one_grey, separated, top_of
from thermend.version import __version__

_PLACEHOLDERS = {meta.EXIF_IFD: 34664, meta.GPS_IFD: 34852}
"""tifffile keeps the pointers to directories to itself: unused neighbours, in the same order, stand in for them."""
_LAYOUT = re.compile(r'\s*(\{"shape"|ImageJ=|<\?xml[^>]*>\s*(<!--.*?-->\s*)*<OME|<OME)', re.DOTALL)
"""Descriptions by tifffile, ImageJ and OME that tell how the file's own pages lie; of a result they would be untrue."""
_COLOURED = (2, 6, 8)  # RGB, YCbCr, CIELab
_ICC_TAG = 34675
_CLASSIC_LIMIT = 3_900_000_000  # bytes; beyond it only BigTIFF can hold the offsets


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """Every full-size page of a TIFF file, one after another."""
    _check_chain(path)
    with tifffile.TiffFile(path) as tiff:
        if not len(tiff.pages):
            raise InputError(path, "is a TIFF file without pages")
        metadata, names = _metadata(path, tiff, options.band)
        for page, array, mask in _arrays(path, tiff):
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
            image = storage.image_of(
                path,
                grey,
                options,
                replace(metadata, transparency=transparency, palette=palette or metadata.palette),
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
        first = next(page.aspage() for page in tiff.pages if _is_image(page))
        return int(first.imagelength), int(first.imagewidth)


def count_pages(path: Path) -> int:
    """How many images :func:`read` gives."""
    _check_chain(path)
    with tifffile.TiffFile(path) as tiff:
        if _contiguous_stack(tiff):
            return int(tiff.series[0].shape[0])
        return sum(_is_image(page) for page in tiff.pages)


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
            found = np.asarray(page.asarray()) if page.shape[:2] == shape[:2] else None
    except Exception as error:
        raise InputError(path, f"has a mask, {beside.name}, that cannot be read ({first_line(error)})") from error
    if found is None:
        raise InputError(path, f"has a mask, {beside.name}, of another size")
    return np.where(found.reshape(*shape[:2], -1)[..., 0] != 0, 255, 0).astype(np.uint8)


def _arrays(path: Path, tiff: tifffile.TiffFile) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.uint8] | None]]:
    """Pages, what they hold, (H, W) or (H, W, samples), and their masks."""
    if _contiguous_stack(tiff):
        page = tiff.pages[0]
        check_size(path, page.imagewidth, page.imagelength)
        if page.dataoffsets[0] + tiff.series[0].nbytes > tiff.filehandle.size:
            raise InputError(path, "is cut short: its pixels end beyond the file")
        stack = tiff.series[0].asarray(out="memmap")
        for array in stack:
            yield page, np.asarray(array), None
        return
    end = tiff.filehandle.size
    for index, page in enumerate(tiff.pages):
        page = page.aspage()
        if not _is_image(page):
            continue
        check_size(path, page.imagewidth, page.imagelength)
        if page.imagedepth != 1:
            raise InputError(path, f"is {page.imagedepth} pixels deep; a thermal image is flat")
        if any(offset + count > end for offset, count in zip(page.dataoffsets, page.databytecounts)):
            raise InputError(path, "is cut short: its pixels end beyond the file")
        yield page, _decode_page(path, page, index), _mask_of(tiff, index, page)


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


def _block(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else None if value is None else bytes(value)


def _written(metadata: Metadata) -> dict[str, Any]:
    """Unit and scaling that thermend's provenance states, or GDAL's band metadata."""
    if metadata.provenance and "unit" in metadata.provenance:
        return meta.written_in(metadata.provenance)
    return meta.written_by_gdal(str(metadata.geotiff.get(meta.GDAL_METADATA_TAG, (2, ""))[1]))


def write(images: Iterable[ThermalImage], path: Path, depth: Depth | None, pages: int = 1) -> None:
    """Write one page an image; metadata of the first, provenance of each.

    Parameters
    ----------
    depth : Depth or None
        None keeps each image's own, but for temperatures, which are written as float32
    pages : int
        how many there will be, so that a large file gets 64-bit offsets
    """
    writer: tifffile.TiffWriter | None = None
    exif_ifds: dict[int, Any] = {}
    big = False
    try:
        for image in images:
            stored = storage.encode(image, storage.depth_of(image, depth))
            tags: dict[str, Any] = {"metadata": None, "photometric": "minisblack"}
            masked = image.alpha is not None and image.metadata.transparency == "mask"
            dtype = stored.dtype
            if image.alpha is not None and not masked:
                kind = image.metadata.transparency
                stored = _with_alpha(stored, alpha_as(image.alpha, dtype), kind == "associated")
                extra = "assocalpha" if kind == "associated" else "unassalpha"
                tags |= {"extrasamples": [extra], "planarconfig": "contig"}
            if writer is None:
                big = stored.nbytes * pages > _CLASSIC_LIMIT
                writer = tifffile.TiffWriter(path, bigtiff=big, byteorder="<")
                exif_ifds = {} if big else _exif_ifds(image.metadata)
                tags.update(_tags(_current(image, dtype), tuple(exif_ifds)))
            elif history := meta.provenance_text(image.metadata):
                tags["extratags"] = [(meta.IMAGE_HISTORY_TAG, 2, 0, history.encode(), True)]
            writer.write(stored, contiguous=False, **tags)
            if masked and image.alpha is not None:
                writer.write(image.alpha != 0, contiguous=False, photometric="mask", subfiletype=4, metadata=None)
    finally:
        if writer is not None:
            writer.close()
    if exif_ifds:
        _append_ifds(path, exif_ifds)


def _with_alpha(stored: NDArray[Any], alpha: NDArray[Any], associated: bool) -> NDArray[Any]:
    """Image and alpha as samples of one pixel, (H, W, 2); the image multiplied by associated alpha."""
    if associated:
        top = top_of(alpha.dtype)
        partly = (alpha > 0) & (alpha < top)
        share = stored.astype(np.float64) * alpha / top
        share = share if stored.dtype.kind == "f" else np.rint(share)
        stored = np.where(partly, share, stored).astype(stored.dtype)
    return np.dstack([stored, alpha])


def _current(image: ThermalImage, dtype: Any) -> Metadata:
    """The metadata, with what GDAL says of the numbers as it is true of those that are stored."""
    geotiff = dict(image.metadata.geotiff)
    unit = storage.stored_unit(image, "uint16" if dtype == np.uint16 else "float32")
    kind, text = geotiff.pop(meta.GDAL_METADATA_TAG, (2, ""))
    text = meta.current_gdal_metadata(str(text), unit, image.metadata.scaling) if text or unit == "scaled" else None
    if text:
        geotiff[meta.GDAL_METADATA_TAG] = (kind, text)
    if image.alpha is None and storage.stored_nodata(image.metadata.nodata, dtype) is None:
        geotiff.pop(meta.GDAL_NODATA_TAG, None)
        if image.nodata is not None and np.dtype(dtype).kind in "iu":
            geotiff[meta.GDAL_NODATA_TAG] = (2, "0")  # what such pixels are stored as
    return replace(image.metadata, geotiff=geotiff)


def _exif_ifds(metadata: Metadata) -> dict[int, Any]:
    exif = meta.load_exif(metadata.exif)
    return {ifd: dict(exif.get_ifd(ifd)) for ifd in (meta.EXIF_IFD, meta.GPS_IFD) if exif.get_ifd(ifd)}


def _tags(metadata: Metadata, ifds: tuple[int, ...]) -> dict[str, Any]:
    """Arguments of `TiffWriter.write` that carry the metadata; directories get a placeholder."""
    exif = meta.load_exif(metadata.exif)
    extra: list[tuple[int, Any, int, Any, bool]] = []
    for tag in (271, 272, 315, 33432):
        if text := str(exif.get(tag, "")).strip("\x00"):
            extra.append((tag, 2, 0, text.encode(), True))
    if 274 in exif:
        extra.append((274, 3, 1, int(exif[274]), True))
    for number, (kind, value) in metadata.geotiff.items():
        if kind == 2 or isinstance(value, str):
            extra.append((number, 2, 0, str(value).encode(), True))
        else:
            values = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,)
            extra.append((number, kind, len(values), values if len(values) > 1 else values[0], True))
    if metadata.xmp:
        extra.append((meta.XMP_TAG, 1, len(metadata.xmp), metadata.xmp, True))
    if history := meta.provenance_text(metadata):
        extra.append((meta.IMAGE_HISTORY_TAG, 2, 0, history.encode(), True))
    extra.extend((_PLACEHOLDERS[ifd], 4, 1, 0, True) for ifd in ifds)
    tags: dict[str, Any] = {
        "extratags": extra,
        "software": str(exif.get(305, "") or f"thermend {__version__}").encode(),
    }
    if (description := str(exif.get(270, "")).strip("\x00")) and not _LAYOUT.match(description):
        tags["description"] = description.encode()
    if re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", time := str(exif.get(306, "")).strip("\x00 ")):
        tags["datetime"] = time
    if 282 in exif and 283 in exif and float(exif[282] or 0) > 0 and float(exif[283] or 0) > 0:
        tags["resolution"] = (float(exif[282]), float(exif[283]))
        tags["resolutionunit"] = int(exif.get(296, 2) or 2)
    elif metadata.dpi is not None:
        tags["resolution"], tags["resolutionunit"] = metadata.dpi, 2
    if metadata.icc:
        tags["iccprofile"] = metadata.icc
    return tags


def _append_ifds(path: Path, ifds: dict[int, Any]) -> None:
    """Put EXIF and GPS directories at the file's end and point to them where the first page has its placeholders."""
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].aspage().tags
        places = {ifd: (tags[_PLACEHOLDERS[ifd]].offset, tags[_PLACEHOLDERS[ifd]].valueoffset) for ifd in ifds}
    with path.open("r+b") as file:
        for ifd, entries in ifds.items():
            offset = file.seek(0, 2)
            if offset % 2:
                offset += file.write(b"\0")
            file.write(meta.encode_ifd(entries, offset))
            code, value = places[ifd]
            file.seek(code)
            file.write(struct.pack("<H", ifd))
            file.seek(value)
            file.write(struct.pack("<I", offset))
