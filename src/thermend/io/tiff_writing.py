"""TIFF written page by page: pixels at a depth, masks and alpha, GeoTIFF, EXIF and GPS, provenance of each page."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from thermend.image import Depth, Metadata, ThermalImage
from thermend.io import metadata as meta
from thermend.io import storage
from thermend.io.samples import alpha_as, top_of
from thermend.version import __version__

_PLACEHOLDERS = {meta.EXIF_IFD: 34664, meta.GPS_IFD: 34852}
"""tifffile keeps the pointers to directories to itself: unused neighbours, in the same order, stand in for them."""
_LAYOUT = re.compile(r'\s*(\{"shape"|ImageJ=|<\?xml[^>]*>\s*(<!--.*?-->\s*)*<OME|<OME)', re.DOTALL)
"""Descriptions by tifffile, ImageJ and OME that tell how the file's own pages lie; of a result they would be untrue."""
_CLASSIC_LIMIT = 3_900_000_000  # bytes; beyond it only BigTIFF can hold the offsets
_COMPRESSION: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 1}, "predictor": True}


def write(images: Iterable[ThermalImage], path: Path, depth: Depth | None, pages: int = 1) -> None:
    """Write one page an image; metadata of the first, provenance of each.

    Parameters
    ----------
    depth : Depth or None
        None keeps each image's own, but for temperatures, which are written as float32
    pages : int
        how many there will be, so that a large file gets 64-bit offsets
    """
    with PageWriter(path, depth, pages) as writer:
        for image in images:
            writer.write(image)


class PageWriter:
    """A TIFF file that grows by a page an image.

    Parameters
    ----------
    path : Path
    depth : Depth or None
        as for :func:`write`
    pages : int or None
        how many there will be; None where nobody knows, for a BigTIFF of compressed pages
    append : bool
        whether the file is there already and its pages stay
    """

    def __init__(self, path: Path, depth: Depth | None, pages: int | None, *, append: bool = False) -> None:
        self._path, self._depth, self._pages, self._append = path, depth, pages, append
        self._writer: tifffile.TiffWriter | None = None
        self._exif_ifds: dict[int, Any] = {}

    def write(self, image: ThermalImage) -> None:
        """Add a page."""
        stored = storage.encode(image, storage.depth_of(image, self._depth))
        tags: dict[str, Any] = {"metadata": None, "photometric": "minisblack"}
        if self._pages is None:
            tags |= _COMPRESSION
        masked = image.alpha is not None and image.metadata.transparency == "mask"
        dtype = stored.dtype
        if image.alpha is not None and not masked:
            kind = image.metadata.transparency
            stored = _with_alpha(stored, alpha_as(image.alpha, dtype), kind == "associated")
            extra = "assocalpha" if kind == "associated" else "unassalpha"
            tags |= {"extrasamples": [extra], "planarconfig": "contig"}
        if self._writer is None and not self._append:
            big = self._pages is None or stored.nbytes * self._pages > _CLASSIC_LIMIT
            self._writer = tifffile.TiffWriter(self._path, bigtiff=big, byteorder="<")
            self._exif_ifds = {} if big else _exif_ifds(image.metadata)
            tags.update(_tags(_current(image, dtype), tuple(self._exif_ifds)))
        else:
            if self._writer is None:
                self._writer = tifffile.TiffWriter(self._path, append=True)
            if history := meta.provenance_text(image.metadata):
                tags["extratags"] = [(meta.IMAGE_HISTORY_TAG, 2, 0, history.encode(), True)]
        self._writer.write(stored, contiguous=False, **tags)
        if masked and image.alpha is not None:
            self._writer.write(image.alpha != 0, contiguous=False, photometric="mask", subfiletype=4, metadata=None)

    def close(self) -> None:
        """End the file, which can be read from then on."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            if self._exif_ifds:
                _append_ifds(self._path, self._exif_ifds)

    def __enter__(self) -> PageWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    if exif.get(274) in range(1, 9):
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
    if resolution := meta.resolution_of(exif):
        *tags["resolution"], tags["resolutionunit"] = resolution
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
