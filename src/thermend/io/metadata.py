"""EXIF, XMP, GeoTIFF and provenance: between files and :class:`thermend.image.Metadata`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from thermend.image import Metadata

PROVENANCE_KEY = "thermend"
IMAGE_HISTORY_TAG = 37395
"""TIFF/EP's ImageHistory, "a record of what has been done to the image": holds the provenance as JSON."""
XMP_TAG = 700
EXIF_IFD, GPS_IFD = 34665, 34853
_IFD0_TAGS = (270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432)
"""Description, make, model, orientation, resolution (3), software, time, artist, copyright; the rest of a TIFF's first
directory says how its pixels are stored and is not metadata."""
_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)
"""Pixel scale, tie points, transformation, three of GeoTIFF's keys, GDAL's metadata and no-data value."""
GDAL_METADATA_TAG, GDAL_NODATA_TAG = 42112, 42113
_EXIF_SIZE_TAGS = (40962, 40963)
_PIXEL_SCALE_TAG, _TIEPOINT_TAG, _TRANSFORMATION_TAG, _GEO_KEYS_TAG = 33550, 33922, 34264, 34735


def clean_exif(exif: Image.Exif, *, only: tuple[int, ...] | None = None) -> bytes | None:
    """EXIF as one block, without the thumbnail, which would show the image as it was.

    Parameters
    ----------
    exif : Image.Exif
        as Pillow reads it
    only : tuple of int or None
        tags of the first directory to keep; None keeps all
    """
    kept = Image.Exif()
    for tag, value in exif.items():
        if tag not in (EXIF_IFD, GPS_IFD, IMAGE_HISTORY_TAG, XMP_TAG) and (only is None or tag in only):
            kept[tag] = value
    for ifd in (EXIF_IFD, GPS_IFD):
        if values := exif.get_ifd(ifd):
            kept.get_ifd(ifd).update(values)
            kept[ifd] = dict(values)
    if not len(kept):
        return None
    try:
        return kept.tobytes()
    except Exception:  # a camera's own tag that Pillow read but cannot write: keep what identifies and locates
        plain = Image.Exif()
        for tag in _IFD0_TAGS:
            if tag in kept:
                plain[tag] = kept[tag]
        if gps := exif.get_ifd(GPS_IFD):
            plain[GPS_IFD] = dict(gps)
        return plain.tobytes()


def load_exif(block: bytes | None) -> Image.Exif:
    """The inverse of :func:`clean_exif`; empty for None."""
    exif = Image.Exif()
    if block:
        exif.load(block)
    return exif


def camera_facts(exif: Image.Exif) -> dict[str, Any]:
    """Camera and time of capture as attributes of `Metadata`."""
    words = (str(exif.get(tag, "")).strip().strip("\x00") for tag in (271, 272))
    make, model = words
    camera = model if model.startswith(make) else f"{make} {model}".strip()
    time = exif.get_ifd(EXIF_IFD).get(36867) or exif.get(306)
    return {"camera": camera or None, "time": str(time).strip("\x00 ") if time else None}


def metadata_of_pillow(image: Image.Image, **facts: Any) -> Metadata:
    """Metadata of a PNG, JPEG or BMP opened with Pillow."""
    exif = image.getexif()
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    provenance = image.info.get(PROVENANCE_KEY) or image.info.get("comment")
    return Metadata(
        exif=clean_exif(exif),
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        **{**camera_facts(exif), **provenance_facts(parse_provenance(provenance)), **facts},
    )


def parse_provenance(text: str | bytes | None) -> dict[str, Any] | None:
    """The provenance that thermend wrote, or None where the text is something else."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("software") == PROVENANCE_KEY else None


def provenance_facts(provenance: dict[str, Any] | None) -> dict[str, Any]:
    """A file's provenance as attributes of `Metadata`: itself, and the settings that its temperatures were computed with."""
    stated = (provenance or {}).get("radiometry") or {}
    known = ("emissivity", "reflected_temperature", "distance")
    return {"provenance": provenance, **{k: stated[k] for k in known if isinstance(stated.get(k), (int, float))}}


def provenance_text(metadata: Metadata) -> str | None:
    """The provenance as JSON in plain ASCII."""
    return None if metadata.provenance is None else json.dumps(dict(metadata.provenance), ensure_ascii=True)


def geotiff_tags(tags: Mapping[int, tuple[int, Any]]) -> dict[int, tuple[int, Any]]:
    """Those of a TIFF's tags that say where on earth it lies, and what GDAL adds to them."""
    return {number: tags[number] for number in _GEO_TAGS if number in tags}


def scale_geotiff(tags: Mapping[int, tuple[int, Any]], scale: int) -> dict[int, tuple[int, Any]]:
    """GeoTIFF tags of an image that has been upsampled `scale` times."""
    scaled = dict(tags)
    if scale == 1:
        return scaled
    keys = tags.get(_GEO_KEYS_TAG, (3, ()))[1]
    entries = [tuple(keys[i : i + 4]) for i in range(4, len(keys), 4)]
    pixel_is_point = any(entry[0] == 1025 and entry[-1] == 2 for entry in entries if len(entry) == 4)
    shift = (scale - 1) / 2 if pixel_is_point else 0.0
    if _PIXEL_SCALE_TAG in tags:
        kind, (x, y, z) = tags[_PIXEL_SCALE_TAG]
        scaled[_PIXEL_SCALE_TAG] = (kind, (x / scale, y / scale, z))
    if _TIEPOINT_TAG in tags:
        kind, points = tags[_TIEPOINT_TAG]
        moved = [p * scale + shift if i % 6 < 2 else p for i, p in enumerate(points)]
        scaled[_TIEPOINT_TAG] = (kind, tuple(moved))
    if _TRANSFORMATION_TAG in tags:
        kind, matrix = tags[_TRANSFORMATION_TAG]
        moved = list(matrix)
        for row in range(0, 16, 4):
            moved[row] = matrix[row] / scale
            moved[row + 1] = matrix[row + 1] / scale
            moved[row + 3] = matrix[row + 3] - shift * (moved[row] + moved[row + 1])
        moved[15] = matrix[15]
        scaled[_TRANSFORMATION_TAG] = (kind, tuple(moved))
    return scaled


def current_gdal_metadata(text: str, unit: str) -> str | None:
    """What GDAL's metadata says that is still true of a result: not its statistics, and of unit, scale and offset only
    where the numbers are what they were (counts).

    Parameters
    ----------
    text : str
        the XML of the tag
    unit : str
        of the numbers that will be stored: ``counts``, ``celsius``, ``centikelvin`` or ``display``
    """

    def keep(item: re.Match[str]) -> str:
        role = re.search(r'role="(\w+)"', item.group(1))
        if re.search(r'name="STATISTICS_', item.group(1)):
            return ""
        if unit != "counts" and role and role.group(1).lower() in ("unittype", "scale", "offset"):
            return ""
        return item.group(0)

    kept = re.sub(r"<Item\b([^>]*)>.*?</Item>\s*", keep, text, flags=re.DOTALL)
    if unit == "celsius" and 'role="unittype"' in text:
        kept = kept.replace(
            "</GDALMetadata>", '<Item name="UNITTYPE" sample="0" role="unittype">degC</Item></GDALMetadata>'
        )
    return kept if "<Item" in kept else None


def scale_exif(block: bytes | None, scale: int) -> bytes | None:
    """EXIF of an image that has been upsampled: its size in pixels, where it is stated, grows along."""
    if block is None or scale == 1:
        return block
    exif = load_exif(block)
    details = exif.get_ifd(EXIF_IFD)
    for tag in _EXIF_SIZE_TAGS:
        if isinstance(details.get(tag), int):
            details[tag] *= scale
    return clean_exif(exif)


def nodata_value(tags: Mapping[int, tuple[int, Any]]) -> float | None:
    """GDAL's no-data value, which is written as text."""
    try:
        return float(str(tags[GDAL_NODATA_TAG][1]).strip("\x00 "))
    except (KeyError, ValueError):
        return None


def encode_ifd(entries: Mapping[int, Any], offset: int) -> bytes:
    """A little-endian TIFF directory that will stand at `offset` of its file."""
    directory = ImageFileDirectory_v2(ifh=b"II*\x00\x00\x00\x00\x00")
    for tag, value in entries.items():
        directory[tag] = value
    return directory.tobytes(offset)
