"""Recipes beside one another: each with every seed, measured on validation images, paired over images.

    python benchmarks/recipes.py recipes/deal/table7-adversarial.yaml recipes/deal/table7-average.yaml \\
        recipes/deal/table7-all.yaml --data DIR [DIR ...] --on NAME=DIR [NAME=DIR ...] --seeds 0 1 2 \\
        --presets deal-stripe-heavy deal-x4 deal-low-contrast deal-composite none [--page PAGE --place PLACE]

The first recipe is the one that the others are compared with. Runs that have ended are not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from networks import of_folders, reach
from pages import put, table

import thermend


def trained(
    recipe: Path, seed: int, data: list[str], runs: Path, changes: list[str], as_they_are: bool = False
) -> Path:
    """The weights of a recipe with a seed; `thermend train` itself sees whether they are there already, and the same."""
    out = runs / f"{recipe.stem}-{seed}"
    if as_they_are and (out / "weights.safetensors").is_file():
        return out / "weights.safetensors"
    words = [f"data=[{', '.join(data)}]", f"seed={seed}", f"out={out}", *changes]
    subprocess.run([sys.executable, "-m", "thermend", "train", str(recipe), *words], check=True)
    return out / "weights.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+", type=Path)
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--change", nargs="*", default=[], metavar="KEY=VALUE", help="of every recipe")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--images", type=int, help="of each folder, spread evenly; all if not said")
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/compared"))
    parser.add_argument(
        "--as-they-are", action="store_true", help="take runs that have ended without a look at their recipe"
    )
    parser.add_argument("--engine", default="auto", help="that restores the validation images")
    parser.add_argument("--at-level", action="store_true", help="fit gain and offset of each result to the clean image")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="recipes")
    chosen = parser.parse_args()
    files = of_folders(chosen.on, chosen.images)
    psnr: dict[str, dict[str, np.ndarray]] = {}  # recipe, preset: (seeds, images)
    ssim: dict[str, dict[str, np.ndarray]] = {}
    steps = set()
    for recipe in chosen.recipes:
        name = recipe.stem.removeprefix("ablation-")
        name = name.partition("-")[2] or name if name.startswith("table") else name
        found: dict[str, list[list[tuple[float, float]]]] = {preset: [] for preset in chosen.presets}
        for seed in chosen.seeds:
            weights = trained(recipe, seed, chosen.data, chosen.runs, chosen.change, chosen.as_they_are)
            made = json.loads((weights.parent / "run.json").read_text())["recipe"]
            steps.add(made["steps"])
            restorer = thermend.load(
                made["method"].partition("/")[0], weights=weights, engine=chosen.engine, precision="bf16"
            )
            for preset in chosen.presets:
                found[preset].append([(r.psnr, r.ssim) for r in reach(restorer, files, preset, chosen.at_level)])
            print(name, seed, *(f"{p} {np.mean(v[-1], 0).round(3)}" for p, v in found.items()), flush=True)
        psnr[name] = {preset: np.array(values)[..., 0] for preset, values in found.items()}
        ssim[name] = {preset: np.array(values)[..., 1] for preset, values in found.items()}
    first, *others = psnr
    rows = []
    for preset in chosen.presets:
        label = "undamaged, to itself" if preset == "none" else f"`{preset}`"
        cells = []
        for name in psnr:
            spread = f" ± {psnr[name][preset].mean(1).std():.2f}" if len(chosen.seeds) > 1 else ""
            cells.append(f"{psnr[name][preset].mean():.2f}{spread} / {ssim[name][preset].mean():.3f}")
        for other in others:
            difference = (psnr[first][preset] - psnr[other][preset]).mean(0)  # over seeds; paired over images
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            cells.append(f"{round(difference.mean(), 2) + 0.0:+.2f} ± {error:.2f}")
        rows.append((label, *cells))
    head = ("", *psnr, *(f"{first} − {other}" for other in others))
    several = len(chosen.seeds) > 1
    lines = [
        f"{len(files)} images, {len(chosen.seeds)} seed{'s' * several}, {'/'.join(map(str, sorted(steps)))} steps each.",
        f"PSNR in dB{' (mean ± standard deviation over seeds)' * several} / SSIM;",
        "differences of PSNR paired over images, ± their standard error."
        + " Gain and offset of each result are fitted to the clean image first." * chosen.at_level,
        "",
        *table(head, rows),
    ]
    print("\n".join(lines))
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
