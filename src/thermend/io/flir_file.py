"""FFF: one frame of a FLIR camera with its calibration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thermend.errors import InputError
from thermend.image import ThermalImage
from thermend.io import fff
from thermend.io.options import ReadOptions
from thermend.io.radiometric_jpeg import flir_image

_LARGEST = 64_000_000  # bytes of a single frame


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """The one frame of a file, in degrees Celsius."""
    if options.unit not in (None, "celsius"):
        raise InputError(path, f"holds temperatures, so that --unit {options.unit} does not apply")
    if path.stat().st_size > _LARGEST:
        raise InputError(path, "is a FLIR recording; recordings are not read yet")
    data = path.read_bytes()
    if any(data.find(signature, 64) > 0 for signature in fff.SIGNATURES):
        raise InputError(path, "is a FLIR recording; recordings are not read yet")
    try:
        frame = fff.read_frame(data)
    except fff.RecordError as error:
        raise InputError(path, f"cannot be read as a FLIR frame ({error})") from error
    yield flir_image(path, frame, options)
