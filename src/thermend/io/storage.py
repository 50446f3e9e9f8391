"""How pixels are stored as numbers of a depth, and how stored numbers become pixels again."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import ImplausibleWarning, InputError, UsageError
from thermend.image import ZERO_CELSIUS_IN_KELVIN, Depth, Metadata, ThermalImage, Unit
from thermend.io import palettes
from thermend.io.called import name_of
from thermend.io.options import ReadOptions
from thermend.io.samples import outside

_GREY_16_OF_8 = 257.0  # 65535 / 255
_LEAST_STEPS = 100  # fewer whole numbers are no way to store numbers with fractions
_EXACT_IN_FLOAT32 = 2**24


def stored_unit(image: ThermalImage, depth: Depth) -> str:
    """What is written into a file as the unit of its numbers."""
    if image.unit == "celsius" and depth == "uint16":
        return "centikelvin" if image.metadata.scaling is None else "scaled"
    return image.unit


def depth_of(image: ThermalImage, depth: Depth | None) -> Depth:
    """The depth that an image is stored at, where none is asked for: temperatures as float32, unless they came as counts."""
    if depth is not None:
        return depth
    if image.unit == "celsius" and not (image.depth == "uint16" and image.metadata.scaling is not None):
        return "float32"
    return image.depth


def stored_nodata(nodata: float | None, dtype: Any) -> float | None:
    """The number that stands for "no data" among numbers of a type; None where the type cannot express it."""
    dtype = np.dtype(dtype)
    if nodata is None or (dtype.kind in "iu" and not float(nodata).is_integer()):
        return None
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return nodata if info.min <= nodata <= info.max else None
    if dtype.kind == "f" and np.isfinite(nodata):
        most = float(np.finfo(dtype).max)
        return min(max(nodata, -most), most)
    return nodata


def encode(image: ThermalImage, depth: Depth) -> NDArray[Any]:
    """The (H, W) numbers that store an image at a depth.

    Temperatures become hundredths of a kelvin at 16 bits; grey levels fill the range of the depth; counts stay.

    Raises
    ------
    UsageError
        numbers that do not fit into the depth, or invalid pixels in integers
    """
    pixels = image.pixels
    if image.nodata is not None:
        pixels = np.where(image.nodata, np.float32(np.nan), pixels)
    value = stored_nodata(image.metadata.nodata, depth) if image.alpha is None else None
    if depth == "float32":
        if image.nodata is not None and value is not None and np.isfinite(value):
            taken = (pixels == np.float32(value)) & ~image.nodata  # a temperature that looks like no data
            pixels = np.where(taken, np.nextafter(pixels, np.float32(0 if value else 1)), pixels)
            pixels = np.where(image.nodata, np.float32(value), pixels)
        return np.ascontiguousarray(pixels, np.float32)
    said = int(value or 0)
    if image.unit == "celsius" and depth == "uint8":
        raise UsageError("temperatures do not fit into 8 bits; write TIFF, a 16-bit PNG, or a palette's picture")
    top = 255 if depth == "uint8" else 65535
    factor, shift = 1.0, 0.0
    if image.unit == "display" and depth == "uint16":
        factor = _GREY_16_OF_8
    elif image.unit == "celsius":
        kelvin, zero = image.metadata.scaling or (0.01, -ZERO_CELSIUS_IN_KELVIN)
        factor, shift = 1 / kelvin, -zero / kelvin
    if image.unit == "celsius" or (image.unit == "counts" and image.depth != depth):
        _check_fit(image, factor, shift, top)
    stored = np.empty(pixels.shape, depth)
    for rows in _bands(pixels.shape):
        band = pixels[rows].astype(np.float64) * factor + shift
        missing = ~np.isfinite(band)
        if missing.any():
            if image.nodata is None or (missing & ~image.nodata[rows]).any():
                raise UsageError(f"the image has invalid pixels, which {depth} cannot hold; write a float TIFF")
            band[missing] = said
        band = np.clip(np.rint(band), 0, top)
        if image.nodata is not None and image.alpha is None:
            band[(band == said) & ~image.nodata[rows]] = said + 1 if said < top else said - 1  # looks like no data
        stored[rows] = band
    return stored


def _check_fit(image: ThermalImage, factor: float, shift: float, top: int) -> None:
    values = image.pixels[image.valid]
    low, high = float(values.min()), float(values.max())
    if low * factor + shift < -0.5 or high * factor + shift > top + 0.5:
        if image.unit == "celsius":
            least, most = -shift / factor, (65535 - shift) / factor
            raise UsageError(
                f"its temperatures reach {high:.1f} °C and 16 bits hold {least:.0f} to {most:.0f} °C; "
                "write a float32 TIFF"
            )
        raise UsageError(
            f"its counts, {low:.6g} to {high:.6g}, do not fit into 0 to {top}; keep the depth, write a float32 TIFF, "
            "or take --mode display for a picture"
        )
    if image.unit == "counts" and high - low < _LEAST_STEPS and np.any(values != np.rint(values)):
        raise UsageError(
            f"its counts, {low:.6g} to {high:.6g}, would be rounded to {high - low:.0f} steps; write a float32 TIFF, or "
            "take --mode display for a picture"
        )


def _bands(shape: tuple[int, ...], pixels_at_once: int = 2**20) -> list[slice]:
    rows = max(1, pixels_at_once // max(1, shape[1]))
    return [slice(start, start + rows) for start in range(0, shape[0], rows)]


_MOST_OVERLAY = 0.6
"""Share of a picture that may be text, scale and logo, where its palette is named."""


def grey_of(
    path: Path, array: NDArray[Any], options: ReadOptions, alpha: NDArray[Any] | None = None
) -> tuple[NDArray[Any], str | None, NDArray[Any] | None]:
    """One channel out of an array that a decoder returned.

    Parameters
    ----------
    array : (H, W)
        or (H, W, 3) in RGB
    alpha : (H, W) or None

    Returns
    -------
    (H, W) array, the name of the palette that was undone, if one was, and alpha, 0 also where a picture whose palette is
    named shows something else

    Raises
    ------
    InputError
        colours that no known palette explains, or a number of bands that no thermal image has
    """
    palette = None
    if array.ndim == 3 and array.shape[2] == 3:
        if alpha is not None and (alpha == 0).any() and (alpha > 0).any():  # what is not seen has no colour
            array = np.where((alpha == 0)[..., None], array[alpha > 0][0], array)
        array, palette, overlays = _grey_of_colour(path, array, options)
        if overlays is not None and overlays.any():  # what lies under them is not known
            alpha = np.where(overlays, 0, np.uint8(255) if alpha is None else alpha)
    if array.ndim != 2:
        bands = array.shape[2] if array.ndim == 3 else array.ndim
        raise InputError(path, f"has {bands} bands; a thermal image has one (or a colour palette's three)")
    if options.palette == "black-hot":
        if array.dtype not in (np.uint8, np.uint16):
            raise InputError(path, "black-hot is a way to show 8- or 16-bit pictures; this file holds other numbers")
        array, palette = np.iinfo(array.dtype).max - array, "black-hot"
    return array, palette, alpha


def _grey_of_colour(
    path: Path, rgb: NDArray[Any], options: ReadOptions
) -> tuple[NDArray[Any], str | None, NDArray[np.bool_] | None]:
    """The (H, W) image, its palette, and where overlays are burnt into a picture whose palette is named."""
    if rgb.dtype not in (np.uint8, np.uint16):
        raise InputError(path, f"has three bands of {rgb.dtype}; a thermal image has one")
    if palettes.is_grey(rgb):
        return rgb[..., 1], None, None
    eight_bit = rgb if rgb.dtype == np.uint8 else (rgb >> 8).astype(np.uint8)
    if options.palette not in (None, "white-hot", "black-hot"):
        grey, overlays, foreign = palettes.with_overlays(eight_bit, options.palette)
        if foreign > _MOST_OVERLAY:
            raise InputError(
                path, f"is not in the palette {options.palette}: {foreign:.0%} of its colours are none of it"
            )
        return grey, options.palette, overlays
    found = palettes.recognise(eight_bit)
    if found is None:
        raise InputError(
            path,
            "is a colour picture in no palette that thermend knows, so that its colours cannot be turned back into "
            f"intensity (known: {', '.join(palettes.PALETTES)}; enhance and diagnose take one with --input-palette)",
        )
    return found[1], found[0], None


def decode(
    path: Path,
    array: NDArray[Any],
    options: ReadOptions,
    *,
    written_unit: str | None = None,
    written_scaling: tuple[float, float] | None = None,
    written_gain: tuple[float, float] | None = None,
    nodata: float | None = None,
    stored_as: np.dtype[Any] | None = None,
    picture: bool = False,
    alpha: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Turn (H, W) stored numbers into the arguments of `ThermalImage`: pixels, unit, depth, valid_range, nodata.

    Parameters
    ----------
    written_unit : str or None
        the unit that the file itself states
    written_scaling : tuple or None
        kelvin a count and degrees Celsius at 0, that the file itself states
    written_gain : tuple or None
        gain and offset of numbers without a unit, that the file itself states
    nodata : float or None
        the number that stands for "no data"
    stored_as : dtype or None
        dtype of the numbers in the file, where `array` no longer has it
    picture : bool
        the numbers are known to be for the eye (a palette was undone)
    alpha : (H, W) or None
        where it is 0 there is no data
    """
    dtype = np.dtype(stored_as or array.dtype)
    if array.dtype == np.bool_:
        array, dtype = array.astype(np.uint8) * np.uint8(255), np.dtype(np.uint8)
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise InputError(path, f"holds numbers of type {array.dtype}, which are not an image's")
    integer = np.issubdtype(array.dtype, np.integer)
    missing = None
    if (value := stored_nodata(nodata, array.dtype)) is not None:
        missing = np.isnan(array) if np.isnan(value) else array == array.dtype.type(value)
    if alpha is not None:
        missing = alpha == 0 if missing is None else missing | (alpha == 0)
    if missing is None and array.dtype.kind == "f":
        missing = outside(array)
    missing = missing if missing is not None and missing.any() else None
    measured = array if missing is None else array[~missing]
    if integer and array.dtype.itemsize > 2 and measured.size and int(np.abs(measured).max()) > _EXACT_IN_FLOAT32:
        raise InputError(path, f"holds {array.dtype} values above 2^24, which single precision would round")
    if integer and dtype not in (np.uint8, np.uint16):
        small = measured.size and measured.min() >= 0 and measured.max() <= 65535
        dtype = np.dtype(np.uint16 if small else np.float32)
    pixels = array.astype(np.float32)
    if missing is not None:
        pixels[missing] = np.nan
    depth: Depth = {"uint8": "uint8", "uint16": "uint16"}.get(dtype.name, "float32")  # type: ignore[assignment]
    stated = options.unit or written_unit
    unit: Unit
    scaling = options.scaling or (None if options.unit else written_scaling)
    if scaling is not None:
        pixels, unit = _scaled(pixels, *scaling), "celsius"
        ends = (0.0, float(np.iinfo(depth).max)) if depth != "float32" else None
        valid_range = None if ends is None else (ends[0] * scaling[0] + scaling[1], ends[1] * scaling[0] + scaling[1])
    elif stated in ("celsius", "kelvin", "centikelvin", "fahrenheit"):
        pixels, unit, valid_range = _to_celsius(pixels, stated), "celsius", None
    elif stated == "display" or (stated is None and (picture or depth == "uint8")):
        pixels, unit, valid_range = (
            pixels / np.float32(_GREY_16_OF_8 if depth == "uint16" else 1),
            "display",
            (0.0, 255.0),
        )
    else:
        unit = "counts"
        if written_gain is not None:
            pixels, depth = _scaled(pixels, *written_gain), "float32"
        valid_range = None if depth == "float32" else (0.0, float(np.iinfo(depth).max))
    is_empty = not np.isfinite(pixels).any()
    if is_empty and not options.empty:
        raise InputError(path, "has no valid pixel (all are NaN, infinite or no-data)")
    if unit == "celsius" and not is_empty:
        _check_plausible(path, pixels, stated or "scale")
    pixels.flags.writeable = False  # ours alone: `ThermalImage` need not copy it
    facts = {"pixels": pixels, "unit": unit, "depth": depth, "valid_range": valid_range, "nodata": missing}
    return facts | ({} if scaling is None else {"scaling": scaling})


_COLDEST, _HOTTEST = -120.0, 3500.0
"""Degrees Celsius; no scene that a thermal camera shows lies beyond."""


def _check_plausible(path: Path, pixels: NDArray[np.float32], stated: str) -> None:
    """Warn where a unit gives temperatures that no scene has."""
    valid = pixels[np.isfinite(pixels)]
    low, high = (float(v) for v in np.percentile(valid, (1, 99)))
    if low < _COLDEST or high > _HOTTEST:
        warnings.warn(
            f"{name_of(path)}: as {stated} its temperatures are {low:.0f} to {high:.0f} °C, which no scene has; --unit, or"
            " --kelvin-per-count and --offset, say otherwise",
            ImplausibleWarning,
            stacklevel=2,
        )


def _scaled(pixels: NDArray[np.float32], kelvin: float, zero: float) -> NDArray[np.float32]:
    """Counts as degrees Celsius."""
    converted = np.empty_like(pixels)
    for rows in _bands(pixels.shape):
        converted[rows] = pixels[rows].astype(np.float64) * kelvin + zero
    return converted


def _to_celsius(pixels: NDArray[np.float32], stated: str) -> NDArray[np.float32]:
    if stated == "celsius":
        return pixels
    if stated == "fahrenheit":
        return _scaled(pixels, 5 / 9, -32 * 5 / 9)
    divisor = 100 if stated == "centikelvin" else 1
    converted = np.empty_like(pixels)
    for rows in _bands(pixels.shape):
        converted[rows] = pixels[rows].astype(np.float64) / divisor - ZERO_CELSIUS_IN_KELVIN
    return converted


def image_of(
    path: Path,
    array: NDArray[Any],
    options: ReadOptions,
    metadata: Metadata,
    alpha: NDArray[Any] | None = None,
    **told: Any,
) -> ThermalImage:
    """A thermal image of stored numbers; what else is told goes to :func:`decode`."""
    facts = decode(path, array, options, alpha=alpha, **told)
    scaling = facts.pop("scaling", None)
    metadata = metadata if scaling is None else replace(metadata, scaling=scaling)
    return ThermalImage(**facts, metadata=metadata, alpha=None if alpha is None else np.ascontiguousarray(alpha))
