"""What a camera looks at. Each view paints a canvas from back to front."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np

from thermend.datasets.scenes import objects
from thermend.datasets.scenes.canvas import Canvas, Field, clouds
from thermend.datasets.scenes.climate import Climate
from thermend.datasets.scenes.landscape import ground, road, shadows, sky, skyline
from thermend.datasets.scenes.tone import picture

SHAPE = (512, 640)


def street(rng: np.random.Generator) -> Field:
    """From a car or from a pavement: sky, houses and trees, a road, vehicles and people."""
    canvas, climate = Canvas(SHAPE, rng), Climate.draw(rng)
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.28, 0.62) * h
    sky(canvas, climate, horizon)
    if rng.random() < 0.3:
        objects.wires(canvas, climate, rng.uniform(0, 0.6) * horizon)
    skyline(canvas, climate, horizon)
    ground(canvas, climate, horizon)
    if rng.random() < 0.85:
        road(canvas, climate, horizon)
    shadows(canvas, climate, horizon)
    things: list[tuple[float, Callable[[], None]]] = []
    vx = rng.uniform(0.3, 0.7) * w
    for side in (-1, 1):
        if rng.random() < 0.6:
            things += _row_of_houses(canvas, climate, horizon, vx, side)
    for _ in range(int(rng.integers(0, 12))):
        far = rng.uniform(0.03, 1) ** 1.5
        x, foot = vx + rng.choice((-1, 1)) * rng.uniform(0.1, 0.9) * w * far**0.6, horizon + 0.35 * h * far
        tall = rng.uniform(0.25, 1.1) * h * far**0.7
        things.append((far, _tree(canvas, climate, x, foot, tall)))
    for _ in range(int(rng.integers(0, 9))):
        far = rng.uniform(0.05, 1) ** 1.6
        x, foot = vx + rng.normal(0, 0.45) * w * (0.25 + far), horizon + 4 + 0.45 * h * far
        size = rng.uniform(0.5, 0.75) * w * far
        things.append((far, lambda x=x, f=foot, s=size: objects.car(canvas, climate, x, f, s)))  # type: ignore[misc]
    for _ in range(int(rng.integers(0, 8))):
        far = rng.uniform(0.06, 0.9) ** 1.5
        x, foot = rng.uniform(0, w), horizon + 4 + 0.45 * h * far
        things.append((far, lambda x=x, f=foot, s=0.62 * h * far: objects.person(canvas, climate, x, f, s)))  # type: ignore[misc]
    for _ in range(int(rng.integers(0, 5))):
        far = rng.uniform(0.1, 1) ** 1.3
        x, foot = rng.uniform(0, w), horizon + 0.3 * h * far
        things.append((far, lambda x=x, f=foot, s=1.1 * h * far: objects.pole(canvas, climate, x, f, s)))  # type: ignore[misc]
    for _, draw in sorted(things, key=lambda thing: thing[0]):
        draw()
    return canvas.field


def _tree(canvas: Canvas, climate: Climate, x: float, foot: float, tall: float) -> Callable[[], None]:
    rng = canvas.rng
    kind = rng.random()

    def draw() -> None:
        if kind < 0.6:
            canvas.line([(x, foot), (x, foot - 0.6 * tall)], climate.air + rng.uniform(-1, 5), max(1.0, tall / 22))
            for _ in range(int(rng.integers(1, 4))):
                objects.crown(
                    canvas,
                    climate,
                    x + rng.normal(0, 0.12) * tall,
                    foot - rng.uniform(0.55, 0.8) * tall,
                    rng.uniform(0.18, 0.36) * tall,
                    rng.uniform(0.7, 1.1),
                )
        elif kind < 0.8:
            objects.bare_tree(canvas, climate, x, foot, tall)
        else:
            objects.palm(canvas, climate, x, foot, tall)

    return draw


def _row_of_houses(
    canvas: Canvas, climate: Climate, horizon: float, vx: float, side: int
) -> list[tuple[float, Callable[[], None]]]:
    """Fronts along a street, the nearer the larger."""
    rng, w, h = canvas.rng, canvas.width, canvas.height
    made: list[tuple[float, Callable[[], None]]] = []
    edge = vx + side * rng.uniform(0.6, 1.6) * w
    tall = rng.uniform(0.3, 1.6)
    near, far_end = rng.uniform(0.5, 1.0), rng.uniform(0.05, 0.3)
    shares = np.linspace(near, far_end, int(rng.integers(2, 6)))
    for a, b in itertools.pairwise(shares):
        own = tall * rng.uniform(0.5, 1.2)
        xa, xb = (vx + (edge - vx) * s for s in (a, b))
        ya, yb = (horizon + 0.4 * h * s for s in (a, b))
        ta, tb = (horizon - own * h * s * 0.8 for s in (a, b))
        corners = [(xa, ta), (xb, tb), (xb, yb), (xa, ya)] if side < 0 else [(xb, tb), (xa, ta), (xa, ya), (xb, yb)]
        storeys, bays = int(rng.integers(1, 6)), int(rng.integers(1, 9))

        def draw(corners: list[tuple[float, float]] = corners, storeys: int = storeys, bays: int = bays) -> None:
            objects.wall(canvas, climate, corners, storeys, bays)

        made.append((float(b), draw))
    return made


def aerial(rng: np.random.Generator) -> Field:
    """From a drone: fields, roads, roofs, woods, courts, vehicles and people."""
    canvas, climate = Canvas(SHAPE, rng), Climate.draw(rng)
    w, h = canvas.width, canvas.height
    scale = float(np.exp(rng.uniform(np.log(0.35), np.log(1.6))))
    canvas.field[:] = climate.surface(rng, 0.5) + rng.uniform(0.2, 1.2) * clouds(
        rng, SHAPE, rng.uniform(8, 160), 5, rng.uniform(0.5, 0.8)
    )
    turn = rng.uniform(0, np.pi)
    c, s = np.cos(turn), np.sin(turn)

    def at(u: float, v: float) -> tuple[float, float]:
        return (w / 2 + c * u - s * v, h / 2 + s * u + c * v)

    def block(u: float, v: float, a: float, b: float) -> list[tuple[float, float]]:
        return [at(u - a, v - b), at(u + a, v - b), at(u + a, v + b), at(u - a, v + b)]

    for _ in range(int(rng.integers(1, 7))):
        surface = climate.surface(rng, rng.uniform(0.2, 0.9), 2.5)
        texture = surface + rng.uniform(0.1, 1.0) * clouds(rng, SHAPE, rng.uniform(4, 90), 4, rng.uniform(0.5, 0.9))
        canvas.polygon(
            block(rng.uniform(-400, 400), rng.uniform(-400, 400), rng.uniform(60, 380), rng.uniform(60, 380)), texture
        )
    for _ in range(int(rng.integers(0, 4))):
        offset, half = rng.uniform(-350, 350), rng.uniform(14, 70) * scale
        asphalt = climate.surface(rng, 0.9, 2)
        along = rng.random() < 0.5
        points = block(0, offset, 600, half) if along else block(offset, 0, half, 600)
        canvas.polygon(points, asphalt + 0.3 * clouds(rng, SHAPE, 40, 3))
        for edge in (-half, half, 0):
            ends = (
                [at(-600, offset + edge), at(600, offset + edge)]
                if along
                else [at(offset + edge, -600), at(offset + edge, 600)]
            )
            if rng.random() < 0.6:
                canvas.line(ends, asphalt + rng.normal(0, 3), rng.uniform(0.8, 4) * scale)
    for _ in range(int(rng.integers(0, 5))):
        u, v, a, b = (
            rng.uniform(-350, 350),
            rng.uniform(-300, 300),
            rng.uniform(30, 170) * scale,
            rng.uniform(30, 130) * scale,
        )
        roof = climate.surface(rng, rng.uniform(0.1, 1), 4)
        canvas.shade(block(u + 12 * scale, v + 14 * scale, a, b), rng.normal(-1, 3), 2 * scale + 1)
        canvas.polygon(block(u, v, a, b), roof + 0.4 * clouds(rng, SHAPE, 30, 3))
        if rng.random() < 0.5:
            canvas.polygon(block(u, v + b / 2, a, b / 2), roof + rng.normal(0, 3))
        for _ in range(int(rng.integers(0, 7))):
            canvas.small(
                block(u + rng.uniform(-0.8, 0.8) * a, v + rng.uniform(-0.8, 0.8) * b, 5 * scale, 4 * scale),
                roof + rng.normal(0, 6),
            )
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 8))):
            u, v = rng.uniform(-320, 320), rng.uniform(-260, 260)
            canvas.line([at(u - 150, v), at(u + 150, v)], climate.surface(rng, 0.5), rng.uniform(0.8, 3))
    shadows(canvas, climate, 0)
    for _ in range(int(rng.integers(0, 5))):
        u, v = rng.uniform(-350, 350), rng.uniform(-300, 300)
        for _ in range(int(rng.integers(2, 18))):
            x, y = at(u + rng.normal(0, 60), v + rng.normal(0, 60))
            objects.crown(canvas, climate, x, y, rng.uniform(7, 34) * scale)
    for _ in range(int(rng.integers(0, 4))):
        u, v, n = rng.uniform(-300, 300), rng.uniform(-240, 240), int(rng.integers(1, 8))
        for k in range(n):
            x, y = at(u + 24 * scale * k, v)
            objects.car_from_above(
                canvas, climate, x, y, 40 * scale, turn + rng.choice((0, np.pi / 2)) * (n == 1) + np.pi / 2
            )
    for _ in range(int(rng.integers(0, 9))):
        x, y, size = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(2, 6) * scale + 0.6
        canvas.ellipse(x, y, size, 0.6 * size, climate.warm(rng, 24, 36), rng.uniform(0, 180))
        canvas.ellipse(x + 0.4 * size, y - 0.3 * size, 0.4 * size, 0.4 * size, climate.warm(rng, 30, 37))
    return canvas.field


def skyward(rng: np.random.Generator) -> Field:
    """Sky with something small in it, over a tree line or roofs."""
    canvas, climate = Canvas(SHAPE, rng), Climate.draw(rng)
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.6, 1.5) * h
    sky(canvas, climate, horizon)
    if horizon < h:
        skyline(canvas, climate, horizon)
        ground(canvas, climate, horizon)
        for _ in range(int(rng.integers(0, 8))):
            _tree(canvas, climate, rng.uniform(0, w), min(h, horizon + 20) + 5, rng.uniform(30, 220))()
    for _ in range(int(rng.integers(0, 4))):
        x, y, size = rng.uniform(10, w - 10), rng.uniform(10, 0.9 * min(h, horizon)), np.exp(rng.uniform(0, 2.8))
        warm = climate.air + rng.uniform(-5, 30)
        canvas.ellipse(x, y, size, rng.uniform(0.2, 0.9) * size, warm, rng.uniform(0, 180))
        canvas.line(
            [(x - 1.6 * size, y + rng.normal(0, 0.5) * size), (x + 1.6 * size, y)], warm - 2, max(0.7, 0.3 * size)
        )
    if rng.random() < 0.3:
        objects.wires(canvas, climate, rng.uniform(0.1, 0.8) * h)
    if rng.random() < 0.3:
        objects.pole(canvas, climate, rng.uniform(0, w), h, rng.uniform(0.3, 0.9) * h)
    return canvas.field


def water(rng: np.random.Generator) -> Field:
    """A shore or the open water, with boats and swimmers."""
    canvas, climate = Canvas(SHAPE, rng), Climate.draw(rng)
    w, h = canvas.width, canvas.height
    horizon = rng.uniform(0.1, 0.55) * h
    sky(canvas, climate, horizon)
    skyline(canvas, climate, horizon)
    ground(canvas, climate, horizon)
    base = climate.air + rng.uniform(-6, 6)
    for _ in range(int(rng.integers(60, 400))):
        y = horizon + (h - horizon) * rng.uniform(0, 1) ** 1.6
        x, length = rng.uniform(-20, w), rng.uniform(0.06, 0.25) * (y - horizon + 20)
        canvas.line(
            [(x, y), (x + length, y + rng.normal(0, 0.8))], base + rng.normal(0, 1.5), 0.6 + (y - horizon) / 160
        )
    for _ in range(int(rng.integers(0, 4))):
        x, far = rng.uniform(0, w), rng.uniform(0.02, 0.8)
        y, size = horizon + far * (h - horizon), 30 + 260 * far
        hull = climate.surface(rng, 0.6, 4)
        canvas.small(
            [(x - size / 2, y - size / 9), (x + size / 2, y - size / 8), (x + 0.4 * size, y), (x - 0.42 * size, y)],
            hull,
        )
        canvas.box(x - 0.2 * size, y - 0.3 * size, 0.3 * size, 0.2 * size, hull + rng.normal(0, 4))
        canvas.box(x + 0.12 * size, y - 0.32 * size, 0.06 * size, 0.2 * size, hull + rng.uniform(5, 40))
    for _ in range(int(rng.integers(0, 6))):
        size = rng.uniform(1, 7)
        canvas.ellipse(rng.uniform(0, w), rng.uniform(horizon + 8, h), size, 1.2 * size, climate.warm(rng, 24, 36))
    return canvas.field


def building(rng: np.random.Generator) -> Field:
    """The front of a house, near."""
    canvas, climate = Canvas(SHAPE, rng), Climate.draw(rng)
    w, h = canvas.width, canvas.height
    sky(canvas, climate, 0.8 * h)
    ground(canvas, climate, rng.uniform(0.75, 0.98) * h)
    lean, top = rng.uniform(-90, 90, 2), rng.uniform(-60, 0.35 * h, 2)
    left, right, foot = rng.uniform(-200, 0.3 * w), rng.uniform(0.7 * w, w + 200), rng.uniform(0.8, 1.1) * h
    objects.wall(
        canvas,
        climate,
        [(left, top[0]), (right, top[1]), (right, foot + lean[0] / 4), (left, foot + lean[1] / 4)],
        int(rng.integers(1, 8)),
        int(rng.integers(1, 10)),
    )
    for _ in range(int(rng.integers(0, 6))):
        x, y, a = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(5, 60)
        canvas.shade([(x - a, y - a), (x + a, y - a), (x + a, y + a), (x - a, y + a)], rng.normal(0, 3), 0.5 * a)
    for _ in range(int(rng.integers(0, 4))):
        x = rng.uniform(0, w)
        canvas.line([(x, 0), (x + rng.normal(0, 5), h)], climate.air + rng.uniform(0, 14), rng.uniform(1, 6))
    for _ in range(int(rng.integers(0, 4))):
        objects.person(canvas, climate, rng.uniform(0, w), rng.uniform(0.85, 1.02) * h, rng.uniform(60, 260))
    if rng.random() < 0.4:
        objects.car(canvas, climate, rng.uniform(0, w), h - 4, rng.uniform(100, 320))
    return canvas.field


def room(rng: np.random.Generator) -> Field:
    """Machines, pipes and boards: plain surfaces, boxes and cylinders, some of them hot."""
    canvas = Canvas(SHAPE, rng)
    w, h = canvas.width, canvas.height
    air = rng.uniform(12, 30)
    climate = Climate(air, 5, 1, 0)
    rows, columns = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    canvas.field[:] = (
        air
        + rng.normal(0, 1.2) * rows
        + rng.normal(0, 0.8) * columns
        + 0.25 * clouds(rng, SHAPE, rng.uniform(40, 300), 4)
    )
    for _ in range(int(rng.integers(3, 18))):
        x, y, a, b = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(8, 220), rng.uniform(8, 180)
        warm = air + rng.gamma(1.0, 3.0) - 1
        kind = rng.random()
        if kind < 0.4:
            canvas.box(x, y, a, b, warm + rng.uniform(0.05, 0.5) * clouds(rng, SHAPE, rng.uniform(10, 100), 3))
        elif kind < 0.6:
            canvas.ellipse(x, y, a / 2, b / 2, warm, rng.uniform(0, 180))
        elif kind < 0.85:
            points = [(x, y)]
            for _ in range(4):
                points.append((points[-1][0] + rng.normal(0, 100), points[-1][1] + rng.normal(0, 80)))
            canvas.line(points, warm, rng.uniform(1, 16))
        else:
            for k in range(int(rng.integers(3, 14))):
                canvas.box(x + 14 * k, y, 9, b / 2, warm + rng.normal(0, 1))
    for _ in range(int(rng.integers(0, 5))):
        size = rng.uniform(2, 26)
        canvas.ellipse(
            rng.uniform(0, w),
            rng.uniform(0, h),
            size,
            size * rng.uniform(0.3, 1),
            air + rng.uniform(8, 50),
            rng.uniform(0, 180),
        )
    for _ in range(int(rng.integers(0, 4))):
        objects.person(canvas, climate, rng.uniform(0, w), rng.uniform(0.7, 1.4) * h, rng.uniform(100, 500))
    return canvas.field


def leaves(rng: np.random.Generator) -> Field:
    """Shapes over shapes of all sizes, as in no place at all (the dead leaves model)."""
    canvas = Canvas(SHAPE, rng)
    w, h = canvas.width, canvas.height
    canvas.field[:] = rng.normal(0, 3) + rng.uniform(0, 1) * clouds(rng, SHAPE, rng.uniform(20, 200), 4)
    count = int(rng.integers(40, 260))
    radii = np.sort(np.clip(6 * rng.pareto(1.3, count) + 3, 3, 260))[::-1]
    for radius in radii:
        x, y, warm = rng.uniform(0, w), rng.uniform(0, h), rng.normal(0, 4)
        corners = int(rng.integers(3, 14))
        turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
        points = [(x + radius * np.cos(t), y + radius * rng.uniform(0.5, 1) * np.sin(t)) for t in turns]
        if radius > 40 and rng.random() < 0.4:
            canvas.polygon(points, warm + rng.uniform(0.2, 1.2) * clouds(rng, SHAPE, rng.uniform(6, 60), 4, 0.7))
        elif rng.random() < 0.2:
            canvas.shade(points, warm, rng.uniform(1, 12))
        else:
            canvas.small(points, warm)
    return canvas.field


VIEWS: dict[str, tuple[Callable[[np.random.Generator], Field], float]] = {
    "street": (street, 0.42),
    "aerial": (aerial, 0.16),
    "skyward": (skyward, 0.1),
    "water": (water, 0.06),
    "building": (building, 0.1),
    "room": (room, 0.08),
    "leaves": (leaves, 0.08),
}
"""Each view and how often it is drawn."""

_LENS = (0.35, 0.8)
"""Pixels; what a good lens blurs."""


def scene(seed: int, number: int) -> Field:
    """Temperatures of a scene.

    Parameters
    ----------
    seed, number : int
        the scene follows from these two

    Returns
    -------
    (512, 640) float32, degrees Celsius
    """
    return _drawn(np.random.default_rng([seed, 7, number]))


def scene_picture(seed: int, number: int) -> Field:
    """The same as a picture, (512, 640) float32 in [0, 1]."""
    rng = np.random.default_rng([seed, 7, number])
    return picture(_drawn(rng), rng)


def _drawn(rng: np.random.Generator) -> Field:
    chances = np.array([chance for _, chance in VIEWS.values()])
    view = list(VIEWS.values())[int(rng.choice(len(chances), p=chances / chances.sum()))][0]
    field = view(rng)
    if rng.random() < 0.5:
        field = field[:, ::-1]
    field = cv2.GaussianBlur(np.ascontiguousarray(field), (0, 0), rng.uniform(*_LENS))
    return np.asarray(
        field + np.float32(rng.uniform(0.02, 0.15)) * clouds(rng, SHAPE, rng.uniform(2, 6), 2), np.float32
    )
