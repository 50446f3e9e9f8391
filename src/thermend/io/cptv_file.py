"""CPTV: counts of a wildlife camera, with the times of its flat-field corrections; needs the package `cptv`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.image import FrameFacts, Metadata, ThermalImage
from thermend.io import storage
from thermend.io.cut_short import warn_of_cut
from thermend.io.limits import check_size
from thermend.io.options import ReadOptions


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """The frames of a recording, without the background that the camera puts in front."""
    if importlib.util.find_spec("cptv") is None:
        raise MissingDependencyError(f"{path}: CPTV needs the package cptv; install it with: pip install cptv")
    from cptv import CPTVReader

    with path.open("rb") as file:
        try:
            reader = CPTVReader(file)
        except Exception as error:
            raise InputError(path, f"cannot be read as CPTV ({first_line(error)})") from error
        check_size(path, int(reader.x_resolution), int(reader.y_resolution), options.max_pixels)
        metadata = _metadata(reader)
        frames, given = iter(reader), 0
        start = shut = None
        while True:
            try:
                frame = next(frames, None)
            except Exception as error:
                if not given:
                    raise InputError(path, f"is damaged or cut short ({first_line(error)})") from error
                warn_of_cut(path, f"is cut short: {given} frames are whole")
                return
            if frame is None:
                break
            if frame.background_frame:
                continue
            on = _seconds(frame.time_on)
            start = on if start is None else start
            closed = _seconds(frame.last_ffc_time)
            shutter = None if closed is None else given > 0 and closed != shut
            shut = closed
            time = None if on is None or start is None else round(on - start, 3)
            facts = Metadata(**{**metadata, "frame": FrameFacts(given, time, shutter)})
            yield storage.image_of(path, np.array(frame.pix, np.uint16), options, facts)
            given += 1
        if not given:
            raise InputError(path, "holds no frame")


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


def _metadata(reader: Any) -> dict[str, Any]:
    def text(value: Any) -> str:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")

    camera = " ".join(part for part in (text(reader.brand), text(reader.model)) if part) or text(reader.device_name)
    time = reader.timestamp
    return {
        "camera": camera or None,
        "time": None if time is None else f"{time:%Y:%m:%d %H:%M:%S}",
        "frame_rate": float(reader.fps) if reader.fps else None,
    }
