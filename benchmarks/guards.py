"""What weights of the default method must not cost: temperatures, undamaged images, real noise, small targets, recordings.

    python benchmarks/guards.py measure --images roadscene=DIR hit-uav=DIR --real-noise DIR [--video DIR] --out runs/guards.json
        [--methods auto classical.chain] [--number N]
    python benchmarks/guards.py check runs/guards.json
    python benchmarks/guards.py page runs/guards.json --yardstick benchmarks/yardstick-guards.json --out docs/guards.md

The images are undamaged 8-bit ones of validation. DIR of real noise holds recordings of plain sky by a still camera, each a
folder with `mean.png` (16 bit, 257 is one grey level) and `frame-*.png`. DIR of videos holds those of the
Drone-detection-dataset that :data:`PLAIN_SKY` names. `benchmarks/yardstick-guards.json` is what commit 560cce2 gave.
"""

from __future__ import annotations

import argparse
import json
import warnings
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from folders import sets_of
from pages import table

import thermend
from thermend import ThermalImage, metrics
from thermend.degradations import fixed_pattern_noise, gaussian_noise, generator_for, preset
from thermend.evaluation.measures import IDENTICAL_PSNR

Image = np.ndarray
SEED = 0
LOWEST, SPAN = 15.0, 20.0
"""Degrees Celsius at black, kelvin from there to white."""
PLAIN_SKY = {
    "IR_AIRPLANE_003": (120, 170, 190, 80),
    "IR_AIRPLANE_072": (40, 120, 120, 110),
    "IR_BIRD_010": (80, 20, 220, 80),
    "IR_DRONE_001": (150, 20, 160, 60),
    "IR_DRONE_146": (20, 10, 280, 50),
    "IR_HELICOPTER_020": (10, 20, 140, 80),
}
"""Left, top, width and height of a rectangle of plain sky."""
FRAMES = 30
BORDER = 20  # px that are cut off before real noise is measured
loaded = cache(thermend.load)


# Temperatures


def real_field(folder: Path, shape: tuple[int, int], kelvin: float) -> Image:
    """A real frame's noise over time at a standard deviation, mirrored to the size of an image."""
    frame = cv2.imread(str(folder / "frame-0.png"), cv2.IMREAD_UNCHANGED).astype(np.float64)
    noise = frame - cv2.imread(str(folder / "mean.png"), cv2.IMREAD_UNCHANGED) / 257
    noise = (noise - noise.mean()) * kelvin / noise.std()
    pad = [(0, max(0, n - m)) for n, m in zip(shape, noise.shape)]
    return np.pad(noise, pad, mode="symmetric")[: shape[0], : shape[1]]


def in_kelvin(clean: Image, condition: str, name: str, folder: Path) -> Image:
    """Temperatures of a scene, (H, W) degrees Celsius, as a camera would report them."""
    generator = generator_for(SEED, condition, name)
    batch = torch.from_numpy(((clean - LOWEST) / SPAN).astype(np.float32))[None, None]
    level = 255 / SPAN  # grey levels a kelvin
    if condition.startswith("white"):
        batch = gaussian_noise(batch, float(condition.split()[1]) * level, generator=generator)
    elif condition == "correlated 0.3 K":
        return clean + real_field(folder, clean.shape, 0.3)
    elif condition == "fixed pattern":
        batch = batch + LOWEST / SPAN  # the gain is of the temperature above 0 °C
        batch = fixed_pattern_noise(batch, 0.3 * level, 0.01, generator=generator) - LOWEST / SPAN
    else:
        for step in preset("hidra-fpn").steps[:1]:
            batch = step(batch, generator)
    return batch[0, 0].double().numpy() * SPAN + LOWEST


CONDITIONS = ("white 0.1 K", "white 0.5 K", "correlated 0.3 K", "fixed pattern", "stripes")


def temperatures(files: list[Path], methods: list[str], folder: Path) -> dict:
    report: dict = {}
    for condition in CONDITIONS:
        found: dict[str, list] = {m: [] for m in ("input", *methods)}
        for path in files:
            clean = LOWEST + SPAN * thermend.read(path).pixels.astype(np.float64) / 255
            given = in_kelvin(clean, condition, path.name, folder)
            image = ThermalImage(given.astype(np.float32), "celsius")
            found["input"].append((rms(given - clean), 0.0, 0.0))
            for method in methods:
                result = loaded(method).restore(image, mode="radiometric").pixels.astype(np.float64)
                smooth = cv2.GaussianBlur(result - clean, (0, 0), 16)
                before = cv2.GaussianBlur(given - clean, (0, 0), 16)
                found[method].append(
                    (rms(result - clean), abs(result.mean() - given.mean()), abs(smooth - before).max())
                )
        report[condition] = {
            m: {"rmse": float(np.mean(v, 0)[0]), "mean": float(np.max(v, 0)[1]), "smooth": float(np.max(v, 0)[2])}
            for m, v in found.items()
        }
        print(condition, {m: round(c["rmse"], 4) for m, c in report[condition].items()}, flush=True)
    return report


def undamaged(files: list[Path], methods: list[str]) -> dict:
    """Lowest PSNR to themselves of undamaged images that use more than a third of the range, in both modes."""
    report: dict = {m: {"display": IDENTICAL_PSNR, "radiometric": IDENTICAL_PSNR} for m in methods}
    for path in files:
        clean = np.rint(thermend.read(path).pixels)
        if np.ptp(np.percentile(clean, (1, 99))) <= 85:
            continue
        for method in methods:
            picture = loaded(method).restore(clean.astype(np.uint8)).pixels
            kelvin = (
                loaded(method).restore(ThermalImage((LOWEST + SPAN * clean / 255).astype(np.float32), "celsius")).pixels
            )
            for way, pixels in (("display", picture), ("radiometric", (kelvin - LOWEST) * 255 / SPAN)):
                report[method][way] = min(report[method][way], float(metrics.psnr(pixels, clean)))
    print("undamaged", report, flush=True)
    return report


# Real noise


def residue(image: Image) -> Image:
    values = image.astype(np.float64)
    return (values - cv2.GaussianBlur(values, (0, 0), 8))[BORDER:-BORDER, BORDER:-BORDER]


def spread(r: Image) -> float:
    return float(np.percentile(np.abs(r - np.median(r)), 68))


def streaks(r: Image) -> float:
    found = []
    for axis in (0, 1):
        profile = np.median(r, axis)
        places = np.linspace(-1, 1, len(profile))
        found.append(float(np.std(profile - np.polyval(np.polyfit(places, profile, 4), places))))
    return max(found)


def targets(before: Image, after: Image) -> list[float]:
    """How much of the brightest and of the darkest small thing is left, where it stands out by five spreads."""
    small, kept = cv2.blur(before, (3, 3)), []
    result = cv2.blur(after, (3, 3))
    for place in (small.argmax(), small.argmin()):
        y, x = np.unravel_index(place, small.shape)
        around = np.s_[max(0, y - 12) : y + 13, max(0, x - 12) : x + 13]
        height = small[y, x] - np.median(before[around])
        if abs(height) > 5 * spread(before):
            kept.append(float((result[y, x] - np.median(after[around])) / height))
    return kept


def real_noise(folders: list[Path], methods: list[str]) -> dict:
    report: dict = {}
    for folder in folders:
        for number in (0, 2):
            frame = thermend.read(folder / f"frame-{number}.png").pixels.astype(np.uint8)
            before = residue(frame)
            for method in methods:
                after = residue(np.rint(loaded(method).restore(frame).pixels))
                report.setdefault(f"{folder.name}/{number}", {})[method] = {
                    "spread": spread(after) / spread(before),
                    "streaks": streaks(after) / streaks(before),
                    "targets": min(targets(before, after), default=None),
                }
        print(folder.name, report[f"{folder.name}/0"], flush=True)
    return report


def overlaid(files: list[Path], folders: list[Path], methods: list[str]) -> dict:
    """The same noise and pattern over real scenes: nothing of a scene may be wiped away with it. PSNR after gain and offset."""
    found: dict[str, list[float]] = {m: [] for m in ("input", *methods)}
    for index, path in enumerate(files):
        clean = thermend.read(path).pixels[128:384, 160:480]
        folder = folders[index % len(folders)]
        mean = cv2.imread(str(folder / "mean.png"), cv2.IMREAD_UNCHANGED).astype(np.float64) / 257
        frame = cv2.imread(str(folder / f"frame-{2 * (index % 2)}.png"), cv2.IMREAD_UNCHANGED).astype(np.float64)
        field = frame - mean + mean - cv2.GaussianBlur(mean, (0, 0), 8)
        field *= 8 / spread(field)
        noisy = np.clip(np.rint(clean + field[: clean.shape[0], : clean.shape[1]]), 0, 255).astype(np.uint8)
        found["input"].append(fitted(noisy, clean))
        for method in methods:
            found[method].append(fitted(loaded(method).restore(noisy).pixels, clean))
    report = {m: float(np.mean(v)) for m, v in found.items()}
    print("overlaid", report, flush=True)
    return report


def fitted(image: Image, clean: Image) -> float:
    return float(metrics.psnr_fitted(image, clean))


def recordings(folder: Path, methods: list[str]) -> dict:
    report: dict = {}
    for name, (left, top, width, height) in PLAIN_SKY.items():
        capture = cv2.VideoCapture(str(folder / f"{name}.mp4"))
        frames = [capture.read()[1][..., 0] for _ in range(FRAMES)]
        place = np.s_[top : top + height, left : left + width]

        def deviations(stack: list[Image], place: tuple[slice, slice] = place) -> tuple[float, float]:
            pieces = np.array([np.asarray(f, np.float64)[place] for f in stack])
            means = pieces.mean((1, 2))
            return float((pieces - means[:, None, None]).std(0).mean()), float(means.std())

        before = deviations(frames)
        report[name] = {"input": {"pixel": before[0], "mean": before[1]}}
        for method in methods:
            mended = [np.rint(loaded(method).restore(frame).pixels) for frame in frames]
            pixel, mean = deviations(mended)
            kept = [k for b, a in zip(frames[::10], mended[::10]) for k in targets(residue(b), residue(a))]
            report[name][method] = {"pixel": pixel, "mean": mean, "targets": min(kept, default=None)}
        print(name, report[name], flush=True)
    return report


def rms(values: Image) -> float:
    return float(np.sqrt(np.mean(values**2)))


def measure(chosen: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")
    folders = sorted(p for p in chosen.real_noise.iterdir() if (p / "mean.png").is_file())
    report: dict = {"temperatures": {}, "undamaged": {}}
    every = dict(sets_of(chosen.images, chosen.number))
    for name, files in every.items():
        print(name, flush=True)
        report["temperatures"][name] = temperatures(files, chosen.methods, folders[0])
        report["undamaged"][name] = undamaged(files, chosen.methods)
    report["real noise"] = real_noise(folders, chosen.methods)
    last = list(every.values())[-1]
    report["overlaid"] = overlaid((last * 10)[:10], folders, chosen.methods)
    if chosen.video is not None:
        report["recordings"] = recordings(chosen.video, chosen.methods)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1))


def page(chosen: argparse.Namespace) -> None:
    report, old = (json.loads(path.read_text()) for path in (chosen.report, chosen.yardstick))
    lines = [
        "# What the default method must not cost",
        "",
        "`python benchmarks/guards.py` measures and writes this page.",
        "",
    ]
    lines += [
        "## Temperatures",
        "",
        f"T = {LOWEST:g} °C + {SPAN:g} K · x / 255, damaged in floating point: RMSE in kelvin; how far the",
    ]
    lines += ["mean and the smooth component (Gaussian, σ 16) move from the input's at most.", ""]
    for name, conditions in report["temperatures"].items():
        rows = []
        for condition, cells in conditions.items():
            chain, own = old["temperatures"][name][condition]["classical.chain"]["rmse"], cells["auto"]
            rows.append(
                (condition, f"{cells['input']['rmse']:.3f}", f"{chain:.3f}", f"{own['rmse']:.3f}",
                 f"{own['rmse'] / chain - 1:+.0%}",                 f"{own['mean']:.3f}", f"{own['smooth']:.3f}")
            )  # fmt: skip
        head = (name, "input", "chain of 560cce2", "`auto`", "against it", "mean", "smooth")
        lines += table(head, rows)
    lines += [
        "## Undamaged images, to themselves",
        "",
        "Lowest PSNR in dB of those that use more than a third of the range.",
        "",
    ]
    rows = [
        (
            name,
            *(
                f"{source['undamaged'][name]['auto'][way]:.1f}"
                for way in ("display", "radiometric")
                for source in (old, report)
            ),
        )
        for name in report["undamaged"]
    ]
    lines += table(("", "display, 560cce2", "display", "radiometric, 560cce2", "radiometric"), rows)
    lines += [
        "## Real noise",
        "",
        "Plain sky: what is left of the noise's spread, of its streaks, and of the smallest target.",
        "",
    ]
    rows = [
        (
            name,
            *(_share(s["auto"][k]) for k in ("spread", "streaks", "targets") for s in (old["real noise"][name], cells)),
        )
        for name, cells in report["real noise"].items()
        if name in old["real noise"]  # recordings of validation; the others are for training
    ]  # fmt: skip
    head = ("frame", "spread, 560cce2", "spread", "streaks, 560cce2", "streaks", "target, 560cce2", "target")
    lines += table(head, rows)
    both = {"chain of 560cce2": old["overlaid"]["classical.chain"], "`auto` of 560cce2": old["overlaid"]["auto"]}
    both |= {"`auto`": report["overlaid"]["auto"]}
    lines += ["The same noise at a spread of 8 grey levels over pieces of real scenes, PSNR after gain and offset: "]
    lines[-1] += (
        f"input {report['overlaid']['input']:.1f}, " + ", ".join(f"{k} {v:.1f}" for k, v in both.items()) + " dB."
    )
    if "recordings" in report:
        lines += ["", "## Recordings, frame by frame", ""]
        lines += [
            f"A rectangle of plain sky over {FRAMES} frames: deviation of a pixel over time after the rectangle's mean is off"
        ]
        lines += ["frame; deviation of that mean; grey levels.", ""]
        rows = []
        for name, cells in report["recordings"].items():
            a, b, c = cells["input"], old["recordings"][name]["auto"], cells["auto"]
            rows.append((name, *(f"{x['pixel']:.2f}" for x in (a, b, c)), *(f"{x['mean']:.2f}" for x in (a, b, c))))
        head = ("", "pixel, input", "560cce2", "`auto`", "mean, input", "560cce2", "`auto`")
        lines += table(head, rows)
    chosen.out.write_text("\n".join([*lines, ""]))


def check(chosen: argparse.Namespace) -> None:
    """Whether every guard holds; exits with the number of those that do not."""
    report, old = (json.loads(path.read_text()) for path in (chosen.report, chosen.yardstick))
    failed = 0

    def hold(what: str, value: float, bound: float, above: bool) -> None:
        nonlocal failed
        good = value >= bound if above else value <= bound
        failed += not good
        print(f"{'holds' if good else 'FAILS'}  {what}: {value:.3f}, {'at least' if above else 'at most'} {bound:.3f}")

    for name, conditions in report["temperatures"].items():
        for condition, cells in conditions.items():
            chain = old["temperatures"][name][condition]["classical.chain"]["rmse"]
            hold(f"{name}, {condition}, RMSE against the chain's", cells["auto"]["rmse"] / chain, 0.8, False)
            hold(f"{name}, {condition}, mean, K", cells["auto"]["mean"], 0.05, False)
            if (
                condition != "stripes" and condition != "fixed pattern"
            ):  # there the smooth part of the input is the sensor's
                hold(f"{name}, {condition}, smooth component, K", cells["auto"]["smooth"], 0.2, False)
    for name, cells in report["undamaged"].items():
        hold(f"{name}, undamaged, display, dB", cells["auto"]["display"], 40, True)
        hold(f"{name}, undamaged, radiometric, dB", cells["auto"]["radiometric"], 44, True)
    for name, cells in report["real noise"].items():
        hold(f"{name}, spread", cells["auto"]["spread"], 0.08, False)
        hold(f"{name}, streaks", cells["auto"]["streaks"], 0.3, False)
        if cells["auto"]["targets"] is not None:
            hold(f"{name}, target", cells["auto"]["targets"], 0.9, True)
    hold(
        "real noise over scenes, dB above the chain",
        report["overlaid"]["auto"] - old["overlaid"]["classical.chain"],
        1.5,
        True,
    )
    for name, cells in report.get("recordings", {}).items():
        hold(f"{name}, a pixel over time", cells["auto"]["pixel"], cells["input"]["pixel"] / 3, False)
        hold(f"{name}, the mean over time", cells["auto"]["mean"], cells["input"]["mean"], False)
        if cells["auto"]["targets"] is not None:
            hold(f"{name}, target", cells["auto"]["targets"], 0.9, True)
    raise SystemExit(failed)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("measure")
    first.add_argument("--images", nargs="+", metavar="NAME=DIR", required=True)
    first.add_argument("--real-noise", type=Path, required=True)
    first.add_argument("--video", type=Path)
    first.add_argument("--methods", nargs="+", default=["auto"])
    first.add_argument("--number", type=int, default=1000, help="images of each set at most")
    first.add_argument("--out", type=Path, required=True)
    first.set_defaults(run=measure)
    second = commands.add_parser("page")
    second.add_argument("report", type=Path)
    second.add_argument("--yardstick", type=Path, default=Path(__file__).with_name("yardstick-guards.json"))
    second.add_argument("--out", type=Path, required=True)
    second.set_defaults(run=page)
    third = commands.add_parser("check")
    third.add_argument("report", type=Path)
    third.add_argument("--yardstick", type=Path, default=Path(__file__).with_name("yardstick-guards.json"))
    third.set_defaults(run=check)
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
