"""A session against frames mended one by one, and against known corrections, on recordings made of clean images.

python -m thermend.evaluation.recordings --images roadscene/val hit-uav/val --page docs/recordings.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from thermend import io
from thermend.errors import UsageError
from thermend.evaluation.recordings.known import KNOWN
from thermend.evaluation.recordings.measures import SETTLED, Seen, worst_step
from thermend.evaluation.recordings.simulation import PRESETS, Conditions, recorded
from thermend.evaluation.reproduction.page import put
from thermend.evaluation.scripts import exit_code, told
from thermend.evaluation.tables import markdown
from thermend.image import ThermalImage
from thermend.io.folders import image_files
from thermend.restoration import Restorer, load

_KELVIN = 20 / 255
"""Kelvin to a grey level, where the same recordings are temperatures: 20 K over the range."""
_COLDEST = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command; returns its exit code."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="thermend.evaluation.recordings", description=summary)
    parser.add_argument("--images", nargs="+", required=True, metavar="DIR", help="folders of clean images")
    parser.add_argument("--count", type=int, default=2, help="images of each folder")
    parser.add_argument("--frames", type=int, default=SETTLED + 20)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--method", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, help="a page whose tables are written anew")
    chosen = parser.parse_args(arguments)
    return exit_code(lambda: _measure(chosen))


def _measure(given: argparse.Namespace) -> None:
    scenes = [scene for folder in given.images for scene in _scenes(Path(folder), given.count)]
    restorer = load(given.method)
    conditions = {name: replace(PRESETS[name], frames=given.frames) for name in given.presets}
    shown = []
    for name, wanted in conditions.items():
        shown.append(_display_row(name, wanted, scenes, restorer, given.seed))
        told(" | ".join(shown[-1]))
    head = f"{len(scenes)} scenes, {given.frames} frames of {'{1} x {0}'.format(*Conditions().shape)} each."
    names = ["", "input", *KNOWN, given.method, "session", "gain", "least gain", "flicker", "targets", "ghosts"]
    kelvin = [_radiometric_row(name, wanted, scenes, restorer, given.seed) for name, wanted in conditions.items()]
    for place, lines in (
        ("recordings", markdown(names, shown)),
        ("recordings-radiometric", markdown(["", "input", given.method, "session", "lower by"], kelvin)),
    ):
        print(head, "", *lines, sep="\n")
        if given.page is not None:
            put(given.page, place, [head, "", *lines])


def _scenes(folder: Path, count: int) -> list[np.ndarray]:
    files = image_files(folder)
    if not 0 < count <= len(files):
        raise UsageError(f"--count {count}: {folder} holds {len(files)} images")
    chosen = [files[int((number + 0.5) * len(files) / count)] for number in range(count)]
    return [io.read(file).pixels for file in chosen]


def _display_row(name: str, wanted: Conditions, scenes: list[np.ndarray], restorer: Restorer, seed: int) -> list[str]:
    """One condition, frames of grey levels."""
    total: dict[str, list[Seen]] = {key: [] for key in ("input", *KNOWN, "single", "session")}
    least = []
    for number, scene in enumerate(scenes):
        ways = {key: make() for key, make in KNOWN.items()}
        session = restorer.session(contrast="keep")
        seen = {key: Seen() for key in total}
        last = None
        for frame in recorded(scene, wanted, seed + number):
            frozen = last is not None and bool((frame.given == last).all())
            last = frame.given
            image = ThermalImage(frame.given, "display", "uint8")
            seen["input"].add(frame, frame.given, frozen=frozen)
            seen["single"].add(frame, restorer.restore(image, contrast="keep").pixels, frozen=frozen)
            seen["session"].add(frame, session(image).pixels, frozen=frozen)
            for key, way in ways.items():
                seen[key].add(frame, way(frame.given), frozen=frozen)
        least.append(worst_step(seen["session"], seen["single"]))
        for key, found in seen.items():
            total[key].append(found)
    psnr = {key: float(np.mean([s.psnr() for s in found])) for key, found in total.items()}
    flickers = [float(np.mean([s.flicker for s in total[key]])) for key in ("single", "session")]
    kept = [float(np.median(np.concatenate([s.kept for s in total[key]]))) for key in ("single", "session")]
    ghosts = float(np.mean(np.concatenate([s.ghosts for s in total["session"]])))
    return [
        f"`{name}`",
        *(f"{value:.2f}" for value in psnr.values()),
        f"{psnr['session'] - psnr['single']:+.2f}",
        f"{min(least):+.2f}",
        f"{flickers[0]:.3f} → {flickers[1]:.3f}",
        f"{kept[0]:.0%} → {kept[1]:.0%}",
        f"{ghosts:+.2f}",
    ]


def _radiometric_row(
    name: str, wanted: Conditions, scenes: list[np.ndarray], restorer: Restorer, seed: int
) -> list[str]:
    """The same as temperatures: RMSE in millikelvin."""
    found: dict[str, list[float]] = {"input": [], "single": [], "session": []}
    for number, scene in enumerate(scenes):
        session = restorer.session()
        seen = {key: Seen() for key in found}
        for frame in recorded(scene, replace(wanted, shutter=0), seed + number):
            clean, given = (np.float32(_KELVIN) * part + np.float32(_COLDEST) for part in (frame.clean, frame.given))
            image = ThermalImage(given, "celsius")
            kelvin = replace(frame, clean=clean, given=given, targets=[])
            seen["input"].add(kelvin, given)
            seen["single"].add(kelvin, restorer.restore(image).pixels)
            seen["session"].add(kelvin, session(image).pixels)
        for key in found:
            found[key].append(seen[key].rmse())
    means = {key: 1000 * float(np.mean(values)) for key, values in found.items()}
    return [
        f"`{name}`",
        *(f"{value:.0f} mK" for value in means.values()),
        f"{1 - means['session'] / max(means['single'], 1e-9):.0%}",
    ]


if __name__ == "__main__":
    sys.exit(main())
