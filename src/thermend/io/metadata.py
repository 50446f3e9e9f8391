"""EXIF, XMP, GeoTIFF and provenance: between files and :class:`thermend.image.Metadata`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from thermend.image import ZERO_CELSIUS_IN_KELVIN, FrameFacts, Metadata

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
_GDAL_AT_MOST = 1_000_000  # characters
_UNIT_WORDS = {
    **dict.fromkeys(("celsius", "degc", "deg c", "c", "degree celsius", "degrees celsius", "°c"), "celsius"),
    **dict.fromkeys(("kelvin", "k", "degrees kelvin"), "kelvin"),
    **dict.fromkeys(
        ("fahrenheit", "degf", "deg f", "f", "degree fahrenheit", "degrees fahrenheit", "°f"), "fahrenheit"
    ),
    **dict.fromkeys(("centikelvin", "ck"), "centikelvin"),
}
_TO_CELSIUS = {
    "celsius": (1.0, 0.0),
    "kelvin": (1.0, -ZERO_CELSIUS_IN_KELVIN),
    "centikelvin": (0.01, -ZERO_CELSIUS_IN_KELVIN),
    "fahrenheit": (5 / 9, -32 * 5 / 9),
}
"""Gain and offset from a unit to degrees Celsius."""
_EXIF_SIZE_TAGS = (40962, 40963)
_MAKER_NOTE, _INTEROP_IFD, _SERIAL_NUMBER = 37500, 40965, 42033
"""A maker's note says where its parts lie in the file that it came from: of another file that is untrue."""
_PIXEL_SCALE_TAG, _TIEPOINT_TAG, _TRANSFORMATION_TAG, _GEO_KEYS_TAG = 33550, 33922, 34264, 34735
_PLACES = (_PIXEL_SCALE_TAG, _TIEPOINT_TAG, _TRANSFORMATION_TAG)


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
        if values := {k: v for k, v in exif.get_ifd(ifd).items() if k not in (_MAKER_NOTE, _INTEROP_IFD)}:
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


def exif_of_tags(tags: Mapping[int, tuple[int, Any]]) -> Image.Exif:
    """What a TIFF's first directory says besides its pixels, of tags as tifffile reads them."""
    exif = Image.Exif()
    for tag in _IFD0_TAGS:
        kind, value = tags.get(tag, (0, None))
        if kind == 5 and isinstance(value, tuple) and len(value) == 2 and value[1]:
            exif[tag] = IFDRational(*value)
        elif isinstance(value, (str, int)):
            exif[tag] = int(value) if isinstance(value, int) else value
    return exif


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
    serial = str(exif.get_ifd(EXIF_IFD).get(_SERIAL_NUMBER, "")).strip("\x00 ")
    found: dict[str, Any] = {"camera": camera or None, "time": str(time).strip("\x00 ") if time else None}
    return found | ({"serial": serial} if serial else {})


def metadata_of_pillow(image: Image.Image, **facts: Any) -> Metadata:
    """Metadata of a PNG, JPEG or BMP opened with Pillow."""
    exif = image.getexif()
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    provenance = image.info.get(PROVENANCE_KEY) or image.info.get("comment")
    stated = image.info.get("dpi")
    facts = profile_facts(image.info.get("icc_profile")) | resolution_facts(stated, exif) | facts
    return Metadata(
        exif=clean_exif(exif),
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        **{**camera_facts(exif), **provenance_facts(parse_provenance(provenance)), **facts},
    )


def profile_facts(profile: bytes | None) -> dict[str, Any]:
    """An ICC profile as attributes of `Metadata`: one of grey levels goes along; one of colours cannot go with a grey image,
    and sRGB's says of grey levels what they are taken for without it."""
    if not profile or len(profile) < 128:
        return {}
    if profile[16:20] == b"GRAY":
        return {"icc": bytes(profile)}
    return {} if b"sRGB" in profile.replace(b"\x00", b"") else {"left": ("its colour profile",)}


def resolution_facts(dpi: Any, exif: Image.Exif) -> dict[str, Any]:
    """Pixels an inch as attributes of `Metadata`: as a decoder states them, or of EXIF."""
    try:
        unit = {2: 1.0, 3: 2.54}.get(int(exif.get(296, 2) or 2))
        if dpi is None and unit is not None and 282 in exif and 283 in exif:
            dpi = (float(exif[282]) * unit, float(exif[283]) * unit)
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return {}
    return {"dpi": (across, down)} if all(math.isfinite(v) and v > 1 for v in (across, down)) else {}


def resolution_of(exif: Image.Exif) -> tuple[float, float, int] | None:
    """Pixels a unit across and down, and the unit by TIFF's number (1 none, 2 inch, 3 centimetre), where EXIF states what
    means something."""
    try:
        across, down = float(exif[282]), float(exif[283])
        unit = int(exif.get(296, 2) or 2)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not all(0 < value < 2**31 for value in (across, down)):  # also what is no number
        return None
    return across, down, unit if unit in (1, 2, 3) else 1


def parse_provenance(text: str | bytes | None) -> dict[str, Any] | None:
    """The provenance that thermend wrote, or None where the text is something else."""
    if not isinstance(text, (str, bytes)):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("software") == PROVENANCE_KEY else None


def provenance_facts(provenance: dict[str, Any] | None) -> dict[str, Any]:
    """A file's provenance as attributes of `Metadata`: itself, and the settings that its temperatures were computed with."""
    stated = (provenance or {}).get("radiometry")
    stated = stated if isinstance(stated, dict) else {}
    known = ("emissivity", "reflected_temperature", "distance")
    camera = (provenance or {}).get("camera")
    camera = camera if isinstance(camera, dict) else {}
    found: dict[str, Any] = {k: stated[k] for k in known if isinstance(stated.get(k), (int, float))}
    if isinstance(camera.get("serial"), str):
        found["serial"] = camera["serial"]
    if isinstance(camera.get("frame_rate"), (int, float)):
        found["frame_rate"] = camera["frame_rate"]
    return {"provenance": provenance, "frame": frame_facts(provenance), **found}


def frame_facts(provenance: Mapping[str, Any] | None) -> FrameFacts | None:
    """Which frame of a recording a page is, as thermend wrote it."""
    said = (provenance or {}).get("frame")
    if not isinstance(said, dict) or not isinstance(said.get("number"), int):
        return None
    time, shutter = said.get("time"), said.get("shutter")
    return FrameFacts(
        said["number"],
        float(time) if isinstance(time, (int, float)) and math.isfinite(time) else None,
        shutter if isinstance(shutter, bool) else None,
    )


def provenance_text(metadata: Metadata) -> str | None:
    """The provenance as JSON in plain ASCII."""
    return None if metadata.provenance is None else json.dumps(dict(metadata.provenance), ensure_ascii=True)


def geotiff_tags(tags: Mapping[int, tuple[int, Any]]) -> dict[int, tuple[int, Any]]:
    """Those of a TIFF's tags that say where on earth it lies, and what GDAL adds to them."""
    return {number: tags[number] for number in _GEO_TAGS if number in tags}


def scale_geotiff(tags: Mapping[int, tuple[int, Any]], scale: int) -> dict[int, tuple[int, Any]]:
    """GeoTIFF tags of an image that has been upsampled `scale` times; what places nothing (text) is left out."""
    if scale == 1:
        return dict(tags)
    scaled = {tag: pair for tag, pair in tags.items() if tag not in _PLACES or _numbers(pair[1])}
    keys = _numbers(tags.get(_GEO_KEYS_TAG, (3, ()))[1])
    entries = [keys[i : i + 4] for i in range(4, len(keys), 4)]
    pixel_is_point = any(entry[0] == 1025 and entry[-1] == 2 for entry in entries if len(entry) == 4)
    shift = (scale - 1) / 2 if pixel_is_point else 0.0
    if _PIXEL_SCALE_TAG in scaled:
        kind, sizes = scaled[_PIXEL_SCALE_TAG]
        smaller = tuple(size / scale if i < 2 else size for i, size in enumerate(_numbers(sizes)))
        scaled[_PIXEL_SCALE_TAG] = (kind, smaller)
    if _TIEPOINT_TAG in scaled:
        kind, points = scaled[_TIEPOINT_TAG]
        moved = [p * scale + shift if i % 6 < 2 else p for i, p in enumerate(_numbers(points))]
        scaled[_TIEPOINT_TAG] = (kind, tuple(moved))
    if _TRANSFORMATION_TAG in scaled:
        kind, given = scaled.pop(_TRANSFORMATION_TAG)
        matrix = _numbers(given)
        if len(matrix) == 16:
            moved = list(matrix)
            for row in range(0, 12, 4):
                moved[row] = matrix[row] / scale
                moved[row + 1] = matrix[row + 1] / scale
                moved[row + 3] = matrix[row + 3] - shift * (moved[row] + moved[row + 1])
            scaled[_TRANSFORMATION_TAG] = (kind, tuple(moved))
    return scaled


def _numbers(value: Any) -> tuple[Any, ...]:
    """The numbers of a tag; none where it holds something else."""
    if isinstance(value, (str, bytes)):
        return ()
    values = (value,) if isinstance(value, (int, float)) else tuple(value)
    return values if all(isinstance(v, (int, float)) for v in values) else ()


def gdal_items(text: str) -> list[tuple[dict[str, str], str]]:
    """Attributes and text of the items in GDAL's metadata; none where it is not such."""
    text = text.strip("\x00 \n\r\t")
    if not text or len(text) > _GDAL_AT_MOST or "<!" in text:  # no entities: nothing in it may grow
        return []
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return []
    return [(dict(item.attrib), item.text or "") for item in root if item.tag == "Item"]


def of_band(text: str, band: int | None) -> str | None:
    """What GDAL's metadata says of a file, and of one of its bands (from 1; None, the first), as of a file's only band."""
    own = str((band or 1) - 1)
    kept = [
        ({**attributes, **({"sample": "0"} if "sample" in attributes else {})}, value)
        for attributes, value in gdal_items(text)
        if attributes.get("sample", own) == own
    ]
    return _as_gdal(kept)


def band_names(text: str) -> dict[int, str]:
    """What GDAL's metadata calls a file's bands, from 1."""
    return {
        int(attributes["sample"]) + 1: value.strip()
        for attributes, value in gdal_items(text)
        if attributes.get("role", "").lower() == "description" and attributes.get("sample", "").isdecimal()
    }


def _as_gdal(items: list[tuple[dict[str, str], str]]) -> str | None:
    if not items:
        return None
    root = ElementTree.Element("GDALMetadata")
    for attributes, value in items:
        ElementTree.SubElement(root, "Item", attributes).text = value
    return ElementTree.tostring(root, encoding="unicode")


def written_by_gdal(text: str) -> dict[str, Any]:
    """Unit and scaling that GDAL's metadata states of the first band, as :func:`thermend.io.storage.decode` takes them."""
    found: dict[str, str] = {}
    for attributes, value in gdal_items(text):
        role = attributes.get("role", "").lower()
        if role in ("unittype", "scale", "offset") and attributes.get("sample", "0") == "0":
            found.setdefault(role, value.strip())
    unit = _UNIT_WORDS.get(" ".join(found.get("unittype", "").lower().replace("_", " ").split()))
    try:
        scale, offset = float(found.get("scale", "1")), float(found.get("offset", "0"))
    except ValueError:
        return {"written_unit": unit}
    if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0 or (scale, offset) == (1.0, 0.0):
        return {"written_unit": unit}
    if unit is None:
        return {"written_unit": None, "written_gain": (scale, offset)}
    gain, zero = _TO_CELSIUS[unit]
    return {"written_unit": unit, "written_scaling": (scale * gain, offset * gain + zero)}


def written_in(provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Unit and scaling that thermend wrote, as :func:`thermend.io.storage.decode` takes them."""
    unit, scaling = (provenance or {}).get("unit"), (provenance or {}).get("scaling")
    pair = scaling if isinstance(scaling, list) and len(scaling) == 2 else []
    if unit == "scaled" and pair and all(isinstance(v, (int, float)) and math.isfinite(v) for v in pair) and pair[0]:
        return {"written_unit": None, "written_scaling": (float(pair[0]), float(pair[1]))}
    return {"written_unit": unit if isinstance(unit, str) else None}


def current_gdal_metadata(text: str, unit: str, scaling: tuple[float, float] | None = None) -> str | None:
    """What GDAL's metadata says that is still true of a result: not its statistics, and of unit, scale and offset only
    where the numbers are what they were (counts).

    Parameters
    ----------
    text : str
        the XML of the tag
    unit : str
        of the numbers that will be stored: ``counts``, ``celsius``, ``centikelvin``, ``display`` or ``scaled``
    scaling : tuple or None
        kelvin a count and degrees Celsius at 0, of ``scaled`` ones
    """
    kept, stated = [], False
    for attributes, value in gdal_items(text):
        role = attributes.get("role", "").lower()
        stated = stated or role == "unittype"
        if attributes.get("name", "").startswith("STATISTICS_"):
            continue
        if unit != "counts" and role in ("unittype", "scale", "offset"):
            continue
        kept.append((attributes, value))
    if unit == "scaled" and scaling is not None:
        said = {"SCALE": repr(scaling[0]), "OFFSET": repr(scaling[1]), "UNITTYPE": "degC"}
        kept += [({"name": name, "sample": "0", "role": name.lower()}, value) for name, value in said.items()]
    elif unit == "celsius" and stated:
        kept.append(({"name": "UNITTYPE", "sample": "0", "role": "unittype"}, "degC"))
    return _as_gdal(kept)


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
