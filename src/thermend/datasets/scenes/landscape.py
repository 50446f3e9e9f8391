"""What lies behind and beneath the objects of a view: sky, ground, roads, a skyline, shadows."""

from __future__ import annotations

import cv2
import numpy as np

from thermend.datasets.scenes.canvas import Canvas, clouds
from thermend.datasets.scenes.climate import Climate


def sky(canvas: Canvas, climate: Climate, horizon: float) -> None:
    """Coldest overhead, as warm as the air at the horizon; clouds are warmer than what is behind them."""
    rng = canvas.rng
    rows = np.arange(canvas.height, dtype=np.float32)[:, None]
    down = np.clip(rows / max(horizon, 1.0), 0, 1) ** np.float32(rng.uniform(0.6, 2.5))
    depth = climate.sky * (1 - 0.8 * climate.cloud)
    canvas.field[:] = climate.air - depth * (1 - 0.85 * down)
    if rng.random() < 0.75:
        cover = clouds(rng, (canvas.height // 2, canvas.width // 2), rng.uniform(30, 140), 5, rng.uniform(0.4, 0.65))
        cover = cv2.resize(cover, None, fx=rng.choice((2.0, 3.0)), fy=2.0)[: canvas.height, : canvas.width]
        cut = rng.uniform(-0.6, 1.2)
        canvas.field += np.float32(rng.uniform(0.05, 0.6) * depth) * np.clip(cover - cut, 0, 1.5) * (1 - 0.5 * down)


def ground(canvas: Canvas, climate: Climate, horizon: float) -> None:
    """A plane that goes to the horizon, with patches that get smaller and flatter towards it."""
    rng = canvas.rng
    top = max(0, int(horizon))
    rows, columns = np.mgrid[top : canvas.height, 0 : canvas.width].astype(np.float32)
    depth = 1 / (rows - horizon + 6)
    scale = rng.uniform(1500, 9000)
    tile = clouds(rng, (512, 512), rng.uniform(8, 60), 5, rng.uniform(0.5, 0.8))
    u = (columns - canvas.width * rng.uniform(0.2, 0.8)) * depth * rng.uniform(40, 160) + 2000
    v = depth * scale
    pattern = cv2.remap(tile, np.mod(u, 511), np.mod(v, 511), cv2.INTER_LINEAR)
    fade = np.clip((rows - horizon) / (0.25 * canvas.height), 0.15, 1)
    base = climate.surface(rng, rng.uniform(0.2, 0.9))
    slope = rng.normal(0, 3) * (rows - horizon) / canvas.height
    canvas.field[top:] = base + slope + rng.uniform(0.1, 1.2) * pattern * fade


def road(canvas: Canvas, climate: Climate, horizon: float) -> None:
    """A road to a vanishing point, with kerbs, lines, tracks and cracks."""
    rng, w, h = canvas.rng, canvas.width, canvas.height
    vx, left, right = rng.uniform(0.2, 0.8) * w, rng.uniform(-0.8, 0.4) * w, rng.uniform(0.6, 1.8) * w
    asphalt = climate.surface(rng, 0.9)
    patches = clouds(rng, canvas.field.shape, rng.uniform(10, 80), 4)
    surface = asphalt + rng.uniform(0.1, 0.7) * patches
    top = horizon + rng.uniform(1, 10)
    canvas.polygon([(left, h + 5), (vx - 3, top), (vx + 3, top), (right, h + 5)], surface)

    def stripe(at: float, width: float, what: float, pieces: int) -> None:
        x = left + at * (right - left)
        for k in range(pieces):
            a, b = (k / pieces) ** 2, ((k + (1 if pieces == 1 else 0.55)) / pieces) ** 2
            points = []
            for share, side in ((a, -1), (a, 1), (b, 1), (b, -1)):
                half = side * width * share / 2
                points.append((vx + (x - vx) * share + half, top + (h + 5 - top) * share))
            canvas.small(points, what)

    for at in (0.0, 1.0):
        if rng.random() < 0.6:
            stripe(at, rng.uniform(8, 60), climate.surface(rng, 0.5), 1)
    for at in rng.uniform(0.15, 0.85, int(rng.integers(0, 4))):
        stripe(at, rng.uniform(4, 16), asphalt + rng.normal(0, 3), int(rng.choice((1, 6, 9))))
    for at in rng.uniform(0.1, 0.9, int(rng.integers(0, 4))):
        stripe(at, rng.uniform(10, 50), asphalt + rng.normal(0, 1.2), 1)
    for _ in range(int(rng.integers(0, 8))):
        x, y = rng.uniform(0, w), rng.uniform(top + 20, h)
        points = [(x, y)]
        for _ in range(6):
            points.append((points[-1][0] + rng.normal(0, 30), points[-1][1] + rng.normal(0, 8)))
        canvas.line(points, asphalt + rng.normal(0, 3), rng.uniform(0.7, 2))


def skyline(canvas: Canvas, climate: Climate, horizon: float) -> None:
    """Hills or woods far away: a rough outline and what lies below it."""
    rng, w = canvas.rng, canvas.width
    for _ in range(int(rng.integers(0, 3))):
        n = int(rng.choice((9, 33, 129)))
        heights = clouds(rng, (1, n), max(2.0, n / rng.uniform(1.5, 6)), 5, rng.uniform(0.4, 0.8))[0]
        heights = (
            (heights - heights.min()) / max(1e-3, float(np.ptp(heights))) * rng.uniform(0.02, 0.25) * canvas.height
        )
        points = [(float(x), float(horizon - y)) for x, y in zip(np.linspace(0, w, n), heights)]
        base = climate.leaves(rng) - rng.uniform(-1, 5)
        surface = base + rng.uniform(0.2, 1.3) * clouds(rng, canvas.field.shape, rng.uniform(5, 40), 4, 0.7)
        canvas.polygon([*points, (w, horizon + 12), (0, horizon + 12)], surface)


def shadows(canvas: Canvas, climate: Climate, top: float) -> None:
    """Where the sun has not been, or has been longer."""
    rng, w, h = canvas.rng, canvas.width, canvas.height
    for _ in range(int(rng.integers(0, 4))):
        x, y, a = rng.uniform(0, w), rng.uniform(top, h), rng.uniform(40, 420)
        turn = rng.normal(0, 0.25)
        b = a * rng.uniform(0.08, 0.5)
        points = [
            (x + a * p * np.cos(turn) - b * q * np.sin(turn), y + a * p * np.sin(turn) + b * q * np.cos(turn))
            for p, q in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        canvas.shade(points, rng.normal(0, 2 + 5 * climate.sun), rng.uniform(1, 9))
