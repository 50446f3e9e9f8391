"""Stripes that are not columns or rows of the whole frame with an offset each: what they are, and what they add to the image.

| form | what |
| --- | --- |
| `banks` | columns (or rows) that share an offset, so many side by side |
| `split` | the offsets change at a row (or column), as where a frame is read out in two parts |
| `gain` | columns (or rows) differ in gain |
| `slanted` | lines that run at an angle |
| `banding` | a wave across the rows (or columns) |

Each is told from the scene by what a scene is not: bank borders lie at one distance, offsets of neighbours are independent,
lines run all through the frame at one angle, a wave has the same phase everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.estimation.medians import column_medians, median
from thermend.estimation.stripes import column_offsets, neighbour_differences, stripe_statistics
from thermend.filters.smoothing import Image

Mask = NDArray[np.bool_]
_LEAST = 1.0 / 255
"""Of full range; weaker ones are left."""
LARGEST = 4_000_000
"""Pixels; what a form adds is held for each of them."""
_WIDTHS = (4, 5, 8, 10, 16, 20, 32, 40, 64)
"""Columns of a bank."""
_BORDERS, _BORDER_SHARE, _BORDER_HEIGHT = 8, 0.6, 4.0
"""So many banks at least; so much of the squared differences, and so many times the usual difference, lie at their borders."""
_BLOCKS, _ROWS = 16, 256
_OVER_STEPS = 0.6
"""Stripes have to be so much of the scene's own steps, and more, where one form of many is looked for."""
_BESIDE = 4
"""Columns to either side whose mean a column's gain is held against."""
_LAGS = (4, 16, 64, 200)
"""Rows between two that are held against each other for lines at an angle; the last tells the angle to a pixel."""
_STANDS_OUT = 8.0
"""Times the usual size of a correlation, or of a spectral line."""
_STEEPEST, _FLATTEST = 1.0, 0.02
"""Columns to a row."""
_LONGEST_WAVE = 0.25
"""Of the image's height."""
_STRIPS = 4
_NARROW = 0.2
"""Of a line's height, at most, is left two and a half lines of the spectrum beside it."""
_SAME_PHASE, _SAME_HEIGHT = 0.95, 0.6


class Form(NamedTuple):
    """Stripes of one form.

    Attributes
    ----------
    name : str
        as in the table above
    direction : str
        ``columns`` or ``rows``: the way that they run, or nearly so
    added : (H, W) float32
        what they add, in the image's unit
    """

    name: str
    direction: str
    added: Image


def stripe_forms(image: Image, noise: float, valid: Mask | None = None) -> list[Form]:
    """What is found in an image; each after those before it are off.

    Parameters
    ----------
    image : (H, W) float32
        normalised
    noise : float
        standard deviation of its noise
    valid : (H, W) bool or None
        pixels that were measured; None, all. Where many were not, nothing is looked for, nor in an image of more than
        :data:`LARGEST` pixels
    """
    if valid is not None or min(image.shape) < 8 * _BLOCKS or image.size > LARGEST:
        return []
    found: list[Form] = []
    left = image
    for name, finder in _FINDERS:
        for direction in ("columns", "rows"):
            turned = left if direction == "columns" else left.T
            added = finder(turned, noise)
            if added is None or float(added.std()) < _LEAST:
                continue
            added = np.ascontiguousarray(added if direction == "columns" else added.T, np.float32)
            found.append(Form(name, direction, added))
            left = left - added
    return found


def _some(image: Image) -> Image:
    """Enough of the rows to find a form by; what is taken off is of all."""
    return image[:: max(1, len(image) // _ROWS)]


def _banks(image: Image, noise: float) -> Image | None:
    rows = _some(image)
    differences = neighbour_differences(rows)
    size = np.abs(differences - np.median(differences))
    limit = 12 * float(np.median(size)) + 12 * noise / np.sqrt(len(rows))
    size = np.minimum(size, max(limit, 10 * _LEAST))
    if size.max() < _LEAST:
        return None
    best, chosen = 0.0, None
    for width in _WIDTHS:
        if len(size) < _BORDERS * width:
            break
        for phase in range(width):
            borders = np.zeros(len(size), bool)
            borders[phase::width] = True
            if (size[borders] ** 2).sum() <= _BORDER_SHARE * (size**2).sum():
                continue
            height = float(np.median(size[borders]) / (np.median(size[~borders]) + 1e-9))
            if height > max(best, _BORDER_HEIGHT):
                best, chosen = height, borders
    if chosen is None or np.median(size[chosen]) < _LEAST:
        return None
    offsets = column_offsets(image[:, : int(chosen.sum()) + 1], differences[chosen])
    return np.broadcast_to(offsets[np.r_[0, np.cumsum(chosen)]].astype(np.float32), image.shape)


def _blocks(image: Image) -> NDArray[np.float64]:
    """(16, W − 1) median differences of the columns, in bands of rows."""
    return np.stack([column_medians(np.diff(band, axis=1)) for band in np.array_split(image, _BLOCKS)])


def _split(image: Image, noise: float) -> Image | None:
    rows = _some(image)
    blocks = _blocks(rows)
    best, at = 0.0, 0
    for place in range(2, _BLOCKS - 1):
        sigma, steps = stripe_statistics(np.median(blocks[:place], axis=0) - np.median(blocks[place:], axis=0))
        by_noise = noise * np.sqrt(1.05 * _BLOCKS / len(rows) * (1 / place + 1 / (_BLOCKS - place)) * 1.6)
        worth = sigma * np.sqrt(place * (_BLOCKS - place))
        if sigma > max(_OVER_STEPS * steps, 2 * by_noise, _LEAST) and worth > best:
            best, at = worth, place
    if not at:
        return None
    above, below = (np.median(part, axis=0) for part in (blocks[:at], blocks[at:]))
    change, middle = above - below, 0.5 * (above + below)
    limit = 3 * 1.4826 * float(np.median(np.abs(change)))
    agreement = np.clip(np.diff(image, axis=1) - middle, -limit, limit) @ np.clip(change, -limit, limit)
    row = 1 + int(np.argmax(np.cumsum(agreement)[:-1]))
    row = min(max(row, 8), len(image) - 8)
    added = np.empty_like(image)
    for part in (np.s_[:row], np.s_[row:]):
        added[part] = column_offsets(image[part])
    return added


def _gain(image: Image, noise: float) -> Image | None:
    added = _of_gain(image, noise)
    # Where the offsets change at a row, and the scene too, it looks like gain; but then they still change there.
    return None if added is None or _split(image - added, noise) is not None else added


def _of_gain(image: Image, noise: float) -> Image | None:
    smooth = cv2.blur(np.ascontiguousarray(image), (2 * _BESIDE + 1, 1))
    rows = _some(smooth)
    level = 0.5 * (rows[:, 1:] + rows[:, :-1])
    level = level - level.mean(axis=0)
    difference: NDArray[np.floating] = np.diff(_some(image), axis=1)
    difference = difference - column_medians(difference)
    limit = 3 * (1.4826 * column_medians(np.abs(difference)) + 1e-7)
    slopes = (level * np.clip(difference, -limit, limit)).sum(axis=0) / np.maximum((level**2).sum(axis=0), 1e-9)
    sigma, steps = stripe_statistics(slopes)
    spread = float(np.median(level.std(axis=0)))
    by_noise = noise * np.sqrt(2 / len(rows)) / max(spread, 1e-6)
    if sigma < max(_OVER_STEPS * steps, 2 * by_noise) or sigma * spread < _LEAST:
        return None
    gains = column_offsets(image, slopes)
    return np.asarray(gains * (smooth - smooth.mean(axis=0)), np.float32)


def _slanted(image: Image, noise: float) -> Image | None:
    slope = _slope(image)
    if slope is None:
        return None
    height, width = image.shape
    shifts = np.rint(slope * np.arange(height)).astype(int)
    shifts -= shifts.min()
    wide = width + int(shifts.max())
    columns = np.arange(width) + shifts[:, None]
    upright = np.zeros((height, wide), np.float32)
    seen = np.zeros((height, wide), bool)
    np.put_along_axis(upright, columns, image, axis=1)
    np.put_along_axis(seen, columns, True, axis=1)
    differences = neighbour_differences(upright, seen)
    sigma, steps = stripe_statistics(differences[np.isfinite(differences)])
    if sigma < max(_OVER_STEPS * steps, 2 * noise / np.sqrt(height), _LEAST):
        return None
    offsets = column_offsets(upright, differences).astype(np.float32)
    return offsets[columns]


def _slope(image: Image) -> float | None:
    """Columns to a row of lines at an angle; None where there are none."""
    curvature = np.diff(image, n=2, axis=1)  # of single columns, not of edges
    limit = 2 * median(np.abs(curvature))
    spectrum = np.fft.rfft(np.clip(curvature, -limit, limit), axis=1)
    width = curvature.shape[1]
    slope, reach = 0.0, _STEEPEST
    for lag in _LAGS:
        lag = min(lag, 2 * len(image) // 5)
        correlation = np.fft.irfft((spectrum[:-lag] * np.conj(spectrum[lag:])).sum(axis=0), n=width)
        shifts = (np.arange(width) + width // 2) % width - width // 2
        near = np.abs(shifts - slope * lag) <= reach * lag
        usual = 1.4826 * float(np.median(np.abs(correlation)))
        peak = int(np.argmax(np.where(near, correlation, -np.inf)))
        if correlation[peak] < _STANDS_OUT * usual:
            return None
        sides = correlation[peak - 1], correlation[peak], correlation[(peak + 1) % width]
        curve = sides[0] - 2 * sides[1] + sides[2]
        slope, reach = (shifts[peak] + (0.5 * (sides[0] - sides[2]) / curve if curve < 0 else 0.0)) / lag, 1.5 / lag
    return slope if abs(slope) > _FLATTEST else None


def _banding(image: Image, noise: float) -> Image | None:
    """A wave across the columns."""
    differences = neighbour_differences(image)
    length = len(differences)
    window = np.hanning(length)
    size = 8 * length
    frequencies = np.fft.rfftfreq(size)
    lines = np.abs(np.fft.rfft(differences * window, size)) / np.maximum(2 * np.sin(np.pi * frequencies), 1e-6)
    lines *= 2 / window.sum()  # heights of waves
    usable = (frequencies > 1 / (_LONGEST_WAVE * length)) & (frequencies < 0.4)
    peak = int(np.argmax(np.where(usable, lines, 0)))
    around = usable & (np.abs(frequencies - frequencies[peak]) > 3 / length) & (frequencies > frequencies[peak] / 2)
    around &= frequencies < 2 * frequencies[peak] + 6 / length
    if lines[peak] < max(_STANDS_OUT / 2 * float(np.median(lines[around])), 1.4 * _LEAST):
        return None
    beside = np.abs(np.abs(frequencies - frequencies[peak]) - 3.5 / length) < 1 / length
    if lines[beside].max() > _NARROW * lines[peak]:
        return None
    places = np.arange(image.shape[1])
    wave = np.exp(-2j * np.pi * frequencies[peak] * places)
    heights = []
    for strip in np.array_split(image, _STRIPS):
        profile = np.r_[0, np.cumsum(neighbour_differences(strip))]
        heights.append(_fitted(profile, wave))
    together = np.mean(heights)
    sizes = np.abs(heights)
    if np.abs(together) < _SAME_PHASE * sizes.mean() or sizes.min() < _SAME_HEIGHT * sizes.max():
        return None
    profile = np.r_[0, np.cumsum(differences)]
    added = 2 * np.real(_fitted(profile, wave) * np.conj(wave))
    return np.broadcast_to((added - added.mean()).astype(np.float32), image.shape)


def _fitted(profile: NDArray[np.float64], wave: NDArray[np.complex128]) -> complex:
    """Complex height of a wave in a profile, beside what is smooth there."""
    places = np.linspace(-1, 1, len(profile))
    basis = np.column_stack([wave.real, wave.imag, *(places**power for power in range(6))])
    window = np.hanning(len(profile))[:, None] + 0.05
    a, b = np.linalg.lstsq(basis * window, profile * window[:, 0], rcond=None)[0][:2]
    return complex(a, b) / 2


_FINDERS: tuple[tuple[str, Callable[[Image, float], Image | None]], ...] = (
    ("banks", _banks),
    ("gain", _gain),
    ("split", _split),
    ("slanted", _slanted),
    ("banding", _banding),
)
