"""What stands in a scene: vehicles, people, trees, buildings, poles."""

from __future__ import annotations

import numpy as np

from thermend.datasets.scenes.canvas import Canvas, Point, clouds
from thermend.datasets.scenes.climate import Climate


def person(canvas: Canvas, climate: Climate, x: float, feet: float, height: float) -> None:
    """Somebody who stands or walks; head and hands warmest."""
    rng, unit = canvas.rng, height / 8
    cloth = climate.warm(rng, *sorted((climate.air, 30.0)))
    skin = climate.warm(rng, 30, 37)
    legs = cloth - rng.uniform(0, 3)
    stride = rng.uniform(0.1, 0.9)
    for side in (-1, 1):
        foot, hip = x + side * stride * unit, x + side * 0.4 * unit
        canvas.small(
            [
                (foot - 0.4 * unit, feet),
                (foot + 0.4 * unit, feet),
                (hip + 0.5 * unit, feet - 4 * unit),
                (hip - 0.5 * unit, feet - 4 * unit),
            ],
            legs,
        )
        hand = x + side * rng.uniform(1, 1.7) * unit
        canvas.small(
            [
                (x + side * 0.6 * unit, feet - 6.5 * unit),
                (x + side * 1.1 * unit, feet - 6.2 * unit),
                (hand + 0.3 * unit, feet - 3.4 * unit),
                (hand - 0.3 * unit, feet - 3.4 * unit),
            ],
            cloth,
        )
        canvas.ellipse(hand, feet - 3.3 * unit, 0.35 * unit, 0.4 * unit, skin - 2)
    canvas.small(
        [
            (x - unit, feet - 6.5 * unit),
            (x + unit, feet - 6.5 * unit),
            (x + 0.8 * unit, feet - 3.6 * unit),
            (x - 0.8 * unit, feet - 3.6 * unit),
        ],
        cloth,
    )
    canvas.ellipse(x, feet - 7.2 * unit, 0.6 * unit, 0.8 * unit, skin)


def car(canvas: Canvas, climate: Climate, x: float, bottom: float, length: float) -> None:
    """A car from the side or from behind."""
    rng, u = canvas.rng, length / 10
    body, glass = climate.surface(rng, 0.6, 3), climate.air - rng.uniform(-2, 12)
    running = rng.random() < 0.5
    engine = body + (rng.uniform(4, 22) if running else rng.uniform(-1, 2))
    tyre = body + (rng.uniform(2, 12) if running else rng.uniform(-2, 2))
    y = bottom - 0.9 * u
    if rng.random() < 0.5:
        turn = rng.choice((-1, 1))

        def at(*points: Point) -> list[Point]:
            return [(x + turn * (p - 5) * u, y - q * u) for p, q in points]

        canvas.small(at((0, 0), (0.2, 1.3), (2.4, 1.7), (3.6, 3.1), (7.4, 3.1), (8.8, 1.7), (10, 1.2), (10, 0)), body)
        canvas.small(at((2.9, 1.7), (3.8, 2.8), (5.3, 2.8), (5.3, 1.7)), glass)
        canvas.small(at((5.6, 1.7), (5.6, 2.8), (7.2, 2.8), (8.2, 1.7)), glass)
        canvas.small(at((0.2, 0.6), (0.3, 1.3), (2.3, 1.6), (2.5, 0.6)), engine)
        for wheel in (2.1, 7.9):
            centre = at((wheel, -0.05))[0]
            canvas.ellipse(*centre, 0.95 * u, 0.95 * u, tyre)
            canvas.ellipse(*centre, 0.45 * u, 0.45 * u, tyre + rng.uniform(-3, 6))
    else:
        u *= 0.6
        w, h = 5 * u, rng.uniform(6, 9) * u
        canvas.small(
            [
                (x - w, y),
                (x - w, y - 0.55 * h),
                (x - 0.75 * w, y - h),
                (x + 0.75 * w, y - h),
                (x + w, y - 0.55 * h),
                (x + w, y),
            ],
            body,
        )
        canvas.small(
            [
                (x - 0.75 * w, y - 0.55 * h),
                (x - 0.62 * w, y - 0.93 * h),
                (x + 0.62 * w, y - 0.93 * h),
                (x + 0.75 * w, y - 0.55 * h),
            ],
            glass,
        )
        canvas.small(
            [
                (x - 0.6 * w, y - 0.15 * h),
                (x + 0.6 * w, y - 0.15 * h),
                (x + 0.6 * w, y - 0.42 * h),
                (x - 0.6 * w, y - 0.42 * h),
            ],
            engine,
        )
        for side in (-1, 1):
            canvas.small(
                [
                    (x + side * 0.6 * w, bottom),
                    (x + side * 0.95 * w, bottom),
                    (x + side * 0.95 * w, y - 0.12 * h),
                    (x + side * 0.6 * w, y - 0.12 * h),
                ],
                tyre,
            )
            canvas.ellipse(x + side * 0.8 * w, y - 0.45 * h, 0.14 * w, 0.09 * h, body + rng.uniform(-2, 10))
    canvas.shade(
        [(x - 5 * u, bottom), (x + 5 * u, bottom), (x + 4.6 * u, bottom + 0.8 * u), (x - 4.6 * u, bottom + 0.8 * u)],
        rng.normal(0, 3),
        0.3 * u + 0.6,
    )


def car_from_above(canvas: Canvas, climate: Climate, x: float, y: float, length: float, angle: float) -> None:
    """A car, or the place where one stood."""
    rng = canvas.rng
    c, s = np.cos(angle), np.sin(angle)

    def at(*points: Point) -> list[Point]:
        return [(x + length * (c * p - s * q), y + length * (s * p + c * q)) for p, q in points]

    outline = at(
        (-0.5, -0.2), (-0.46, -0.22), (0.42, -0.21), (0.5, -0.14), (0.5, 0.14), (0.42, 0.21), (-0.46, 0.22), (-0.5, 0.2)
    )
    if rng.random() < 0.2:
        canvas.shade(outline, rng.normal(0, 3), 0.08 * length)
        return
    body = climate.surface(rng, 0.7, 4)
    canvas.small(outline, body)
    canvas.small(at((0.08, -0.17), (0.24, -0.19), (0.24, 0.19), (0.08, 0.17)), climate.air - rng.uniform(-2, 10))
    canvas.small(at((-0.3, -0.17), (-0.4, -0.18), (-0.4, 0.18), (-0.3, 0.17)), climate.air - rng.uniform(-2, 10))
    if rng.random() < 0.5:
        canvas.small(at((0.27, -0.16), (0.47, -0.13), (0.47, 0.13), (0.27, 0.16)), body + rng.uniform(2, 18))


def crown(canvas: Canvas, climate: Climate, x: float, y: float, radius: float, squat: float = 1.0) -> None:
    """The crown of a tree in leaf: clumps of several sizes, frayed at the edge, with holes through which the sky is seen."""
    rng = canvas.rng
    reach = 1.25 * radius
    left, top = max(0, int(x - reach)), max(0, int(y - squat * reach))
    right, bottom = min(canvas.width, int(x + reach) + 1), min(canvas.height, int(y + squat * reach) + 1)
    if right - left < 3 or bottom - top < 3:
        return
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    far = np.hypot(columns - x, (rows - y) / max(squat, 0.1)) / radius
    shape = (bottom - top, right - left)
    frayed = clouds(rng, shape, max(3.0, radius * rng.uniform(0.2, 0.6)), 5, rng.uniform(0.6, 0.85))
    mask = np.clip((1 - far) * rng.uniform(2, 6) + rng.uniform(0.4, 0.9) * frayed + rng.uniform(0, 0.6), 0, 1)
    leaf = climate.leaves(rng) + rng.uniform(0.4, 1.6) * clouds(
        rng, shape, max(2.0, radius / rng.uniform(3, 8)), 4, 0.75
    )
    own = canvas.field[top:bottom, left:right]
    own += mask * (leaf - own)


def bare_tree(canvas: Canvas, climate: Climate, x: float, foot: float, height: float) -> None:
    """Trunk and branches."""
    rng, wood = canvas.rng, climate.air + canvas.rng.uniform(-1, 5)

    def branch(at: Point, angle: float, length: float, thickness: float, depth: int) -> None:
        end = (at[0] + length * np.sin(angle), at[1] - length * np.cos(angle))
        middle = ((at[0] + end[0]) / 2 + rng.normal(0, 0.05 * length), (at[1] + end[1]) / 2)
        canvas.line([at, middle, end], wood + rng.normal(0, 0.3), thickness)
        if depth:
            for _ in range(int(rng.integers(2, 4))):
                branch(end, angle + rng.normal(0, 0.55), length * rng.uniform(0.55, 0.8), thickness * 0.62, depth - 1)

    branch((x, foot), rng.normal(0, 0.06), 0.32 * height, max(0.8, height / 28), 3)


def palm(canvas: Canvas, climate: Climate, x: float, foot: float, height: float) -> None:
    """A long trunk and a tuft."""
    rng = canvas.rng
    canvas.line(
        [(x, foot), (x + rng.normal(0, 0.05) * height, foot - height)],
        climate.air + rng.uniform(0, 6),
        max(0.8, height / 40),
    )
    leaf = climate.leaves(rng)
    for angle in np.linspace(-2.6, 2.6, int(rng.integers(9, 17))):
        tip = (x + 0.16 * height * np.sin(angle), foot - height - 0.12 * height * np.cos(angle) + 0.03 * height)
        canvas.line([(x, foot - height), tip], leaf + rng.normal(0, 0.8), max(0.7, height / 60))


def wall(canvas: Canvas, climate: Climate, corners: list[Point], storeys: int, bays: int) -> None:
    """A front in perspective, with windows.

    Parameters
    ----------
    corners : list of Point
        list of points left top, right top, right bottom, left bottom
    """
    rng = canvas.rng
    base = climate.surface(rng, 0.45, 2)
    texture = base + rng.uniform(0.1, 0.8) * clouds(rng, canvas.field.shape, rng.uniform(15, 90), 3)
    canvas.polygon(corners, texture)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners

    def at(u: float, v: float) -> Point:
        return (
            (1 - v) * ((1 - u) * x0 + u * x1) + v * ((1 - u) * x3 + u * x2),
            (1 - v) * ((1 - u) * y0 + u * y1) + v * ((1 - u) * y3 + u * y2),
        )

    wide, tall = rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.75)
    heated, glass = base + rng.uniform(1, 9), climate.air - rng.uniform(-1, 14)
    odds = rng.uniform(0, 0.7)
    frames = rng.random() < 0.4
    for j in range(storeys):
        if rng.random() < 0.3:
            canvas.line([at(0, (j + 1) / storeys), at(1, (j + 1) / storeys)], base + rng.normal(0, 2), 1.2)
        for i in range(bays):
            u0, v0 = (i + (1 - wide) / 2) / bays, (j + (1 - tall) / 2) / storeys
            u1, v1 = u0 + wide / bays, v0 + tall / storeys
            shown = heated if rng.random() < odds else glass
            quad = [at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)]
            if frames:
                edge = 0.08 / bays
                canvas.small(
                    [
                        at(u0 - edge, v0 - edge),
                        at(u1 + edge, v0 - edge),
                        at(u1 + edge, v1 + edge),
                        at(u0 - edge, v1 + edge),
                    ],
                    base + 2.5,
                )
            canvas.small(quad, shown + rng.normal(0, 0.8))


def pole(canvas: Canvas, climate: Climate, x: float, foot: float, height: float) -> None:
    """A lamp or a mast."""
    rng, metal = canvas.rng, climate.air + canvas.rng.uniform(-4, 8)
    canvas.line([(x, foot), (x, foot - height)], metal, max(0.8, height / 45))
    arm = rng.choice((-1, 0, 1)) * rng.uniform(0.05, 0.2) * height
    if arm:
        canvas.line([(x, foot - height), (x + arm, foot - 1.02 * height)], metal, max(0.7, height / 70))
    if rng.random() < 0.6:
        canvas.ellipse(x + arm, foot - 1.02 * height, height / 40 + 0.7, height / 60 + 0.6, metal + rng.uniform(2, 40))


def wires(canvas: Canvas, climate: Climate, top: float) -> None:
    """A few that sag from side to side."""
    rng = canvas.rng
    ends = [(-10.0, top + rng.normal(0, 30)), (canvas.width + 10.0, top + rng.normal(0, 60))]
    for k in range(int(rng.integers(1, 6))):
        xs = np.linspace(ends[0][0], ends[1][0], 24)
        share = (xs - xs[0]) / (xs[-1] - xs[0])
        ys = (1 - share) * ends[0][1] + share * ends[1][1] + rng.uniform(10, 60) * 4 * share * (1 - share) + 9 * k
        canvas.line(list(zip(xs, ys)), climate.air + rng.uniform(0, 6), rng.uniform(0.7, 1.8))
