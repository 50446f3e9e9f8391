"""JPEG files that carry temperatures beside their picture: FLIR (read by flyr) and DJI (by dji-thermal-cli, if present)."""

from __future__ import annotations

import importlib.util
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import JpegImagePlugin

from thermend.errors import InputError, first_line
from thermend.image import ZERO_CELSIUS_IN_KELVIN, ThermalImage
from thermend.io.limits import check_size
from thermend.io.metadata import metadata_of_pillow
from thermend.io.options import ReadOptions

_APP1, _APP3 = 0xE1, 0xE3
_FLIR_RECORDS_AT_MOST = 1024
_DJI_RAW_MINIMUM = 65536  # bytes of APP3 that no other use of that marker fills


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG's segments, up to the picture itself."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xDA:
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length


def maker_of_radiometry(data: bytes) -> str | None:
    """``flir`` or ``dji`` where the JPEG carries that maker's radiometric data, else None."""
    dji_raw, dji_named = 0, False
    for marker, content in segments(data):
        if marker == _APP1 and content.startswith(b"FLIR\0"):
            return "flir"
        if marker == _APP3:
            dji_raw += len(content)
        if marker == _APP1 and (b"DJI\0" in content[:4096] or b"drone-dji" in content):
            dji_named = True
    return "dji" if dji_raw >= _DJI_RAW_MINIMUM or (dji_named and dji_raw) else None


def read(path: Path, data: bytes, maker: str, options: ReadOptions) -> Iterator[ThermalImage]:
    """The one image of a radiometric JPEG, in degrees Celsius."""
    if options.unit not in (None, "celsius"):
        raise InputError(path, f"holds temperatures, so that --unit {options.unit} does not apply")
    yield _read_flir(path, data, options) if maker == "flir" else _read_dji(path, data, options)


def _read_flir(path: Path, data: bytes, options: ReadOptions) -> ThermalImage:
    import flyr

    try:
        _check_flir_directory(data)
        thermogram = flyr.unpack(io.BytesIO(data))
        stated = {
            "emissivity": options.emissivity,
            "object_distance": options.distance,
            "reflected_apparent_temperature": None
            if options.reflected_temperature is None
            else options.reflected_temperature + ZERO_CELSIUS_IN_KELVIN,
        }
        thermogram = thermogram.adjust_metadata(**{k: v for k, v in stated.items() if v is not None})
        celsius = np.asarray(thermogram.celsius, np.float32)
    except Exception as error:
        raise InputError(path, f"carries FLIR radiometric data that cannot be read ({first_line(error)})") from error
    check_size(path, celsius.shape[1], celsius.shape[0])
    if not np.isfinite(celsius).any():
        raise InputError(path, "has no valid temperature with this emissivity, reflected temperature and distance")
    facts = thermogram.metadata
    low, high = (
        float(facts.get(f"camera_temperature_range_{end}", 0)) - ZERO_CELSIUS_IN_KELVIN for end in ("min", "max")
    )
    return ThermalImage(
        celsius,
        "celsius",
        valid_range=(low, high) if -200 < low < high < 5000 else None,
        metadata=metadata_of_pillow(
            JpegImagePlugin.JpegImageFile(io.BytesIO(data)),
            emissivity=round(float(facts["emissivity"]), 4),
            reflected_temperature=round(float(facts["reflected_apparent_temperature"]) - ZERO_CELSIUS_IN_KELVIN, 2),
            distance=round(float(facts["object_distance"]), 3),
        ),
    )


def _check_flir_directory(data: bytes) -> None:
    """Refuse a record directory that cannot be: flyr would walk through billions of entries."""
    pieces = [content for marker, content in segments(data) if marker == _APP1 and content.startswith(b"FLIR\0")]
    first = next((p[8:] for p in pieces if len(p) > 8 and p[6] == 0), b"")
    total = sum(len(p) - 8 for p in pieces)
    if not first.startswith((b"FFF\0", b"AFF\0")) or len(first) < 64:
        raise ValueError("no FLIR record directory")
    offset, entries = struct.unpack_from(">II", first, 24)
    if entries > _FLIR_RECORDS_AT_MOST or offset + 32 * entries > total:
        raise ValueError(f"a record directory of {entries} entries at {offset} in {total} bytes")


def _read_dji(path: Path, data: bytes, options: ReadOptions) -> ThermalImage:
    if importlib.util.find_spec("dji_thermal_cli") is None:
        advice = "pip install 'thermend[dji]'"
        if sys.version_info < (3, 12):
            advice = f"which needs Python 3.12 or newer; this is {sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            path, f"is a DJI radiometric JPEG; its temperatures are read by the package dji-thermal-cli ({advice})"
        )
    import dji_thermal_cli

    try:
        settings = dji_thermal_cli.Settings(
            distance="lrf" if options.distance is None else options.distance,
            emissivity=options.emissivity,
            reflected_temp=options.reflected_temperature,
        )
        measured = dji_thermal_cli.measure(path, settings, unit="C")
        celsius = np.array(measured.temperature, np.float32)
    except Exception as error:
        raise InputError(path, f"carries DJI radiometric data that cannot be read ({first_line(error)})") from error
    check_size(path, celsius.shape[1], celsius.shape[0])
    celsius[celsius <= -ZERO_CELSIUS_IN_KELVIN + 0.01] = np.nan
    if not np.isfinite(celsius).any():
        raise InputError(path, "has no valid pixel")
    return ThermalImage(
        celsius, "celsius", metadata=metadata_of_pillow(JpegImagePlugin.JpegImageFile(io.BytesIO(data)))
    )
