"""Time and memory of the command line, against the budgets that thermend sets itself.

    python benchmarks/budgets.py [--page docs/budgets.md]

Every time is the best of a few runs, in processes of their own; the images are drawn here. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import tifffile
from pages import put
from PIL import Image

from thermend import UsageError, load
from thermend.methods import list_methods

COMMAND = shutil.which("thermend", path=str(Path(sys.executable).parent)) or "thermend"
WARM = """
import sys, time, thermend
image = thermend.read(sys.argv[1])
restorer = thermend.load(sys.argv[2], precision=sys.argv[3])
times = []
for _ in range(6):
    begin = time.perf_counter()
    restorer.restore(image)
    times.append(time.perf_counter() - begin)
print(min(times[1:]))
"""


@dataclass
class Run:
    """One process tree: wall time and CPU time in seconds, memory of all processes together in MiB, sampled."""

    wall: float
    cpu: float
    memory: list[float]


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Grey levels of 255: shapes with edges, striped, noisy and slightly blurred."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pixels = 90 + 30 * np.sin(x / 97) * np.cos(y / 61)
    for _ in range(12):
        top, left = rng.integers(0, height), rng.integers(0, width)
        pixels[top : top + height // 5, left : left + width // 7] += rng.uniform(-50, 70)
    pixels += rng.normal(0, 4, width).astype(np.float32) + rng.normal(0, 5, (height, width)).astype(np.float32)
    return np.clip(pixels, 0, 255)


def run(*words: object) -> Run:
    begin = time.perf_counter()
    process = psutil.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory: list[float] = []
    cpu: dict[int, float] = {}
    while process.poll() is None:
        total = 0.0
        for part in [process, *process.children(recursive=True)]:
            try:
                total += part.memory_info().rss / 2**20
                cpu[part.pid] = sum(part.cpu_times()[:2])
            except psutil.Error:
                continue
        memory.append(total)
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed with exit code {process.returncode}")
    return Run(time.perf_counter() - begin, sum(cpu.values()), memory)


def best(*words: object, times: int = 4) -> Run:
    return min((run(*words) for _ in range(times)), key=lambda r: r.wall)


def warm(path: Path, method: str = "auto", precision: str = "auto") -> float:
    words = [sys.executable, "-c", WARM, str(path), method, precision]
    return min(float(subprocess.run(words, capture_output=True, text=True, check=True).stdout) for _ in range(3))


def precisions(method: str) -> list[str]:
    """Those in which this CPU computes a network, the fastest first."""
    try:
        load(method, precision="bf16")
    except UsageError:
        return ["float32"]
    return ["bf16", "float32"]


def networks(picture: Path, large: Path, out: Path) -> list[tuple[str, str, str]]:
    """Rows of every method whose weights ship."""
    rows = []
    for entry in list_methods():
        if entry.weights is None:
            continue
        name = entry.full_name
        computed = precisions(name)
        for precision in computed:
            budget = "0.6 s" if precision == "bf16" else ""
            rows.append((f"`{name}`, {precision}, 640 × 512, warm", f"{warm(picture, name, precision):.2f} s", budget))
        words = ("--method", name, "--precision", computed[0], "--mode", "display", "--overwrite")
        peak = max(run(COMMAND, "enhance", large, "-o", out, *words).memory)
        rows.append((f"`{name}`, {computed[0]}, peak memory, 16.8 megapixels", f"{peak:.0f} MiB", "1024 MiB"))
    return rows


def measure(folder: Path, images: int) -> list[tuple[str, str, str]]:
    """Rows of (what, measured, budget)."""
    rows: list[tuple[str, str, str]] = []
    small, counts = folder / "small.png", folder / "counts.tif"
    grey = scene(512, 640)
    Image.fromarray(grey.astype(np.uint8)).save(small)
    tifffile.imwrite(counts, (20_000 + 20 * grey).astype(np.uint16))

    rows.append(("`thermend --help`", f"{best(COMMAND, '--help').wall:.2f} s", "0.5 s"))
    for path, kind in ((small, "8-bit picture"), (counts, "16-bit counts")):
        cold = best(COMMAND, "enhance", path, "-o", folder / "cold", "--overwrite").wall
        rows.append((f"one {kind}, 640 × 512, cold", f"{cold:.2f} s", "2 s"))
        rows.append((f"one {kind}, 640 × 512, warm", f"{warm(path):.2f} s", "0.25 s"))
    dull = folder / "dull.png"
    Image.fromarray((60 + 0.4 * grey).astype(np.uint8)).save(dull)
    rows.append(("one 8-bit picture that lost contrast, 640 × 512, warm", f"{warm(dull):.2f} s", ""))

    peaks: dict[int, float] = {}
    for side in (4096, 8192):
        large = folder / f"{side}.tif"
        tifffile.imwrite(large, (20_000 + 20 * scene(side, side)).astype(np.uint16))
        peaks[side] = max(run(COMMAND, "enhance", large, "-o", folder / "large", "--overwrite").memory)
    rows.append(("peak memory, 16.8 megapixels", f"{peaks[4096]:.0f} MiB", "1024 MiB"))
    further = (peaks[8192] - peaks[4096]) * 2**20 / (8192**2 - 4096**2)
    rows.append(("memory of a further pixel", f"{further:.0f} bytes", "16 bytes"))

    rows += networks(small, folder / "4096.tif", folder / "large")

    many = folder / "many"
    many.mkdir()
    for i in range(images):
        Image.fromarray(scene(512, 640, i).astype(np.uint8)).save(many / f"{i:03}.png")
    done = run(COMMAND, "enhance", many, "-o", folder / "out")
    middle = np.array_split(np.array(done.memory), 4)
    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1
    rows.append((f"folder of {images}, 640 × 512", f"{done.wall:.1f} s, {done.wall / images:.2f} s an image", ""))
    rows.append((f"cores busy, of {cores}", f"{done.cpu / done.wall:.2f}", "all"))
    second, last = middle[1].max(), middle[3].max()
    rows.append(("memory in the second and the last quarter", f"{second:.0f} and {last:.0f} MiB", "flat"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="write the table into its place there")
    parser.add_argument("--images", type=int, default=100, help="in the folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), chosen.images)
    lines = ["| what | measured | budget |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)]
    said = (
        f"On {os.cpu_count()} cores, {processor()}, Python {platform.python_version()}; a run moves by up to a third."
    )
    lines = [said, "", *lines]
    if chosen.page:
        put(chosen.page, "budgets", lines)
    print("\n".join(lines))


def processor() -> str:
    """What the CPU computes networks with, as far as that is said."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    return next(
        (name for flag, name in (("amx_bf16", "with AMX"), ("avx512f", "with AVX-512")) if flag in flags), "AVX2"
    )


if __name__ == "__main__":
    main()
