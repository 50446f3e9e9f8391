"""The method that runs when none is named, against the yardstick: what stands in docs/default-model.md.

    python benchmarks/default_model.py measure roadscene=DIR hit-uav=DIR --out runs/default.json [--methods auto] [--images N]
    python benchmarks/default_model.py page runs/default.json --yardstick benchmarks/yardstick.json --out docs/default-model.md

Each DIR holds undamaged 8-bit thermal images of validation. Every image is measured as it is and by HM-TIR's convention
(its 1st percentile brought to 14 and its 99th to 223 before the damage), seed 0. `benchmarks/yardstick.json` is what
`classical.chain` and `auto` of commit 560cce2 gave, measured by this script with that commit's package (and today's presets and
measures). The page's short table goes into README.md too.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from folders import sets_of
from pages import put, table

import thermend
from thermend import metrics
from thermend.degradations import PRESETS, degrade
from thermend.evaluation.measures import IDENTICAL_PSNR
from thermend.training.data import clean_pixels

SEED = 0
STANDING = ("hm-tir-normal", "hm-tir-hard", "hm-tir-noise", "dual-decoder", "hidra-severe")
"""By the convention: the mean of PSNR and of PSNR after gain and offset over these decides between weights."""
COMPOSITE = (
    "hm-tir-noise", "hm-tir-normal", "hm-tir-hard", "dual-decoder", "deal-composite", "hidra-moderate", "hidra-severe",
    "hidra-extreme",
)  # fmt: skip
WAYS = ("as-is", "convention")
MEASURES = ("psnr", "ssim", "psnr_fitted")
MOST_LOST = {"psnr": 0.05, "ssim": 0.003}

loaded = cache(partial(thermend.load, threads=1))
Cell = dict[str, float]


def single_threaded() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def clean_image(path: Path, way: str) -> np.ndarray:
    return np.rint(clean_pixels(path, way == "convention") * 255).astype(np.uint8)


def values(image: np.ndarray, clean: np.ndarray) -> Cell:
    found = {name: getattr(metrics, name)(image, clean) for name in MEASURES}
    return {name: min(float(value), IDENTICAL_PSNR) for name, value in found.items()}


def measured(task: tuple[Path, str, str], methods: Sequence[str]) -> dict[str, Cell]:
    path, way, preset = task
    clean = clean_image(path, way)
    damaged = clean if preset == "none" else degrade(clean, preset, SEED, path.name)
    results = {"input": values(damaged, clean)}
    for method in methods:
        results[method] = values(loaded(method).restore(damaged, mode="display").pixels, clean)
    return results


def measure(chosen: argparse.Namespace) -> None:
    """Everything, into a JSON file: set, way, preset, method, measure; and the images one by one under `worst`."""
    report: dict = json.loads(chosen.out.read_text()) if chosen.out.exists() and chosen.add else {}
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(chosen.processes, get_context("spawn"), initializer=single_threaded) as pool:
        for name, files in sets_of(chosen.sets, chosen.images):
            for way in chosen.ways:
                for preset in chosen.presets:
                    tasks = [(path, way, preset) for path in files]
                    found = list(pool.map(partial(measured, methods=chosen.methods), tasks))
                    cells = report.setdefault(name, {}).setdefault(way, {}).setdefault(preset, {})
                    for method in found[0]:
                        cells[method] = {m: float(np.mean([f[method][m] for f in found])) for m in MEASURES}
                        cells[method]["worst"] = float(min(f[method]["psnr"] for f in found))
                        cells[method]["images"] = len(files)
                    row = "  ".join(
                        f"{m} {c['psnr']:.2f}/{c['ssim']:.3f}/{c['psnr_fitted']:.2f}" for m, c in cells.items()
                    )
                    print(f"{name:10} {way:10} {preset:20} {row}", flush=True)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1))
    for method in chosen.methods:
        print(f"standing, {method}: {standing(report, method):.3f}")


def standing(report: dict, method: str) -> float:
    """The number by which weights are chosen, dB; not a number where a part was not measured."""
    cells = [sets.get("convention", {}).get(p, {}).get(method) for sets in report.values() for p in STANDING]
    if not cells or None in cells:
        return float("nan")
    return float(np.mean([(cell["psnr"] + cell["psnr_fitted"]) / 2 for cell in cells]))


def page(chosen: argparse.Namespace) -> None:
    report, yardstick = (json.loads(path.read_text()) for path in (chosen.report, chosen.yardstick))
    lines = [
        "# What the default method reaches",
        "",
        "`python benchmarks/default_model.py` measures and writes this page; how, its first lines say.",
        "",
        f"Standing table (by the convention, {', '.join(f'`{p}`' for p in STANDING)}, mean of PSNR and of PSNR after gain and",
        "offset): " + ", ".join(f"{title} {value:.2f} dB" for title, value in _standings(report, yardstick)) + ".",
        "",
    ]
    below = []
    for name, ways in report.items():
        for way, presets in ways.items():
            images = next(iter(presets.values()))["auto"]["images"]
            title = "as they are" if way == "as-is" else "by HM-TIR's convention"
            lines += [f"## {name}, {images} images, {title}", ""]
            rows = []
            for preset, cells in presets.items():
                if preset not in yardstick[name][way]:  # there was no such preset then
                    continue
                old = yardstick[name][way][preset]
                before = [old["classical.chain"], old["auto"]]
                rows.append((f"`{preset}`", *(_cell(c) for c in (cells["input"], *before, cells["auto"]))))
                for measure_name, most in MOST_LOST.items():
                    lost = before[0][measure_name] - cells["auto"][measure_name]
                    if lost > most:
                        below.append(f"{name} {way} `{preset}`: {measure_name} by {lost:.3f}")
            head = ("", "input", "`classical.chain` of 560cce2", "`auto` of 560cce2", "`auto`")
            lines += ["PSNR in dB / SSIM, in brackets PSNR after gain and offset.", "", *table(head, rows)]
            gains = [
                presets[p]["auto"]["psnr_fitted"] - yardstick[name][way][p]["classical.chain"]["psnr_fitted"]
                for p in COMPOSITE
                if p in presets
            ]
            if gains:
                lines += [
                    f"After gain and offset, over the {len(gains)} composite conditions: {np.mean(gains):+.2f} dB"
                    " against the chain.",
                    "",
                ]
    lines += ["## Where `auto` lies below the chain of 560cce2", ""]
    lines += [f"- {entry}" for entry in below] or ["Nowhere by more than 0.05 dB or 0.003 SSIM."]
    chosen.out.write_text("\n".join([*lines, ""]))
    if chosen.readme is not None:
        put(chosen.readme, "reach", _short(report))


SHORT = {
    "deal-stripe-heavy": "stripes of σ 25",
    "hidra-fpn": "stripes and fixed pattern",
    "camera-lines": "rows, columns and correlated noise",
    "hm-tir-blur": "blur",
    "hm-tir-contrast": "haze",
    "deal-composite": "contrast, half the resolution, stripes",
    "dual-decoder": "contrast, darkness, blur, noise",
    "hm-tir-noise": "vignetting, stripes and noise",
    "hm-tir-normal": "the same with blur and haze",
    "hm-tir-hard": "the same, noise and vignetting 1.8 times as strong",
    "hidra-severe": "all of it, severe",
}


def _short(report: dict) -> list[str]:
    """The mean over all sets, by the convention."""
    rows = []
    for preset, title in SHORT.items():
        cells = [sets["convention"][preset] for sets in report.values()]
        means = {
            (m, k): float(np.mean([c[m][k] for c in cells]))
            for m in ("input", "auto")
            for k in ("psnr", "ssim", "psnr_fitted")
        }
        rows.append(
            (f"{title} (`{preset}`)", f"{means['input', 'psnr']:.1f} dB", f"{means['auto', 'psnr']:.1f} dB",
             f"{means['auto', 'psnr_fitted']:.1f} dB", f"{means['input', 'ssim']:.2f}", f"{means['auto', 'ssim']:.2f}")
        )  # fmt: skip
    return table(("test condition", "PSNR in", "`auto`", "after gain and offset", "SSIM in", "`auto`"), rows)


def _standings(report: dict, yardstick: dict) -> list[tuple[str, float]]:
    return [
        ("`classical.chain` of 560cce2", standing(yardstick, "classical.chain")),
        ("`auto` of 560cce2", standing(yardstick, "auto")),
        ("`auto`", standing(report, "auto")),
    ]


def _cell(cell: Cell) -> str:
    return f"{cell['psnr']:.2f} / {cell['ssim']:.3f} ({cell['psnr_fitted']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("measure")
    first.add_argument("sets", nargs="+", metavar="NAME=DIR")
    first.add_argument("--methods", nargs="+", default=["auto"])
    first.add_argument("--presets", nargs="+", default=["none", *PRESETS])
    first.add_argument("--ways", nargs="+", default=list(WAYS))
    first.add_argument("--images", type=int, default=1000, help="of each set at most")
    first.add_argument("--processes", type=int, default=2)
    first.add_argument("--add", action="store_true", help="to what the file holds")
    first.add_argument("--out", type=Path, required=True)
    first.set_defaults(run=measure)
    second = commands.add_parser("page")
    second.add_argument("report", type=Path)
    second.add_argument("--yardstick", type=Path, default=Path(__file__).with_name("yardstick.json"))
    second.add_argument("--out", type=Path, required=True)
    second.add_argument("--readme", type=Path)
    second.set_defaults(run=page)
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
