"""Draw the sample images: scenes given in degrees Celsius, seen through the model of a cheap thermal camera.

    python samples/draw.py [FOLDER]

Nothing here is a photograph. A scene is a field of temperatures on a fine grid; the camera blurs it, integrates it over
its pixels, shades it towards the corners, adds a gain and an offset to every column, noise and a few dead pixels, and
counts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from thermend.image import Metadata, ThermalImage

HEIGHT, WIDTH, FINE = 384, 480, 3
"""Pixels of the camera, and points of the scene along each pixel."""
AIR = 7.0
"""Degrees Celsius."""


@dataclass(frozen=True)
class Camera:
    """What the camera does to a scene; temperatures in kelvin, lengths in pixels."""

    blur: float = 0.7
    column_offset: float = 0.35
    column_gain: float = 0.01
    noise: float = 0.12
    shading: float = 0.0
    dead: int = 12
    haze: float = 0.0
    """Share of what is seen that the air between sends, at AIR."""

    def look(self, scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The temperatures that the camera reports, (HEIGHT, WIDTH)."""
        sigma = self.blur * FINE
        scene = scene + self.haze * (AIR - scene)
        image = cv2.resize(cv2.GaussianBlur(scene, (0, 0), sigma), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        image += self.shading * (np.cos(np.pi / 2 * np.hypot(x, y) / 1.5) ** 4 - 0.5)
        image = image + self.column_gain * rng.normal(size=WIDTH) * (image - image.mean())
        image += self.column_offset * rng.normal(size=WIDTH)
        image += self.noise * rng.normal(size=image.shape)
        ys, xs = rng.integers(2, HEIGHT - 2, self.dead), rng.integers(2, WIDTH - 2, self.dead)
        image[ys, xs] += rng.choice([-1, 1], self.dead) * rng.uniform(6, 15, self.dead)
        return image


class Scene:
    """A field of temperatures to draw on; coordinates in pixels of the camera."""

    def __init__(self, rng: np.random.Generator, background: float) -> None:
        self.rng = rng
        self.field = np.full((HEIGHT * FINE, WIDTH * FINE), background, np.float32)

    def polygon(self, points: list[tuple[float, float]], temperature: float) -> None:
        fixed = np.rint(np.array(points) * FINE * 16).astype(np.int32)
        cv2.fillPoly(self.field, [fixed], temperature, cv2.LINE_8, 4)

    def box(self, left: float, top: float, width: float, height: float, temperature: float) -> None:
        right, bottom = left + width, top + height
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], temperature)

    def ellipse(self, x: float, y: float, a: float, b: float, temperature: float, angle: float = 0) -> None:
        centre, axes = (round(x * FINE), round(y * FINE)), (max(1, round(a * FINE)), max(1, round(b * FINE)))
        cv2.ellipse(self.field, centre, axes, angle, 0, 360, temperature, -1)

    def line(self, points: list[tuple[float, float]], temperature: float, thickness: float) -> None:
        fixed = np.rint(np.array(points) * FINE).astype(np.int32)
        cv2.polylines(self.field, [fixed], False, temperature, max(1, round(thickness * FINE)))

    def texture(self, amplitude: float, sizes: tuple[float, ...], where: np.ndarray | None = None) -> None:
        """Add clouds of several sizes (pixels), such as grass, plaster and foliage have."""
        total = np.zeros_like(self.field)
        for size in sizes:
            coarse = self.rng.normal(size=(int(HEIGHT / size) + 3, int(WIDTH / size) + 3)).astype(np.float32)
            total += cv2.resize(coarse, self.field.shape[::-1], interpolation=cv2.INTER_CUBIC)
        total *= amplitude / np.sqrt(len(sizes))
        self.field += total if where is None else np.where(where, total, 0)

    def person(self, x: float, feet: float, height: float, lean: float = 0.0) -> None:
        """Head and hands warm, clothes cooler."""
        unit = height / 8
        for side in (-1, 1):
            self.line([(x + side * 0.5 * unit, feet), (x + side * 0.35 * unit, feet - 3.8 * unit)], 20.5, 0.9 * unit)
            hand = (x + side * 1.5 * unit + lean, feet - 3.4 * unit)
            self.line([(x + side * 0.8 * unit, feet - 6.2 * unit), hand], 22.0, 0.6 * unit)
            self.ellipse(*hand, 0.4 * unit, 0.4 * unit, 30.0)
        self.polygon(
            [(x - unit, feet - 6.4 * unit), (x + unit, feet - 6.4 * unit), (x + 0.8 * unit, feet - 3.4 * unit),
             (x - 0.8 * unit, feet - 3.4 * unit)], 23.5
        )  # fmt: skip
        self.ellipse(x, feet - 7.2 * unit, 0.62 * unit, 0.8 * unit, 33.0)

    def car(self, x: float, bottom: float, length: float) -> None:
        """Bonnet, exhaust and tyres warm, windows reflecting the cold sky."""
        u = length / 10
        self.polygon(
            [(x, bottom - 0.9 * u), (x + 0.2 * u, bottom - 2.2 * u), (x + 2.4 * u, bottom - 2.5 * u),
             (x + 3.6 * u, bottom - 3.9 * u), (x + 7.4 * u, bottom - 3.9 * u), (x + 8.8 * u, bottom - 2.5 * u),
             (x + 10 * u, bottom - 2.2 * u), (x + 10 * u, bottom - 0.9 * u)], 14.0
        )  # fmt: skip
        self.polygon(
            [
                (x + 2.9 * u, bottom - 2.6 * u),
                (x + 3.8 * u, bottom - 3.6 * u),
                (x + 5.3 * u, bottom - 3.6 * u),
                (x + 5.3 * u, bottom - 2.6 * u),
            ],
            6.0,
        )
        self.polygon(
            [
                (x + 5.6 * u, bottom - 2.6 * u),
                (x + 5.6 * u, bottom - 3.6 * u),
                (x + 7.2 * u, bottom - 3.6 * u),
                (x + 8.2 * u, bottom - 2.6 * u),
            ],
            6.0,
        )
        self.polygon(
            [
                (x + 0.3 * u, bottom - 1.6 * u),
                (x + 0.4 * u, bottom - 2.2 * u),
                (x + 2.3 * u, bottom - 2.45 * u),
                (x + 2.5 * u, bottom - 1.5 * u),
            ],
            29.0,
        )
        for wheel in (2.1, 7.9):
            self.ellipse(x + wheel * u, bottom - 0.75 * u, 0.95 * u, 0.95 * u, 24.0)
            self.ellipse(x + wheel * u, bottom - 0.75 * u, 0.45 * u, 0.45 * u, 31.0)
        self.box(x + 9.3 * u, bottom - 0.95 * u, 0.7 * u, 0.3 * u, 52.0)


def street(rng: np.random.Generator) -> np.ndarray:
    """A street at dusk: cold sky, warm windows, two cars, three people."""
    scene = Scene(rng, 9.0)
    rows = np.linspace(0, 1, scene.field.shape[0], dtype=np.float32)[:, None]
    scene.field[:] = np.where(rows < 0.5, -14 + 26 * rows, 9.5 + 5.0 * rows)
    scene.polygon([(0, 384), (480, 384), (290, 195), (205, 195)], 15.0)
    for k in range(7):
        y0, y1 = 200 + 4 * k * k, 206 + 4 * k * k + 2 * k
        scene.polygon([(246 - 0.3 * k, y0), (249 + 0.3 * k, y0), (250 + k, y1), (245 - k, y1)], 12.5)
    scene.polygon([(0, 20), (150, 95), (150, 215), (0, 262)], 11.0)
    scene.polygon([(480, 0), (330, 90), (330, 215), (480, 270)], 10.0)
    for i in range(4):
        for j in range(3):
            x, w = 14 + 36 * i, 20 - 2.2 * i
            top = 60 + 14 * i + j * (58 - 8 * i)
            scene.polygon(
                [(x, top), (x + w, top + 0.45 * w), (x + w, top + 30 - 3 * i), (x, top + 30 - 3 * i)],
                rng.choice([6.5, 16.5, 18.5]),
            )
            x = 462 - 34 * i
            scene.polygon(
                [(x, top - 14), (x - w, top - 14 + 0.5 * w), (x - w, top + 22 - 3 * i), (x, top + 22 - 3 * i)],
                rng.choice([6.0, 15.5, 19.0]),
            )
    scene.line([(180, 250), (180, 70), (205, 62)], 7.5, 3)
    scene.ellipse(207, 64, 5, 3, 44.0)
    scene.line([(310, 240), (310, 90), (288, 84)], 7.5, 2.4)
    scene.ellipse(286, 85, 4, 2.4, 43.0)
    for x, y, r in ((165, 185, 18), (318, 178, 15), (158, 165, 14)):
        scene.ellipse(x, y, r, 1.3 * r, 7.0)
    scene.texture(0.5, (2.5, 6, 15, 40))
    scene.car(70, 338, 135)
    scene.car(262, 262, 60)
    scene.person(392, 352, 112, 6)
    scene.person(352, 300, 66)
    scene.person(214, 244, 33)
    return scene.field


def facade(rng: np.random.Generator) -> np.ndarray:
    """The wall of a heated house in winter: thermal bridges, a damp patch, badly sealed windows."""
    scene = Scene(rng, 1.5)
    scene.box(0, 0, 480, 44, -6.0)
    scene.box(0, 330, 480, 54, 2.8)
    scene.texture(0.25, (3, 8, 30))
    for k in range(14):
        scene.line([(0, 44 + 20 * k), (480, 44 + 20 * k)], 1.75, 0.8)
    scene.box(0, 180, 480, 9, 3.4)
    for column in (150, 318):
        scene.box(column, 44, 7, 286, 3.0)
    for i, left in enumerate((40, 190, 360)):
        for j, top in enumerate((70, 212)):
            scene.box(left - 4, top - 4, 78, 92, 4.6 + 1.5 * ((i + j) % 2))
            scene.box(left, top, 70, 84, 0.6 + 1.2 * rng.random())
            scene.box(left + 33, top, 4, 84, 3.8)
            scene.box(left - 6, top + 88, 82, 5, 5.6)
            scene.box(left + 6, top + 96, 56, 24, 2.6 + 1.6 * rng.random())
    scene.ellipse(110, 300, 26, 18, 0.2)
    scene.ellipse(120, 310, 18, 12, -0.4)
    scene.box(262, 150, 3, 30, 12.5)
    scene.box(446, 330, 16, 54, 6.5)
    for k in range(8):
        scene.ellipse(300 + 1.5 * k, 60 + 2 * k, 7 - 0.6 * k, 9, 5.5 + 0.3 * k)
    return scene.field


def rescue(rng: np.random.Generator) -> np.ndarray:
    """From a drone at night: a wood, a meadow, a track, a stream; four people, a dog and a parked car."""
    scene = Scene(rng, 6.0)
    scene.texture(0.7, (2, 5, 20, 60))
    for _ in range(420):
        x, y = rng.uniform(-10, 230), rng.uniform(-10, 394)
        if x < 120 + 60 * np.sin(y / 70) + rng.normal(0, 12):
            r = rng.uniform(5, 13)
            scene.ellipse(x, y, r, r * rng.uniform(0.8, 1.2), 8.2 + rng.normal(0, 0.6), rng.uniform(0, 180))
            scene.ellipse(x - r / 4, y - r / 4, r / 2, r / 2, 7.4 + rng.normal(0, 0.4))
    scene.line([(300, -5), (322, 90), (300, 200), (340, 300), (330, 390)], 9.6, 13)
    scene.line([(-5, 330), (120, 352), (260, 335), (490, 372)], 11.5, 9)
    scene.texture(0.35, (2, 4))
    for x, y, size in ((402, 96, 3.2), (410, 104, 3.0), (214, 210, 2.6), (96, 262, 2.2)):
        scene.ellipse(x, y, size * 1.5, size, 24.0, rng.uniform(0, 180))
        scene.ellipse(x + size, y - size / 2, size / 2, size / 2, 31.0)
    scene.ellipse(420, 92, 2.2, 1.1, 27.0, 30)
    scene.box(292, 150, 15, 30, 7.0)
    scene.box(293, 151, 13, 9, 22.0)
    scene.box(294, 163, 11, 7, 3.0)
    return scene.field


def switchyard(rng: np.random.Generator) -> np.ndarray:
    """Insulators and conductors against the sky, with one joint that is far too hot."""
    scene = Scene(rng, -8.0)
    rows = np.linspace(0, 1, scene.field.shape[0], dtype=np.float32)[:, None]
    scene.field[:] = -12 + 9 * rows
    scene.texture(0.6, (30, 80))
    scene.box(0, 318, 480, 66, 11.0)
    for x, top in ((70, 60), (180, 40), (300, 52), (410, 66)):
        scene.box(x - 9, 250, 18, 80, 13.0)
        scene.box(x - 22, 322, 44, 16, 14.5)
        for k in range(12):
            scene.ellipse(x, 240 - 14 * k, 16 - 0.5 * (k % 2) * 6, 5, 12.0 + 0.15 * k)
            scene.box(x - 5, 233 - 14 * k, 10, 10, 13.5)
        scene.box(x - 8, top, 16, 22, 16.0)
    for k, (a, b) in enumerate((((70, 66), (180, 48)), ((180, 48), (300, 60)), ((300, 60), (410, 74)))):
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 + 20)
        scene.line([a, middle, b], 17.0 + k, 4)
    scene.line([(0, 30), (70, 66)], 16.0, 4)
    scene.line([(410, 74), (480, 40)], 18.0, 4)
    scene.box(286, 46, 28, 16, 41.0)
    scene.box(292, 50, 16, 9, 74.0)
    scene.line([(314, 56), (350, 68)], 30.0, 5)
    scene.texture(0.25, (2, 5))
    return scene.field


def harbour(rng: np.random.Generator) -> np.ndarray:
    """A mole with a light, a cutter with a warm funnel, a rubber boat with three people, and somebody in the water."""
    scene = Scene(rng, 8.0)
    rows = np.linspace(0, 1, scene.field.shape[0], dtype=np.float32)[:, None]
    scene.field[:] = np.where(rows < 0.36, -22 + 50 * rows, 6.5 + 3.0 * rows)
    scene.polygon([(0, 138), (0, 112), (70, 96), (150, 118), (230, 126), (300, 138)], 1.0)
    for _ in range(420):
        y = 142 + 240 * rng.uniform(0, 1) ** 1.6
        x, length = rng.uniform(-20, 480), rng.uniform(0.06, 0.22) * (y - 110)
        scene.line([(x, y), (x + length, y + rng.normal(0, 0.6))], 8.0 + rng.normal(0, 1.4), 0.6 + (y - 138) / 130)
    scene.polygon([(480, 150), (352, 158), (352, 178), (480, 190)], 13.0)
    scene.box(392, 74, 20, 84, 10.0)
    scene.polygon([(388, 74), (416, 74), (402, 58)], 7.0)
    scene.box(397, 78, 10, 9, 34.0)
    scene.polygon([(70, 188), (306, 180), (286, 216), (94, 218)], 11.5)
    scene.polygon([(84, 207), (292, 203), (286, 216), (94, 218)], 14.0)
    scene.box(128, 148, 78, 40, 9.0)
    for k in range(4):
        scene.box(134 + 18 * k, 155, 12, 11, 16.5)
    scene.box(224, 140, 17, 46, 19.0)
    scene.box(224, 140, 17, 9, 44.0)
    for k in range(5):
        scene.ellipse(236 + 9 * k, 128 - 7 * k, 5 + 3 * k, 3 + 2 * k, 12.0 - 2.2 * k, -30)
    scene.line([(160, 148), (160, 84)], 6.0, 2)
    scene.line([(306, 180), (322, 172)], 9.0, 2)
    scene.ellipse(170, 318, 84, 19, 14.0)
    scene.ellipse(170, 313, 70, 11, 8.6)
    for x, feet, height in ((136, 318, 58), (172, 321, 62), (206, 317, 56)):
        scene.person(x, feet, height)
    scene.box(240, 300, 16, 22, 13.0)
    scene.box(244, 297, 9, 8, 38.0)
    scene.ellipse(352, 292, 4.6, 5.4, 30.0)
    scene.line([(342, 302), (352, 298), (364, 303)], 15.0, 3)
    scene.texture(0.3, (3, 8, 30))
    return scene.field


def celsius_file(temperatures: np.ndarray) -> ThermalImage:
    """Temperatures as a camera with 16 bits and TLinear writes them."""
    steps = np.rint((temperatures + 273.15) * 100) / 100 - 273.15
    return ThermalImage(steps.astype(np.float32), "celsius", metadata=Metadata(emissivity=0.95))


def counts_file(temperatures: np.ndarray) -> ThermalImage:
    """Raw counts of a 14-bit detector, 40 a kelvin."""
    return ThermalImage(np.rint(7200 + 40 * temperatures).astype(np.float32), "counts", "uint16")


def picture_file(temperatures: np.ndarray, span: float) -> ThermalImage:
    """An 8-bit picture that shows `span` kelvin about the median; what lies outside is clipped."""
    middle = np.median(temperatures)
    grey = np.clip(np.rint((temperatures - middle) / span * 255 + 110), 0, 255)
    return ThermalImage(grey.astype(np.float32), "display", "uint8")


def main(folder: Path) -> None:
    """Write the samples."""
    rng = np.random.default_rng(2718)
    scenes = {
        "street.tif": (street, Camera(), celsius_file, "uint16"),
        "facade.tif": (
            facade,
            Camera(blur=0.8, column_offset=0.12, column_gain=0.02, noise=0.07),
            counts_file,
            "uint16",
        ),
        "rescue.png": (rescue, Camera(column_offset=0.5, noise=0.35, dead=6), lambda t: picture_file(t, 26), None),
        "switchyard.png": (
            switchyard,
            Camera(blur=1.9, column_offset=0.7, noise=0.3),
            lambda t: picture_file(t, 62),
            None,
        ),
        "harbour.png": (
            harbour,
            Camera(blur=1.1, column_offset=0.9, noise=0.6, haze=0.5),
            lambda t: picture_file(t, 80),
            None,
        ),
    }
    for name, (draw, camera, store, depth) in scenes.items():
        store(camera.look(draw(rng), rng)).save(folder / name, depth=depth, overwrite=True)
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
