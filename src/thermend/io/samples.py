"""The samples of a pixel: which are the image, and which say where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError
from thermend.image import ThermalImage
from thermend.io.options import ReadOptions

_NAMED_AT_MOST = 8
_LEAST_FOOTPRINT = 0.002
"""Of the image: what lies without data around a map is more; less are a sensor's bad pixels."""


def separated(
    path: Path, array: NDArray[Any], options: ReadOptions, alpha_at: int | None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """A decoder's array as image, (H, W) or (H, W, colours), and alpha, (H, W) or None; of a chosen band that alone.

    Parameters
    ----------
    array : (H, W)
        or (H, W, samples)
    alpha_at : int or None
        which sample is alpha

    Raises
    ------
    InputError
        there is no such band
    """
    count = array.shape[2] if array.ndim == 3 else 1
    if options.band is not None and options.band > count:
        raise InputError(path, f"has {count} {'band' if count == 1 else 'bands'}, and no band {options.band}")
    if array.ndim == 2:
        return array, None
    alpha = None if alpha_at is None else array[..., alpha_at]
    if options.band is not None:
        return array[..., options.band - 1], None if options.band - 1 == alpha_at else alpha
    colours = array if alpha_at is None else np.delete(array, alpha_at, axis=2)
    return (colours[..., 0] if colours.shape[2] == 1 else colours), alpha


def one_grey(path: Path, array: NDArray[Any], names: dict[int, str]) -> NDArray[Any]:
    """The one image of an array whose samples are no colours.

    Parameters
    ----------
    array : (H, W)
        or (H, W, bands)
    names : dict
        what the file calls its bands, from 1

    Raises
    ------
    InputError
        its bands differ; the message names them
    """
    if array.ndim == 2:
        return array
    first = array[..., 0]
    if all(np.array_equal(first, array[..., n]) for n in range(1, array.shape[2])):
        return first
    count = array.shape[2]
    told = [_told(n, array[..., n - 1], names.get(n)) for n in range(1, min(count, _NAMED_AT_MOST) + 1)]
    more = ", ..." if count > _NAMED_AT_MOST else ""
    raise InputError(
        path, f"has {count} bands ({', '.join(told)}{more}) and a thermal image one; choose it with --band N"
    )


def _told(number: int, band: NDArray[Any], name: str | None) -> str:
    with np.errstate(all="ignore"):
        finite = band[np.isfinite(band)]
    reach = f"{finite.min():g} to {finite.max():g}" if finite.size else "without a number"
    return f"{number}: {name}, {reach}" if name else f"{number}: {reach}"


def multiplied_back(array: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """An image that was stored multiplied by its alpha (associated), as it was before; float32 where that changes it."""
    top = top_of(alpha.dtype)
    partly = (alpha > 0) & (alpha < top)
    if not partly.any():
        return array
    given = array.astype(np.float32)
    share = (np.where(partly, alpha, top) / top).astype(np.float32)
    return given / (share if array.ndim == 2 else share[..., None])


def top_of(dtype: Any) -> float:
    """The alpha that stands for opaque."""
    return float(np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else 1.0


def alpha_as(alpha: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """An alpha channel among numbers of another type; what is not 0 stays so."""
    dtype = np.dtype(dtype)
    if alpha.dtype == dtype:
        return alpha
    if dtype.kind == "f":
        return alpha.astype(dtype)
    least = alpha.astype(np.float64) / (
        top_of(alpha.dtype) if alpha.dtype.kind in "iu" else max(float(alpha.max()), 1e-9)
    )
    stored = np.clip(np.rint(least * top_of(dtype)), 0, top_of(dtype))
    return np.where(alpha > 0, np.maximum(stored, 1), 0).astype(dtype)


def carried_alpha(image: ThermalImage, dtype: Any) -> NDArray[Any] | None:
    """The alpha channel to write beside an image in a format that has no other way to say where there is no data."""
    if image.alpha is not None:
        return alpha_as(image.alpha, dtype)
    if image.nodata is None or not image.nodata.any():
        return None
    return np.where(image.nodata, 0, top_of(dtype)).astype(dtype)


def mask_file(path: Path) -> Path | None:
    """GDAL's mask beside a file, if it is there."""
    beside = path.with_name(f"{path.name}.msk")
    return beside if os.path.isfile(beside) else None  # False, not an error, for a name too long


def outside(pixels: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """(H, W) bool, True where a float image without a value for "no data" has none: NaN that reaches its border, and is more
    than bad pixels are; None where nothing is outside. Holes within are no part of it.

    Parameters
    ----------
    pixels : (H, W) float32
    """
    missing = np.isnan(pixels)
    if not missing.any() or missing.all():
        return None
    count, labels, facts, _ = cv2.connectedComponentsWithStats(missing.astype(np.uint8), connectivity=8)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    large = [n for n in border if n and facts[n, cv2.CC_STAT_AREA] >= _LEAST_FOOTPRINT * missing.size]
    return np.isin(labels, large) if count > 1 and large else None
