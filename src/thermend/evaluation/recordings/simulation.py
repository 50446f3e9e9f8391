"""Recordings made of one large clean image: a camera that pans, turns and zooms over it, with targets that move by themselves,
a fixed pattern that drifts and jumps at the shutter, stripes, and noise (white, or correlated in space)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """What a recording is made with, in grey levels of 255.

    Attributes
    ----------
    frames : int
    shape : tuple of int
        of a frame
    speed : float
        pixels a frame that the camera pans; 0 is a tripod
    turn, zoom : float
        degrees, and share of size, that the camera swings by
    pattern, columns, rows : float
        standard deviation of the fixed pattern: of pixels, of columns, of rows
    drift : float
        share of the pattern that is another after 100 frames
    noise : float
        standard deviation over time
    correlation : float
        sigma of the Gaussian that correlates the noise in space, pixels; 0, white
    shutter : int
        every so many frames the camera freezes for three frames, and its pattern is another; 0, never
    targets : int
        how many small targets move
    contrast : float
        of targets
    """

    frames: int = 120
    shape: tuple[int, int] = (256, 320)
    speed: float = 1.5
    turn: float = 1.0
    zoom: float = 0.03
    pattern: float = 0.0
    columns: float = 0.0
    rows: float = 0.0
    drift: float = 0.05
    noise: float = 2.0
    correlation: float = 0.0
    shutter: int = 0
    targets: int = 4
    contrast: float = 40.0


PRESETS = {
    "pattern": Conditions(pattern=12.0, columns=5.0, rows=2.0, noise=2.0),
    "noise": Conditions(pattern=2.0, columns=1.0, noise=14.0),
    "correlated": Conditions(pattern=3.0, columns=2.0, noise=8.0, correlation=0.8),
    "mixed": Conditions(pattern=6.0, columns=4.0, rows=2.0, noise=8.0, shutter=60),
    "tripod": Conditions(speed=0.0, turn=0.0, zoom=0.0, pattern=6.0, columns=3.0, noise=8.0),
    "undamaged": Conditions(noise=0.0),
}


@dataclass(frozen=True)
class Frame:
    """One simulated frame.

    Attributes
    ----------
    clean, given : (H, W) float32
        in grey levels; what is given is clipped and rounded to 8 bits
    targets : list of tuple
        column and row of each target's middle
    shutter : bool
        whether the pattern is another from this frame on
    """

    clean: Image
    given: Image
    targets: list[tuple[int, int]]
    shutter: bool


def recorded(scene: Image, wanted: Conditions, seed: int) -> Iterator[Frame]:
    """The frames of one recording.

    Parameters
    ----------
    scene : (H, W) float32
        grey levels; larger than a frame by what the camera moves, else it is reflected
    wanted : Conditions
    seed : int
    """
    draw = np.random.default_rng(seed)
    pattern, target_pattern = _pattern(draw, wanted), _pattern(draw, wanted)
    height, width = wanted.shape
    phases = draw.uniform(0, 2 * np.pi, 4)
    places = draw.uniform(0.2, 0.8, (wanted.targets, 2)) * (width, height)
    steps = draw.uniform(-1.6, 1.6, (wanted.targets, 2))
    frozen: Frame | None = None
    for number in range(wanted.frames):
        into = number % wanted.shutter if wanted.shutter else -1
        closing = wanted.shutter > 0 and number > 3 and into in (0, 1, 2)
        if closing and frozen is not None:
            clean, middles = _seen(scene, wanted, number, phases, places, steps)
            yield Frame(clean, frozen.given, middles, False)
            continue
        opened = wanted.shutter > 0 and number > 3 and into == 3
        if opened:
            pattern, target_pattern = _pattern(draw, wanted), _pattern(draw, wanted)
        clean, middles = _seen(scene, wanted, number, phases, places, steps)
        share = wanted.drift * number / 100
        fixed = np.sqrt(max(0.0, 1 - share**2)) * pattern + share * target_pattern
        given = np.clip(np.rint(clean + fixed + _noise(draw, wanted)), 0, 255).astype(np.float32)
        frozen = Frame(clean, given, middles, opened)
        yield frozen


def _seen(
    scene: Image, wanted: Conditions, number: int, phases: Doubles, places: Doubles, steps: Doubles
) -> tuple[Image, list[tuple[int, int]]]:
    """What the camera looks at, and where the targets are."""
    height, width = wanted.shape
    room_x, room_y = (max(0.0, (n - m) / 2 - 4) for n, m in zip(scene.shape[::-1], (width, height)))
    swing = 2 * np.pi * number
    across = room_x * np.sin(swing * wanted.speed / (4 * max(room_x, 1)) + phases[0])
    down = room_y * np.sin(swing * wanted.speed / (7 * max(room_y, 1)) + phases[1])
    if not wanted.speed:
        across = down = 0.0
    angle = wanted.turn * np.sin(swing / 150 + phases[2])
    zoom = 1 + wanted.zoom * np.sin(swing / 200 + phases[3])
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom)
    middle = np.array([[1, 0, scene.shape[1] / 2 - width / 2 + across], [0, 1, scene.shape[0] / 2 - height / 2 + down]])
    back = np.vstack([middle, [0, 0, 1]]) @ np.vstack([matrix, [0, 0, 1]])
    clean = cv2.warpAffine(
        scene, back[:2], (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    clean = np.clip(clean, 0, 255)
    middles = []
    for place, step in zip(places, steps):
        x, y = (round(float(v)) for v in (place + number * step) % (width - 8, height - 8) + 4)
        level = float(clean[y - 3 : y + 4, x - 3 : x + 4].mean())
        clean[y - 1 : y + 2, x - 1 : x + 2] = level + (wanted.contrast if level < 180 else -wanted.contrast)
        middles.append((x, y))
    return clean, middles


def _pattern(draw: np.random.Generator, wanted: Conditions) -> Image:
    height, width = wanted.shape
    fixed = wanted.pattern * draw.standard_normal((height, width))
    fixed += wanted.columns * draw.standard_normal((1, width)) + wanted.rows * draw.standard_normal((height, 1))
    return fixed.astype(np.float32)


def _noise(draw: np.random.Generator, wanted: Conditions) -> Image:
    found = draw.standard_normal(wanted.shape).astype(np.float32)
    if wanted.correlation:
        found = cv2.GaussianBlur(found, (0, 0), wanted.correlation)
        found /= found.std()
    return np.asarray(found * np.float32(wanted.noise))
