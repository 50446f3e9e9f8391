"""Speed and memory of recordings: frames a second with decoding and encoding, latency of a frame, memory over many frames.

python benchmarks/recordings.py [--page docs/recordings.md] [--soak] [--methods deal ppfn ...]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from pages import put, table

import thermend
from thermend import ThermalImage
from thermend.datasets.scenes import scene_picture
from thermend.evaluation.recordings.simulation import PRESETS, recorded
from thermend.image import FrameFacts, Metadata
from thermend.io import open_writer

SIZES = ((512, 640), (256, 320))
FRAMES = 300
SOAK = 3000
COMMAND = "from thermend.app.cli.main import run; run()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path)
    parser.add_argument("--preset", default="pattern")
    parser.add_argument("--soak", action="store_true", help=f"memory over {SOAK} frames, too")
    parser.add_argument(
        "--methods", nargs="*", default=[], metavar="METHOD", help="others than auto, at the smaller size"
    )
    given = parser.parse_args()
    rows = [speed(shape, given.preset) for shape in SIZES]
    head = ["", "frames/s, whole command", "a frame, median", "95 %", "`auto` alone, warm", "share"]
    lines = [
        f"{os.cpu_count()} cores, {cpu()}; {FRAMES} frames under `{given.preset}`, MKV to MP4.",
        "",
        *table(head, rows),
    ]
    shown = [("recordings-speed", lines)] + ([("recordings-soak", [memory()])] if given.soak else [])
    if given.methods:
        others = [[f"`{name}`", *speed(SIZES[-1], given.preset, name)[1:]] for name in given.methods]
        head = ["320 x 256", *head[1:4], "alone, warm", "share"]
        shown.append(("recordings-methods", table(head, others)))
    for place, text in shown:
        print(*text, sep="\n")
        if given.page is not None:
            put(given.page, place, text)


def frames(shape: tuple[int, int], count: int, preset: str):
    """Frames of a rendered scene under a simulated camera."""
    scene = (255 * scene_picture(1006, 0)).astype(np.float32)
    if shape[0] > 300:
        scene = np.kron(scene, np.ones((2, 2), np.float32))
    wanted = dataclasses.replace(PRESETS[preset], shape=shape, frames=count)
    for number, frame in enumerate(recorded(scene, wanted, 0)):
        facts = Metadata(frame=FrameFacts(number, number / 30), frame_rate=30.0)
        yield ThermalImage(frame.given, "display", "uint8", metadata=facts)


def speed(shape: tuple[int, int], preset: str, method: str = "auto") -> list[str]:
    """One row: the command on a file, and the session alone."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "a.mkv"
        with open_writer(source) as writer:
            for frame in frames(shape, FRAMES, preset):
                writer.write(frame)
        began = time.perf_counter()
        words = ["enhance", str(source), "-o", f"{place}/b.mp4", "--method", method]
        subprocess.run([sys.executable, "-c", COMMAND, *words], check=True)
        whole = time.perf_counter() - began
        restorer = thermend.load(method)
        session, taken, alone = restorer.session(), [], []
        for number, frame in enumerate(thermend.read_frames(source)):
            began = time.perf_counter()
            session(frame)
            taken.append(time.perf_counter() - began)
            if number % 20 == 10:
                began = time.perf_counter()
                restorer(frame)
                alone.append(time.perf_counter() - began)
    settled, single = 1000 * np.array(taken[30:]), 1000 * float(np.median(alone))
    return [
        f"{shape[1]} x {shape[0]}",
        f"{FRAMES / whole:.1f}",
        f"{np.median(settled):.0f} ms",
        f"{np.percentile(settled, 95):.0f} ms",
        f"{single:.0f} ms",
        f"{settled.mean() / single:.2f}",
    ]


def memory() -> str:
    """Resident memory of a session after a tenth of the frames, and after all."""
    session, own, found = thermend.load("auto").session(), psutil.Process(), []
    for number, frame in enumerate(frames((256, 320), SOAK, "mixed"), 1):
        session(frame)
        if number in (SOAK // 10, SOAK):
            found.append(own.memory_info().rss / 2**20)
    return (
        f"Resident memory after {SOAK // 10} frames of 320 x 256: {found[0]:.0f} MiB; after {SOAK}: {found[1]:.0f} MiB."
    )


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()
