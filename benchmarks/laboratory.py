"""Every classical method under every preset, and the diagnosis against the truth.

    python benchmarks/laboratory.py roadscene=DIR hit-uav=DIR [NAME=DIR ...] [--page docs/benchmarks.md]

Each DIR holds undamaged 8-bit thermal images that no method was trained or tuned on. Seeded: the same images, the same
numbers. The diagnosis is asked on all images, the methods on a few of each set, since some take seconds.
"""

from __future__ import annotations

import argparse
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
from folders import named, strided
from pages import put, table
from scipy.stats import spearmanr

import thermend
from thermend import InputError
from thermend.datasets.samples import Sample
from thermend.degradations import (
    PRESETS,
    contrast,
    gaussian_blur,
    gaussian_noise,
    generator_for,
    stripes,
)
from thermend.degradations.severity import rounded
from thermend.evaluation.measures import Measured, Preset, measure
from thermend.methods import CATALOGUE

SEED = 0
SEVERITIES = {
    "noise": (2.0, 5.0, 10.0, 15.0, 20.0, 30.0),
    "stripes": (2.0, 5.0, 8.0, 12.0, 18.0, 25.0),
    "blur": (0.5, 1.0, 1.5, 2.0, 2.5, 3.0),
    "contrast": (0.15, 0.3, 0.45, 0.6, 0.8, 1.0),
}
"""Of one degradation at a time: grey levels of 255, pixels, a factor about the mean."""
FURTHER_NOISE = (0.0, 10.0)
METHODS = [entry.full_name for entry in CATALOGUE if entry.full_name.startswith("classical.")]


def single_threaded() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


loaded = cache(partial(thermend.load, threads=1))


def run_method(path: Path, preset: str, method: str) -> Measured:
    restorer = loaded(method)
    return measure(
        Sample(path.name, path),
        lambda image, scale: restorer.restore(image, mode="display", scale=scale),
        Preset(preset, SEED),
    )


def diagnosed(path: Path) -> list[tuple[str, float, float]]:
    """(degradation, truth, estimate) for every severity, without and with further noise."""
    clean = torch.from_numpy(thermend.read(path).pixels / np.float32(255))[None, None]
    generator = generator_for(SEED, "diagnosis", path.name)
    pairs = []
    for kind, severities in SEVERITIES.items():
        for further in FURTHER_NOISE:
            for severity in severities:
                image, truth = clean, severity
                if kind == "noise":
                    truth = float(np.hypot(severity, further))
                    image = gaussian_noise(image, severity, generator=generator)
                elif kind == "stripes":
                    image = stripes(image, severity, generator=generator)
                elif kind == "blur":
                    image = gaussian_blur(image, severity)
                else:
                    image = contrast(image, severity)
                    truth = float(np.ptp(np.percentile(rounded(image).numpy(), (1, 99))))
                if further:
                    image = gaussian_noise(image, further, generator=generator)
                found = thermend.diagnose((rounded(image)[0, 0] * 255).round().to(torch.uint8).numpy())
                estimate = {
                    "noise": found.noise_sigma,
                    "stripes": found.stripe_sigma,
                    "blur": found.blur_sigma,
                    "contrast": found.contrast or 0.0,
                }[kind]
                pairs.append((kind, truth, estimate))
    return pairs


def gains(measured: Sequence[Measured]) -> list[str]:
    """Input, result and gain in PSNR and SSIM, and seconds an image."""
    cells = []
    for name, digits in (("psnr", 2), ("ssim", 3)):
        before = float(np.mean([m.input_metrics[name] for m in measured]))
        after = float(np.mean([m.metrics[name] for m in measured]))
        cells += [f"{before:.{digits}f}", f"{after:.{digits}f}", f"{after - before:+.{digits}f}"]
    return [*cells, f"{np.median([m.seconds for m in measured]):.2f}"]


def classical(sets: dict[str, list[Path]], few: int, pool: ProcessPoolExecutor) -> list[str]:
    """Every classical method under every preset."""
    head = ("", "PSNR in", "out", "gain", "SSIM in", "out", "gain", "s")
    lines = []
    for preset in PRESETS:
        lines += [f"<details><summary><code>{preset}</code></summary>", ""]
        for name, files in sets.items():
            chosen = strided(files, few)
            rows = []
            for method in METHODS:
                found = list(pool.map(partial(run_method, preset=preset, method=method), chosen))
                rows.append((f"`{method}`", *gains(found)))
            print(name, preset, flush=True)
            lines += [f"{name}, {len(chosen)} images", "", *table(head, rows)]
        lines += ["</details>", ""]
    return lines


def diagnosis(sets: dict[str, list[Path]], pool: ProcessPoolExecutor) -> list[str]:
    """Spearman's rank correlation over all pairs of truth and estimate."""
    rows = []
    for name, files in sets.items():
        pairs = [p for each in pool.map(diagnosed, files) for p in each]
        row = [name, str(len(files))]
        for kind in SEVERITIES:
            truths, estimates = zip(*((t, e) for k, t, e in pairs if k == kind))
            row.append(f"{spearmanr(truths, estimates)[0]:.3f}")
        rows.append(row)
        print(*row, flush=True)
    return table(("images", "number", *SEVERITIES), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--few", type=int, default=4, help="images of each set for the methods")
    parser.add_argument("--images", type=int, default=1000, help="of each set at most, for the diagnosis")
    parser.add_argument("--page", type=Path, help="whose places `classical` and `diagnosis` are filled")
    chosen = parser.parse_args()
    sets = {name: strided([p for p in files if not is_refused(p)], chosen.images) for name, files in named(chosen.sets)}
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # read by processes that begin afresh
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=single_threaded) as pool:
        parts = {"classical": classical(sets, chosen.few, pool), "diagnosis": diagnosis(sets, pool)}
    for place, lines in parts.items():
        if chosen.page:
            put(chosen.page, place, lines)


def is_refused(path: Path) -> bool:
    try:
        thermend.read(path)
    except InputError:
        return True
    return False


if __name__ == "__main__":
    main()
