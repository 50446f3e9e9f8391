"""JPEG files that carry temperatures beside their picture: FLIR, and DJI (by dji-thermal-cli, if it is installed)."""

from __future__ import annotations

import importlib.util
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import JpegImagePlugin

from thermend.errors import InputError, first_line
from thermend.image import ZERO_CELSIUS_IN_KELVIN, Metadata, ThermalImage
from thermend.io import fff
from thermend.io.limits import check_size
from thermend.io.metadata import metadata_of_pillow
from thermend.io.options import RANGE_FINDER, ReadOptions

_APP1, _APP2, _APP3 = 0xE1, 0xE2, 0xE3
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
    """``flir``, ``dji`` or ``infiray`` where the JPEG carries that maker's radiometric data, else None."""
    dji_raw, dji_named = 0, False
    for marker, content in segments(data):
        if marker == _APP1 and content.startswith(b"FLIR\0"):
            return "flir"
        if marker == _APP2 and content[:64].find(b"IJPEG") >= 0:
            return "infiray"
        if marker == _APP3:
            dji_raw += len(content)
        if marker == _APP1 and (b"DJI\0" in content[:4096] or b"drone-dji" in content):
            dji_named = True
    return "dji" if dji_raw >= _DJI_RAW_MINIMUM or (dji_named and dji_raw) else None


def read(path: Path, data: bytes, maker: str, options: ReadOptions) -> Iterator[ThermalImage]:
    """The one image of a radiometric JPEG, in degrees Celsius."""
    if options.unit not in (None, "celsius"):
        raise InputError(path, f"holds temperatures, so that --unit {options.unit} does not apply")
    if maker == "infiray":
        raise InputError(
            path,
            "is a radiometric JPEG of an InfiRay camera, whose temperatures are not read yet; its picture alone would lose them"
            " (the maker's program exports TIFF)",
        )
    yield _read_flir(path, data, options) if maker == "flir" else _read_dji(path, data, options)


def _read_flir(path: Path, data: bytes, options: ReadOptions) -> ThermalImage:
    try:
        frame = fff.read_frame(_flir_record(data))
    except fff.RecordError as error:
        raise InputError(path, f"carries FLIR radiometric data that cannot be read ({error})") from error
    return flir_image(path, frame, options, JpegImagePlugin.JpegImageFile(io.BytesIO(data)))


def flir_image(path: Path, frame: fff.Frame, options: ReadOptions, picture: Any = None) -> ThermalImage:
    """A frame of a FLIR record in degrees Celsius.

    Parameters
    ----------
    path : Path
        of its file, for messages
    frame : Frame
    options : ReadOptions
        what is stated of the scene
    picture : PIL image or None
        the JPEG that carried it, for its metadata
    """
    check_size(path, frame.raw.shape[1], frame.raw.shape[0], options.max_pixels)
    camera = frame.camera.adjusted(options.emissivity, options.distance_in_metres, options.reflected_temperature)
    try:
        celsius = camera.celsius(frame.raw)
    except (fff.RecordError, OverflowError, ValueError) as error:
        raise InputError(path, f"has no valid temperature with these settings ({error})") from error
    if not np.isfinite(celsius).any():
        raise InputError(path, "has no valid temperature with this emissivity, reflected temperature and distance")
    low, high = camera.lowest - ZERO_CELSIUS_IN_KELVIN, camera.highest - ZERO_CELSIUS_IN_KELVIN
    facts: dict[str, Any] = {
        "emissivity": round(camera.emissivity, 4),
        "reflected_temperature": round(camera.reflected - ZERO_CELSIUS_IN_KELVIN, 2),
        "distance": round(camera.distance, 3),
        "serial": camera.serial.strip("*") or None,
        "frame_rate": camera.frame_rate or None,
    }
    if picture is None:
        metadata = Metadata(camera=camera.model.strip("* ") or None, **facts)
    else:
        metadata = metadata_of_pillow(picture, **facts)
    valid_range = (low, high) if -200 < low < high < 5000 else None
    return ThermalImage(celsius, "celsius", valid_range=valid_range, metadata=metadata)


def _flir_record(data: bytes) -> bytes:
    """The record that a JPEG carries in numbered pieces."""
    pieces = [c for marker, c in segments(data) if marker == _APP1 and c.startswith(b"FLIR\0") and len(c) > 8]
    return b"".join(content[8:] for content in sorted(pieces, key=lambda content: content[6]))


def _read_dji(path: Path, data: bytes, options: ReadOptions) -> ThermalImage:
    if importlib.util.find_spec("dji_thermal_cli") is None:
        advice = "pip install 'thermend[dji]'"
        if sys.version_info < (3, 12):  # it asks for 3.12, and runs on 3.10
            advice = "pip install --ignore-requires-python dji-thermal-cli"
        raise InputError(
            path,
            "is a DJI radiometric JPEG; its temperatures are read by the package dji-thermal-cli, whose licence is the AGPL"
            f" ({advice})",
        )
    import dji_thermal_cli

    try:
        settings = dji_thermal_cli.Settings(
            distance="lrf"
            if options.distance == RANGE_FINDER
            else "embedded"
            if options.distance is None
            else options.distance,
            emissivity=options.emissivity,
            reflected_temp=options.reflected_temperature,
        )
        measured = dji_thermal_cli.measure(path, settings, unit="C")
        celsius = np.array(measured.temperature, np.float32)
    except Exception as error:
        raise InputError(path, f"carries DJI radiometric data that cannot be read ({first_line(error)})") from error
    check_size(path, celsius.shape[1], celsius.shape[0], options.max_pixels)
    celsius[celsius <= -ZERO_CELSIUS_IN_KELVIN + 0.01] = np.nan
    if not np.isfinite(celsius).any():
        raise InputError(path, "has no valid pixel")
    return ThermalImage(
        celsius,
        "celsius",
        metadata=metadata_of_pillow(JpegImagePlugin.JpegImageFile(io.BytesIO(data)), **_dji_settings(measured)),
    )


def _dji_settings(measured: Any) -> dict[str, float]:
    """What the temperatures were computed with."""
    names = {"emissivity": "emissivity", "reflection": "reflected_temperature", "distance": "distance"}
    stated = dict(getattr(measured, "params", None) or {})
    return {ours: round(float(stated[theirs]), 4) for theirs, ours in names.items() if theirs in stated}
