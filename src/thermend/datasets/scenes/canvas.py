"""A field of temperatures to draw on, and the textures of surfaces."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Mask = NDArray[np.float32]
Point = tuple[float, float]

_SHIFT = 4


def clouds(
    rng: np.random.Generator, shape: tuple[int, int], coarse: float, octaves: int = 4, fall: float = 0.55
) -> Field:
    """A texture of several sizes, (H, W) of standard deviation 1 or so: noise, each octave half as large and weaker.

    Parameters
    ----------
    coarse : float
        size of the largest patches, pixels
    fall : float
        strength of an octave against the one before
    """
    height, width = shape
    total, strength = np.zeros(shape, np.float32), 1.0
    for octave in range(octaves):
        size = max(1.0, coarse / 2**octave)
        grid = rng.normal(size=(int(height / size) + 3, int(width / size) + 3)).astype(np.float32)
        large = cv2.resize(grid, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        top, left = (int(rng.integers(0, max(1, n - m + 1))) for n, m in zip(large.shape, shape))
        piece = large[top : top + height, left : left + width]
        if piece.shape != shape:
            piece = cv2.resize(piece, (width, height))
        total += np.float32(strength) * piece
        strength *= fall
    return total / np.float32(max(1e-6, float(total.std())))


class Canvas:
    """Temperatures, and a way to paint shapes over them with soft edges.

    Parameters
    ----------
    shape : tuple of int
        height and width
    rng : numpy.random.Generator
    temperature : float
        of everything, to begin with
    """

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator, temperature: float = 0.0) -> None:
        self.rng = rng
        self.field = np.full(shape, temperature, np.float32)
        self.height, self.width = shape

    def polygon_mask(self, points: Sequence[Point]) -> NDArray[np.uint8]:
        """(H, W) 0 to 255."""
        mask = np.zeros(self.field.shape, np.uint8)
        fixed = np.rint(np.clip(np.array(points), -4000, 4000) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        return mask

    def paint(self, mask: NDArray[np.uint8], what: Field | float, box: tuple[int, int, int, int] | None = None) -> None:
        """Lay temperatures, a number or (H, W), over the field where a mask is."""
        left, top, width, height = cv2.boundingRect(mask) if box is None else box
        if width == 0 or height == 0:
            return
        place = np.s_[top : top + height, left : left + width]
        share = mask[place].astype(np.float32) / np.float32(255)
        own = self.field[place]
        over = what[place] if isinstance(what, np.ndarray) else np.float32(what)
        own += share * (over - own)

    def polygon(self, points: Sequence[Point], what: Field | float) -> None:
        """A filled polygon; points in pixels, x before y."""
        self.paint(self.polygon_mask(points), what)

    def box(self, left: float, top: float, width: float, height: float, what: Field | float) -> None:
        """An upright rectangle."""
        right, bottom = left + width, top + height
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], what)

    def ellipse(self, x: float, y: float, a: float, b: float, temperature: float, angle: float = 0.0) -> None:
        """A filled ellipse of half axes a and b."""
        turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        u, v = a * np.cos(turns), b * np.sin(turns)
        self._small([(x + c * p - s * q, y + s * p + c * q) for p, q in zip(u, v)], temperature)

    def line(self, points: Sequence[Point], temperature: float, thickness: float) -> None:
        """A line through points; one thinner than a pixel is fainter."""
        mask = np.zeros(self.field.shape, np.uint8)
        fixed = np.rint(np.clip(np.array(points), -2000, 2000) * 2**_SHIFT).astype(np.int32)
        cv2.polylines(
            mask, [fixed], False, int(255 * min(1.0, thickness)), max(1, round(thickness)), cv2.LINE_AA, _SHIFT
        )
        self.paint(mask, temperature)

    def shade(self, points: Sequence[Point], change: float, softness: float) -> None:
        """Warm or cool what lies within a polygon, with edges so soft (pixels): a shadow, a warm place."""
        mask = self.polygon_mask(points).astype(np.float32) / np.float32(255)
        if softness > 0.5:
            mask = cv2.GaussianBlur(mask, (0, 0), softness)
        self.field += np.float32(change) * mask

    def _small(self, points: Sequence[Point], temperature: float) -> None:
        """A polygon, drawn on its own piece of the field, which is quick where it is small."""
        array = np.array(points)
        left, top = np.floor(array.min(0)).astype(int) - 1
        right, bottom = np.ceil(array.max(0)).astype(int) + 2
        left, top, right, bottom = max(0, left), max(0, top), min(self.width, right), min(self.height, bottom)
        if right <= left or bottom <= top:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        fixed = np.rint((array - (left, top)) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        own = self.field[top:bottom, left:right]
        own += mask.astype(np.float32) / np.float32(255) * (np.float32(temperature) - own)

    def small(self, points: Sequence[Point], temperature: float) -> None:
        """A filled polygon of one temperature, quick where it is small."""
        self._small(points, temperature)
