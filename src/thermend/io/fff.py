"""FLIR's records: raw counts and what the camera knows, as they lie in FFF files, in radiometric JPEG and in recordings.

Offsets are those that ExifTool documents (FLIR tags, P. Harvey); the physics is FLIR's, in G. J. Tattersall, Thermimage (2017).
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from thermend.image import ZERO_CELSIUS_IN_KELVIN

SIGNATURES = (b"FFF\0", b"AFF\0")
_RAW, _CAMERA = 1, 32
_VERSIONS = range(100, 200)
_RECORDS_AT_MOST = 1024
_SIDE_AT_MOST = 16384
LARGEST_RECORD = 64_000_000
"""Bytes of a single frame."""
HEAD = 64
"""Bytes in front of a record's directory."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_BEGIN, _JPEG_LS, _JPEG_END = b"\xff\xd8\xff", 0xF7, b"\xff\xd9"


class RecordError(ValueError):
    """A record that is none, or lacks something."""


@dataclass(frozen=True)
class Camera:
    """What the camera knows of itself and was told of the scene.

    Attributes
    ----------
    emissivity : float
    distance : float
        of the object, metres
    reflected, atmosphere, window : float
        temperatures, kelvin
    window_transmission, humidity : float
        0 to 1
    r1, r2, b, f, o : float
        of the Planck curve that the camera is calibrated with
    alpha1, alpha2, beta1, beta2, x : float
        of the atmosphere
    lowest, highest : float
        of the range that the camera is set to, kelvin
    model, serial : str
    frame_rate : int
        frames a second; 0 where it is not said
    """

    emissivity: float
    distance: float
    reflected: float
    atmosphere: float
    window: float
    window_transmission: float
    humidity: float
    r1: float
    r2: float
    b: float
    f: float
    o: float
    alpha1: float
    alpha2: float
    beta1: float
    beta2: float
    x: float
    lowest: float
    highest: float
    model: str = ""
    serial: str = ""
    frame_rate: int = 0

    def adjusted(self, emissivity: float | None, distance: float | None, reflected: float | None) -> Camera:
        """The same, told something else of the scene; None leaves what it was told.

        Parameters
        ----------
        emissivity : float or None
        distance : float or None
            metres
        reflected : float or None
            degrees Celsius
        """
        told: dict[str, Any] = {}
        if emissivity is not None:
            told["emissivity"] = emissivity
        if distance is not None:
            told["distance"] = distance
        if reflected is not None:
            told["reflected"] = reflected + ZERO_CELSIUS_IN_KELVIN
        return replace(self, **told)

    def celsius(self, raw: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Temperatures of what emits as the scene is said to, (H, W); NaN where there can be none.

        What reaches the detector is what the object emits and reflects, and what atmosphere and window emit themselves; they
        are taken off the counts, and Planck's curve is inverted. The air lies in two legs of half the distance,
        with the window between them. One table over all 65,536 counts.
        """
        leg = self._transmission(self.distance / 2)  # the air before the window, and the air behind it
        near, far = self.window_transmission * leg, self.emissivity * leg
        if not near * far > 0:
            raise RecordError("no radiation of the object reaches the detector")
        air, window = self._counts_of(self.atmosphere), self._counts_of(self.window)
        added = (1 - self.emissivity) * leg * near * self._counts_of(self.reflected)
        added += (1 - leg) * near * air + (1 - self.window_transmission) * leg * window + (1 - leg) * air
        own = (np.arange(65536, dtype=np.float64) - added) / (near * far)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            kelvin = self.b / np.log(self.r1 / (self.r2 * (own + self.o)) + self.f)
        kelvin[~(kelvin > 0)] = np.nan
        return (kelvin - ZERO_CELSIUS_IN_KELVIN).astype(np.float32)[raw]

    def _counts_of(self, kelvin: float) -> float:
        if not kelvin > 0:
            raise RecordError(f"a temperature of {kelvin} K")
        return self.r1 / (self.r2 * (math.exp(self.b / kelvin) - self.f)) - self.o

    def _transmission(self, distance: float) -> float:
        """Of so many metres of air."""
        celsius = self.atmosphere - ZERO_CELSIUS_IN_KELVIN
        water = self.humidity * math.exp(1.5587 + 6.939e-2 * celsius - 2.7816e-4 * celsius**2 + 6.8455e-7 * celsius**3)
        root, path = math.sqrt(max(water, 0.0)), math.sqrt(max(distance, 0.0))
        first, second = (
            math.exp(-path * (alpha + beta * root))
            for alpha, beta in ((self.alpha1, self.beta1), (self.alpha2, self.beta2))
        )
        return self.x * first + (1 - self.x) * second


@dataclass(frozen=True)
class Frame:
    """One thermal image of a record.

    Attributes
    ----------
    raw : (H, W) uint16
        counts
    camera : Camera
    number : int
        as the camera counts the frames of a recording
    time : float or None
        of capture, seconds since 1970 (UTC); None where the camera's clock was not set
    """

    raw: NDArray[np.uint16]
    camera: Camera
    number: int = 0
    time: float | None = None


def byte_order(data: bytes) -> str:
    """``<`` or ``>``, by the version that the header states.

    Raises
    ------
    RecordError
        it is no such record
    """
    if not data.startswith(SIGNATURES) or len(data) < 64:
        raise RecordError("no FLIR record directory")
    for order in (">", "<"):
        if struct.unpack_from(order + "I", data, 20)[0] in _VERSIONS:
            return order
    raise RecordError("a record directory of no known version")


def length_of(head: bytes, directory: bytes | None = None) -> int:
    """Bytes of a whole record; without its directory, those up to the directory's end.

    Parameters
    ----------
    head : bytes
        the first 64 of it
    directory : bytes or None
        what lies from the place that the head names on

    Raises
    ------
    RecordError
        it is no record, or a directory that cannot be
    """
    order = byte_order(head)
    offset, count = struct.unpack_from(order + "II", head, 24)
    end = int(offset + 32 * count)
    if not 0 < count <= _RECORDS_AT_MOST or not 64 <= offset <= LARGEST_RECORD:
        raise RecordError(f"a record directory of {count} entries at {offset}")
    if directory is None:
        return end
    for number in range(count):
        kind = struct.unpack_from(order + "H", directory, 32 * number)[0]
        start, length = struct.unpack_from(order + "II", directory, 32 * number + 12)
        end = max(end, start + length) if kind else end
    if end > LARGEST_RECORD:
        raise RecordError(f"a record of {end} bytes")
    return end


def directory_of(head: bytes) -> tuple[int, int]:
    """Where a record's directory lies in it, and how long it is."""
    offset, count = struct.unpack_from(byte_order(head) + "II", head, 24)
    return int(offset), 32 * int(count)


def entries(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each record.

    Raises
    ------
    RecordError
        a directory that cannot be
    """
    order = byte_order(data)
    offset, count = struct.unpack_from(order + "II", data, 24)
    if count > _RECORDS_AT_MOST or offset + 32 * count > len(data):
        raise RecordError(f"a record directory of {count} entries at {offset} in {len(data)} bytes")
    for number in range(count):
        kind = struct.unpack_from(order + "H", data, offset + 32 * number)[0]
        start, length = struct.unpack_from(order + "II", data, offset + 32 * number + 12)
        if kind and start < len(data):
            yield kind, data[start : start + length]  # the last of a file may lack its padding


def read_frame(data: bytes) -> Frame:
    """The thermal image of a record.

    Raises
    ------
    RecordError
        it is damaged, or lacks pixels or calibration
    """
    found: dict[int, bytes] = {}
    for kind, content in entries(data):
        found.setdefault(kind, content)
    if _RAW not in found or _CAMERA not in found:
        raise RecordError("a record without " + ("thermal pixels" if _RAW not in found else "the camera's calibration"))
    return Frame(_pixels(found[_RAW]), _camera(found[_CAMERA]), _number(found[_RAW]), _time(found[_CAMERA]))


def _number(content: bytes) -> int:
    """The camera's count, in the header of the pixels."""
    return int(struct.unpack_from(_order_of(content, 34, "its pixels") + "H", content, 24)[0])


def _time(content: bytes) -> float | None:
    """Seconds, milliseconds beside flags."""
    if len(content) < 0x38C:
        return None
    seconds, thousandths = struct.unpack_from(_order_of(content, 0x38C, "the camera's facts") + "II", content, 0x384)
    return float(seconds + min(thousandths & 0xFFFF, 999) / 1000) if seconds else None


def _order_of(content: bytes, least: int, what: str) -> str:
    """Of a record's numbers: it begins with a 2."""
    if len(content) < least:
        raise RecordError(f"{what} are cut short")
    return "<" if struct.unpack_from("<H", content)[0] == 2 else ">"


def _pixels(content: bytes) -> NDArray[np.uint16]:
    order = _order_of(content, 34, "its pixels")
    width, height = struct.unpack_from(order + "HH", content, 2)
    if not (0 < width <= _SIDE_AT_MOST and 0 < height <= _SIDE_AT_MOST):
        raise RecordError(f"pixels of {width} x {height}")
    body = content[32:]
    if body.startswith(_PNG):
        with PngImagePlugin.PngImageFile(io.BytesIO(body)) as picture:
            if picture.size != (width, height):
                raise RecordError(f"a PNG of {picture.size[0]} x {picture.size[1]} for {width} x {height} pixels")
            stored = np.asarray(picture)
        if stored.ndim != 2:
            raise RecordError("a PNG in colour")
        raw = stored.astype(np.uint16)
        return raw.byteswap() if order == "<" and _is_swapped(raw) else raw
    if body.startswith(_JPEG_BEGIN):
        return _jpeg_ls(body, width, height)
    if len(body) < 2 * width * height:
        raise RecordError("its pixels are cut short")
    return np.frombuffer(body, order + "u2", width * height).reshape(height, width).astype(np.uint16)


def _jpeg_ls(body: bytes, width: int, height: int) -> NDArray[np.uint16]:
    """Pixels as CSQ packs them; what they claim is looked at before they are unpacked."""
    import imagecodecs

    at = 2
    while at + 14 <= len(body) and body[at + 1] != _JPEG_LS:  # other segments may come before the frame's
        at += 2 + int(struct.unpack_from(">H", body, at + 2)[0])
    if at + 14 > len(body):
        raise RecordError("its pixels are cut short")
    depth, rows, columns, components = struct.unpack_from(">BHHB", body, at + 4)
    if (columns, rows, components) != (width, height, 1):
        raise RecordError(f"JPEG-LS of {columns} x {rows} x {components} for {width} x {height} pixels")
    if depth > 16:
        raise RecordError(f"JPEG-LS of {depth} bits")
    if _JPEG_END not in body:  # which no coded pixels hold
        raise RecordError("its pixels are cut short")
    try:
        found = np.asarray(imagecodecs.jpegls_decode(body))
    except Exception as error:
        raise RecordError("its pixels are damaged or cut short") from error
    return found.astype(np.uint16)


def _is_swapped(raw: NDArray[np.uint16]) -> bool:
    """Whether a PNG's numbers have their bytes in the other order, as most cameras write them: neighbours of a scene are alike
    in the byte that counts."""
    high = (raw >> 8).astype(np.int32)
    low = (raw & 0xFF).astype(np.int32)
    return bool(np.abs(np.diff(low, axis=-1)).mean() < np.abs(np.diff(high, axis=-1)).mean())


def _camera(content: bytes) -> Camera:
    order = _order_of(content, 0x310, "the camera's facts")

    def number(offset: int) -> float:
        value = float(struct.unpack_from(order + "f", content, offset)[0])
        if not math.isfinite(value):
            raise RecordError("calibration that is no number")
        return value

    def text(offset: int, length: int) -> str:
        return content[offset : offset + length].split(b"\0")[0].decode("latin-1").strip()

    def whole(offset: int) -> int:
        return int(struct.unpack_from(order + "H", content, offset)[0]) if len(content) >= offset + 2 else 0

    facts: dict[str, Any] = {
        "emissivity": number(0x20),
        "distance": number(0x24),
        "reflected": number(0x28),
        "atmosphere": number(0x2C),
        "window": number(0x30),
        "window_transmission": number(0x34),
        "humidity": number(0x3C),
        "r1": number(0x58),
        "b": number(0x5C),
        "f": number(0x60),
        "alpha1": number(0x70),
        "alpha2": number(0x74),
        "beta1": number(0x78),
        "beta2": number(0x7C),
        "x": number(0x80),
        "highest": number(0x90),
        "lowest": number(0x94),
        "o": float(struct.unpack_from(order + "i", content, 0x308)[0]),
        "r2": number(0x30C),
    }
    if facts["humidity"] > 2:  # written in per cent by some
        facts["humidity"] /= 100
    if not (facts["r1"] > 0 and facts["r2"] > 0 and facts["b"] > 0):
        raise RecordError("no calibration")
    return Camera(**facts, model=text(0xD4, 32), serial=text(0x104, 16), frame_rate=whole(0x464))
