"""What the classical methods, `auto` and the diagnosis reach on real images.

    python benchmarks/classical.py DIR [DIR ...] [--images 12] [--out docs/measured/classical.md]

Each DIR holds 8-bit thermal images without visible damage; known damage is added to them. Seeded: same images, same table.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import thermend
from thermend import InputError, ThermalImage

Grey = np.ndarray

DAMAGES: dict[str, dict[str, float]] = {
    "noise 5": {"noise": 5},
    "noise 20": {"noise": 20},
    "column stripes 10": {"columns": 10},
    "row stripes 10": {"rows": 10},
    "stripes 8, both ways": {"columns": 8, "rows": 8},
    "stripes 10, noise 10": {"columns": 10, "noise": 10},
    "blur 2": {"blur": 2, "noise": 1},
    "blur 3": {"blur": 3, "noise": 1},
    "blur 2, stripes 8, noise 3": {"blur": 2, "columns": 8, "noise": 3},
    "contrast 0.25": {"contrast": 0.25},
    "dead pixels 0.1 %": {"dead": 0.001},
}
"""Grey levels of 255 for noise and stripes, pixels for blur, a factor about the mean for contrast, a share for dead."""

METHODS = {
    "column stripes 10": ("gf-destripe", "wfaf", "utv", "lrsid", "mire", "seid", "column-median"),
    "stripes 10, noise 10": ("gf-destripe", "wfaf", "utv", "lrsid", "mire", "seid", "column-median"),
    "noise 20": ("nlm", "dct", "fixed-pattern"),
    "blur 2": ("unsharp", "wiener"),
    "contrast 0.25": ("he", "clahe", "plateau", "stretch", "ssr", "msr", "gf-detail"),
    "dead pixels 0.1 %": ("dead-pixels",),
}


def damaged(clean: Grey, rng: np.random.Generator, **severity: float) -> Grey:
    """(H, W) uint8, damaged in the order in which a camera does it."""
    pixels = clean.astype(np.float64)
    if factor := severity.get("contrast"):
        pixels = pixels.mean() + factor * (pixels - pixels.mean())
    if sigma := severity.get("blur"):
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    pixels = pixels + severity.get("columns", 0) * rng.normal(size=(1, pixels.shape[1]))
    pixels = pixels + severity.get("rows", 0) * rng.normal(size=(pixels.shape[0], 1))
    pixels = pixels + severity.get("noise", 0) * rng.normal(size=pixels.shape)
    if share := severity.get("dead"):
        dead = rng.random(pixels.shape) < share
        pixels[dead] = rng.choice([0.0, 255.0], int(dead.sum()))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def score(result: Grey, clean: Grey) -> tuple[float, float]:
    result = np.clip(np.rint(result), 0, 255).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # identical images: infinite
        psnr = peak_signal_noise_ratio(clean, result, data_range=255)
    return min(float(psnr), 100.0), float(structural_similarity(clean, result, data_range=255))


def enhanced(pixels: Grey, method: str = "auto") -> Grey:
    return thermend.enhance(pixels, method, mode="display").pixels


def measure(path: Path) -> dict[str, dict[str, object]] | None:
    """Everything about one image."""
    cv2.setNumThreads(1)
    try:
        image = thermend.read(path)
    except InputError:
        return None
    clean = np.rint(image.pixels).astype(np.uint8)
    rng = np.random.default_rng([len(path.name), *path.name.encode()])
    counts = ThermalImage.from_array(20_000 + 10 * image.pixels)
    kept = thermend.enhance(counts).pixels
    undamaged = {"display": score(enhanced(clean), clean)[0], "radiometric": score((kept - 20_000) / 10, clean)[0]}
    scores: dict[str, object] = {}
    found: dict[str, object] = {}
    for name, severity in DAMAGES.items():
        spoiled = damaged(clean, rng, **severity)
        scores[f"{name}|input"] = score(spoiled, clean)
        scores[f"{name}|auto"] = score(enhanced(spoiled), clean)
        for method in METHODS.get(name, ()):
            scores[f"{name}|classical.{method}"] = score(enhanced(spoiled, f"classical.{method}"), clean)
        diagnosis = thermend.diagnose(spoiled)
        found[name] = (
            diagnosis.noise_sigma,
            diagnosis.stripe_sigma,
            diagnosis.blur_sigma,
            diagnosis.contrast or 0.0,
            diagnosis.dead_pixels / clean.size,
        )
    return {"undamaged": undamaged, "scores": scores, "found": found}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(r) for r in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def report(measured: dict[str, list[dict[str, dict[str, object]]]], command: str) -> str:
    every = [m for images in measured.values() for m in images]

    def mean(pick: Callable[[dict[str, dict[str, object]]], object]) -> np.ndarray:
        return np.mean([np.asarray(pick(m), float) for m in every], axis=0)

    lines = ["# What the classical methods reach", "", f"`{command}`: {len(every)} images.", ""]
    lines += ["## Undamaged images, to themselves (PSNR, dB)", ""]
    rows = []
    for name, images in measured.items():
        for mode in ("display", "radiometric"):
            values = np.array([m["undamaged"][mode] for m in images], float)
            rows.append((name, str(len(images)), mode, f"{values.min():.1f}", f"{np.median(values):.1f}"))
    lines += table(("images", "number", "mode", "worst", "median"), rows)
    lines += ["100 stands for identical. 8-bit pictures taken for counts have a radiometric mode too.", ""]

    lines += ["## `auto` (display mode), means", ""]
    rows = []
    for name in DAMAGES:
        before, after = (mean(lambda m, k=f"{name}|{w}": m["scores"][k]) for w in ("input", "auto"))
        rows.append((name, f"{before[0]:.2f}", f"{after[0]:.2f}", f"{before[1]:.3f}", f"{after[1]:.3f}"))
    lines += table(("damage", "PSNR before", "after", "SSIM before", "after"), rows)
    lines += ["Noise and stripes are in grey levels of 255 (standard deviation), blur in pixels.", ""]

    lines += ["## Single methods, at their defaults", ""]
    rows = []
    for name, methods in METHODS.items():
        for key in ("input", *(f"classical.{m}" for m in methods)):
            value = mean(lambda m, k=f"{name}|{key}": m["scores"][k])
            rows.append((name, key if key == "input" else f"`{key}`", f"{value[0]:.2f}", f"{value[1]:.3f}"))
    lines += table(("damage", "method", "PSNR", "SSIM"), rows)

    lines += ["## What the diagnosis finds, means", ""]
    rows = []
    for name in DAMAGES:
        noise, stripes, blur, contrast, dead = mean(lambda m, k=name: m["found"][k])
        rows.append((name, f"{noise:.2f}", f"{stripes:.2f}", f"{blur:.2f}", f"{contrast:.2f}", f"{100 * dead:.3f} %"))
    lines += table(("damage", "noise σ", "stripe σ", "blur σ, px", "contrast", "dead pixels"), rows)
    lines += ["The images have noise, blur and sometimes stripes of their own, which the diagnosis finds too.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=12, help="at most, from each folder, evenly spread")
    parser.add_argument("--out", type=Path, help="write the tables to this Markdown file")
    chosen = parser.parse_args()
    measured: dict[str, list[dict[str, dict[str, object]]]] = {}
    with ProcessPoolExecutor() as pool:
        for folder in chosen.folders:
            files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp"))
            files = files[:: max(1, len(files) // chosen.images)][: chosen.images]
            name = f"{folder.resolve().parent.name}/{folder.name}"
            measured[name] = [m for m in pool.map(measure, files) if m]
    names = " ".join(f.name if f.name == "." else f"{f.resolve().parent.name}/{f.name}" for f in chosen.folders)
    text = report(measured, f"python benchmarks/classical.py {names} --images {chosen.images}")
    if chosen.out:
        chosen.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
