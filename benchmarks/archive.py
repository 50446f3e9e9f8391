"""Archives: speed against the process executor, what a file costs beside its work, the driver's memory; what a million need.

    python benchmarks/archive.py speed --images 500 --record F.json
    python benchmarks/archive.py small --files 100000 --record F.json
    python benchmarks/archive.py page --record F.json --page docs/archives.md

`speed` mends the same images of 640 x 512 by `thermend enhance` in processes and by `--on ray`, a worker a core each, and
compares files a second, from the twentieth result to the last (the beginning is told apart). `small` mends files of 16 x 16
pixels, and looks at the driver. `page` simulates a million images by these numbers.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from pages import put, table
from PIL import Image

from thermend.datasets.scenes import scene_picture

COMMAND = [sys.executable, "-c", "from thermend.app.cli.begin import run; run()"]
WARM = 20
"""Results before which speed is not looked at: workers begin."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "small", "page"))
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    record = json.loads(given.record.read_text()) if given.record.exists() else {}
    if given.what == "page":
        put(given.page, "archives", [*lines_of(record), *kills(ROBUSTNESS)])
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        record[given.what] = (
            speed(place, given.images, given.method) if given.what == "speed" else small(place, given.files)
        )
    print(json.dumps(record[given.what], indent=1))
    given.record.write_text(json.dumps(record, indent=1) + "\n")


def scenes(folder: Path, number: int) -> Path:
    """Noisy, striped scenes, 640 x 512, 8 bits."""
    folder.mkdir()
    for n in range(number):
        rng = np.random.default_rng(n)
        scene = np.pad(scene_picture(0, n % 40), ((0, 512), (0, 640)), mode="symmetric")[:512, :640]
        noisy = 40 + 170 * scene + rng.normal(0, 4, scene.shape) + rng.normal(0, 5, (1, 640))
        Image.fromarray(np.rint(noisy.clip(0, 255)).astype(np.uint8)).save(folder / f"{n:05d}.png")
    return folder


def rate(out: Path, begun: float) -> dict[str, float]:
    """Files a second, and how long the beginning took."""
    times = sorted(path.stat().st_mtime for path in out.rglob("*.png"))
    return {"files_per_s": (len(times) - WARM) / (times[-1] - times[WARM - 1]), "begins_s": times[0] - begun}


def speed(place: Path, number: int, method: str) -> dict[str, object]:
    source, found = scenes(place / "in", number), {}
    for name, more in (
        ("processes", []),
        ("ray", ["--on", "ray"]),
        ("processes again", []),
        ("ray again", ["--on", "ray"]),
    ):
        out, begun = place / "out", time.time()
        subprocess.run([*COMMAND, "enhance", str(source), "-o", str(out), "--method", method, *more], check=True)
        found[name] = rate(out, begun)
        shutil.rmtree(out)
    sums = {name: found[name]["files_per_s"] + found[f"{name} again"]["files_per_s"] for name in ("processes", "ray")}
    return {
        "images": number,
        "method": method,
        "cores": os.cpu_count(),
        **found,
        "ratio": sums["ray"] / sums["processes"],
    }


def small(place: Path, number: int) -> dict[str, object]:
    source = place / "in"
    scene = np.rint(40 + 170 * scene_picture(0, 0)[:16, :16]).astype(np.uint8)
    for n in range(number):
        path = source / f"{n // 1000:04d}" / f"{n:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if n % 1000 == 0:
            Image.fromarray(scene).save(path)
            first = path
        else:
            os.link(first, path)
    out = place / "out"
    words = [*COMMAND, "enhance", str(source), "-o", str(out), "--method", "classical.column-median", "--on", "ray"]
    begun = time.time()
    running = subprocess.Popen(words)
    driver = psutil.Process(running.pid)
    seen: list[tuple[float, float, float]] = []  # s, MB, s of CPU
    while running.poll() is None:
        try:
            used = driver.cpu_times()
            seen.append((time.time() - begun, driver.memory_info().rss / 1e6, used.user + used.system))
        except psutil.Error:
            break
        time.sleep(2)
    running.wait()
    took = time.time() - begun
    memory = np.array(seen)
    working = memory[(memory[:, 0] > 0.2 * took) & (memory[:, 0] < 0.98 * took)]
    tenth = max(1, len(working) // 10)
    parts = len(list((out / "thermend-manifest").iterdir()))
    begun = time.time()
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    return {
        "files": number, "seconds": took, "cores": os.cpu_count(),
        "ms_a_file_and_core": 1000 * took * (os.cpu_count() or 1) / number,
        "driver_mb_early": float(working[:tenth, 1].mean()), "driver_mb_late": float(working[-tenth:, 1].mean()),
        "driver_mb_most": float(memory[:, 1].max()), "driver_cpu_ms_a_file": 1000 * float(memory[-1, 2]) / number,
        "parts": parts, "again_seconds": time.time() - begun, "again": again.stdout.strip(),
    }  # fmt: skip


def simulated(cores: int, files: int, seconds: float, driver: float, rng: np.random.Generator) -> tuple[float, float]:
    """Hours until a million images are done, and the share of the time in which the driver is busy.

    Parameters
    ----------
    cores, files : int
    seconds : float
        of a core for a file, mean; a file takes 0.5 to 2 times that (log-normal)
    driver : float
        s of the driver's time for a file
    """
    batch = 32
    sizes = [batch] * (files // batch) + ([files % batch] if files % batch else [])
    free = [0.0] * cores
    heapq.heapify(free)
    conducted = busy = 0.0
    for size in sizes:
        at = heapq.heappop(free)
        conducted = (
            max(conducted, at) + size * driver
        )  # the driver gives out one batch after another, and takes its rows
        busy += size * driver
        work = seconds * rng.lognormal(-0.5 * 0.35**2, 0.35, size).sum()
        heapq.heappush(free, max(at, conducted) + work)
    end = max(free)
    return end / 3600, busy / end


STORE = 3500.0
"""Requests a second to write that S3 takes for one prefix (its documentation); a file needs one, and some to read."""


def lines_of(record: dict[str, dict]) -> list[str]:
    """What the page says of the measurements that there are."""
    speed, small = record.get("speed"), record.get("small")
    return _speed(speed) + _small(small) + _million(speed, small)


ROBUSTNESS = Path(__file__).parents[1] / "docs/robustness.json"


def kills(record: Path) -> list[str]:
    """What `fuzz/archive.py` has recorded."""
    runs = [run for run in json.loads(record.read_text()) if run["target"] == "kills: archive"]
    if not runs:
        return []
    killed = {kind: sum(run["killed"][kind] for run in runs) for kind in ("worker", "driver", "node")}
    faults = {kind: sum(run["faults"][kind] for run in runs) for kind in ("errors", "late errors", "slow", "requests")}
    findings = sum(len(run["findings"]) for run in runs)
    wrong = faults["errors"] + faults["late errors"]
    return [
        f"{sum(killed.values())} kills ({killed['worker']} of workers, {killed['driver']} of drivers, {killed['node']} of "
        f"nodes) while the store answered {wrong} of {faults['requests']:,} requests with 500 or 503, "
        f"{faults['late errors']} of them after they were carried out, and {faults['slow']} late: {findings} findings. "
        "Afterwards every result had the bytes of a plain run, there was none else, no upload was open, and a further run "
        "found nothing to do.",
    ]


def _speed(found: dict | None) -> list[str]:
    if not found:
        return []
    here = [found[name]["files_per_s"] for name in ("processes", "processes again", "ray", "ray again")]
    return [
        f"{found['images']} images of 640 x 512, `{found['method']}`, on {found['cores']} cores: "
        f"{np.mean(here[:2]):.2f} files a second in processes, {np.mean(here[2:]):.2f} on Ray, **{found['ratio']:.2f}** of it "
        f"(each twice, in turn). The first result comes after {found['processes']['begins_s']:.0f} and "
        f"{found['ray']['begins_s']:.0f} s.",
        "",
    ]


def _small(found: dict | None) -> list[str]:
    if not found:
        return []
    return [
        f"{found['files']:,} files of 16 x 16 pixels, in {found['parts']} parts of a manifest: {found['seconds']:.0f} s, "
        f"**{found['ms_a_file_and_core']:.1f} ms a file and core** for all that is not its mending (reading, hashes, storing, "
        f"diagnosis, rows) and {found['driver_cpu_ms_a_file']:.2f} ms of the driver. The driver's memory: "
        f"{found['driver_mb_early']:.0f} MB early, {found['driver_mb_late']:.0f} MB late, {found['driver_mb_most']:.0f} MB at "
        f"most. The same command again, which finds nothing to do: {found['again_seconds']:.0f} s.",
        "",
    ]


def _million(speed: dict | None, small: dict | None) -> list[str]:
    if not speed or not small:
        return []
    seconds = speed["cores"] / np.mean([speed["ray"]["files_per_s"], speed["ray again"]["files_per_s"]])
    driver = small["driver_cpu_ms_a_file"] / 1000
    rows = []
    for cores in (10, 100, 1000):
        hours, busy = simulated(cores, 1_000_000, seconds, driver, np.random.default_rng(0))
        rows.append((f"{cores:,}", f"{hours:.2f}", f"{100 * busy:.0f} %", f"{1_000_000 / hours / 3600:.0f}"))
    limit = 1 / driver
    return [
        "What a million images of 640 x 512 need by these numbers (a simulation: workers take batches of 32 from one driver, "
        "a file takes as long as here, half to twice; the store answers at once):",
        "",
        *table(("cores", "hours", "the driver is busy", "results, and rows of the manifest, a second"), rows),
        f"One driver gives out {limit:.0f} files a second at most: it becomes the limit at {limit * seconds:,.0f} cores; S3, "
        f"which takes {STORE:.0f} requests to write a second and prefix, at {STORE * seconds:,.0f}. What was done about it: "
        "files travel by the handful, a worker asks the store itself, rows come back a batch at a time and are written a "
        "thousand to a part, and the manifest is held as Arrow's columns with eight bytes of index an input.",
        "",
    ]


if __name__ == "__main__":
    main()
