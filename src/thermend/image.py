"""`ThermalImage`: the pixels of one thermal picture, what they mean, and what its file said about them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.errors import UsageError

Unit = Literal["celsius", "counts", "display"]
Depth = Literal["uint8", "uint16", "float32"]

ZERO_CELSIUS_IN_KELVIN = 273.15
MAX_PIXELS = 200_000_000
"""Images with more pixels than this are refused before anything is decoded."""

_DEPTH_RANGE: dict[str, tuple[float, float]] = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


@dataclass(frozen=True)
class FrameFacts:
    """Place of an image in its recording.

    Attributes
    ----------
    number : int
        as the camera counts, or from 0; numbers that are passed over are frames that were lost
    time : float or None
        seconds since the first frame
    shutter : bool or None
        whether the camera closed its shutter (flat-field correction) since the frame before; None where the file does not say
    """

    number: int
    time: float | None = None
    shutter: bool | None = None


@dataclass(frozen=True)
class Metadata:
    """What a file said besides its pixels; carried through to the result unchanged.

    Attributes
    ----------
    camera : str or None
        maker and model, as written by the camera
    time : str or None
        time of capture in EXIF's form, ``YYYY:MM:DD HH:MM:SS``
    emissivity : float or None
        0 to 1, as used for the temperatures in `ThermalImage.pixels`
    reflected_temperature : float or None
        reflected apparent temperature, degrees Celsius
    distance : float or None
        object distance, metres
    serial : str or None
        the camera's serial number
    frame_rate : float or None
        of the recording that the image is from, frames a second
    palette : str or None
        name of the colour palette that the pixels were mapped back from, if they were
    exif : bytes or None
        EXIF block in TIFF form, without thumbnail (GPS included)
    xmp : bytes or None
        XMP packet
    geotiff : mapping
        GeoTIFF and GDAL tags by number, as (TIFF type, value)
    nodata : float or None
        the value that stands for "no data" in the file (GDAL_NODATA)
    scaling : tuple or None
        kelvin a count and degrees Celsius at 0, where the file stores temperatures as counts
    transparency : str or None
        how the file says where there is data, beside a value for "no data": ``alpha``, ``associated`` (alpha that the pixels
        are multiplied by) or ``mask``
    icc : bytes or None
        ICC profile of grey levels
    dpi : tuple or None
        pixels an inch, across and down
    frame : FrameFacts or None
        which frame of a recording this is
    left : tuple of str
        what the file held that no result of it can hold, in words
    provenance : mapping or None
        what thermend wrote into the file when it made it
    """

    camera: str | None = None
    time: str | None = None
    emissivity: float | None = None
    reflected_temperature: float | None = None
    distance: float | None = None
    serial: str | None = None
    frame_rate: float | None = None
    palette: str | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    geotiff: Mapping[int, tuple[int, Any]] = field(default_factory=dict)
    nodata: float | None = None
    scaling: tuple[float, float] | None = None
    transparency: str | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    frame: FrameFacts | None = None
    left: tuple[str, ...] = ()
    provenance: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class ThermalImage:
    """One thermal image; immutable.

    Attributes
    ----------
    pixels : (H, W) float32
        read-only; NaN or infinite where invalid
    unit : Unit
        ``celsius``: degrees Celsius. ``counts``: what the sensor or the file counts, linear in nothing known. ``display``: grey
        levels from 0 to 255, for the eye.
    depth : Depth
        how the file stored a pixel, and how `save` stores it unless told otherwise
    valid_range : tuple or None
        lowest and highest value that the file or camera can express, if known
    metadata : Metadata
        what the file said
    nodata : (H, W) bool or None
        True where the file declares that there is no data (outside a map's footprint); such pixels stay without data in every
        result
    alpha : (H, W) or None
        the file's alpha channel or mask as it holds it, uint8, uint16 or float32; where it is 0 there is no data
    """

    pixels: NDArray[np.float32]
    unit: Unit = "counts"
    depth: Depth = "float32"
    valid_range: tuple[float, float] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    nodata: NDArray[np.bool_] | None = None
    alpha: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise UsageError(f"unit {self.unit!r}: expected one of {', '.join(get_args(Unit))}")
        if self.depth not in get_args(Depth):
            raise UsageError(f"depth {self.depth!r}: expected one of {', '.join(get_args(Depth))}")
        pixels = np.asarray(self.pixels)
        if pixels.ndim != 2 or pixels.size == 0:
            raise UsageError(f"a thermal image is a non-empty (height, width) array, not one of shape {pixels.shape}")
        pixels = pixels.astype(np.float32, copy=not _is_frozen(pixels))
        if self.nodata is not None and self.nodata.shape != pixels.shape:
            raise UsageError(f"a no-data mask of {self.nodata.shape} does not fit an image of {pixels.shape}")
        if self.alpha is not None and self.alpha.shape != pixels.shape:
            raise UsageError(f"an alpha channel of {self.alpha.shape} does not fit an image of {pixels.shape}")
        pixels.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)

    @classmethod
    def from_array(cls, array: ArrayLike, unit: Unit | None = None) -> ThermalImage:
        """Wrap an (H, W) array: uint8 as ``display``, everything else as ``counts`` unless `unit` says otherwise."""
        try:
            array = np.ma.filled(array.astype(np.float32), np.nan) if np.ma.isMaskedArray(array) else np.asarray(array)
        except ValueError as error:
            raise UsageError(f"this is no (height, width) array ({error})") from error
        if array.dtype == np.bool_ or not (np.issubdtype(array.dtype, np.number) and np.isrealobj(array)):
            raise UsageError(f"an array of {array.dtype} is not an image; expected integers or real numbers")
        depth: Depth = {"uint8": "uint8", "uint16": "uint16"}.get(array.dtype.name, "float32")  # type: ignore[assignment]
        unit = unit or ("display" if depth == "uint8" else "counts")
        return cls(np.array(array, np.float32), unit, depth, _DEPTH_RANGE.get(depth))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def is_picture(self) -> bool:
        """Whether the numbers are grey levels of 255, which need no percentiles to be placed in a range."""
        return self.unit == "display" or self.depth == "uint8"

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """(H, W) bool, True where the pixel is a finite number."""
        return np.isfinite(self.pixels)

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is valid: what a recorder may leave in place of a frame while the shutter is closed."""
        return not bool(self.valid.any())

    @cached_property
    def extent(self) -> tuple[float, float]:
        """The 0.1th and 99.9th percentile of the valid pixels, in the image's unit."""
        values = self.pixels if self.valid.all() else self.pixels[self.valid]
        if values.size == 0:
            raise UsageError("the image has no valid pixel")
        low, high = np.percentile(values, (0.1, 99.9))
        return float(low), float(high)

    @property
    def range(self) -> float:
        """Distance between the 0.1th and the 99.9th percentile, in the image's unit."""
        return self.extent[1] - self.extent[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The pixels, (H, W), as numpy asks for them."""
        if copy is False and dtype not in (None, self.pixels.dtype):
            raise ValueError("another type cannot be had without a copy")
        pixels = self.pixels if dtype is None else self.pixels.astype(dtype, copy=False)
        return np.array(pixels) if copy else pixels

    def _repr_png_(self) -> bytes:
        """As a notebook shows it: white-hot, temperatures and counts between their percentiles."""
        import cv2

        from thermend.rendering import rendered

        return bytes(cv2.imencode(".png", rendered(self))[1])

    def with_pixels(self, pixels: ArrayLike, **changes: Any) -> ThermalImage:
        """The same image with other pixels (and, by name, other attributes); of another shape, it has neither no-data mask nor
        alpha."""
        array = np.asarray(pixels, np.float32)
        if self.nodata is not None and self.nodata.shape != array.shape:
            changes.setdefault("nodata", None)
        if self.alpha is not None and self.alpha.shape != array.shape:
            changes.setdefault("alpha", None)
        return replace(self, pixels=array, **changes)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        depth: Depth | None = None,
        palette: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the image as PNG, JPEG, TIFF or NPY, by the suffix of `path`; see :func:`thermend.io.write`."""
        if not _writers:
            import_module("thermend.io")  # registers itself
        _writers[-1](self, path, depth=depth, palette=palette, overwrite=overwrite)


_writers: list[Callable[..., None]] = []


def register_writer(writer: Callable[..., None]) -> None:
    """Say what :meth:`ThermalImage.save` calls: this floor knows no files."""
    _writers.append(writer)


def _is_frozen(array: Any) -> bool:
    """Whether nobody can write to an array, nor to one that it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None
