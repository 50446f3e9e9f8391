"""Networks beside one another on validation images: PSNR and SSIM under presets, and undamaged images to themselves.

    python benchmarks/networks.py deal/cascade-2 authors:deal=published.pt auto --on roadscene=DIR hit-uav=DIR \\
        --presets deal-stripe-heavy deal-x4 none [--precision bf16] [--page PAGE ... --place reach]

A method is [LABEL:]NAME[=WEIGHTS]; the preset `none` gives it undamaged images. Seeded: the same images, the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pages import put, table

import thermend
from thermend import InputError
from thermend.degradations import degrade
from thermend.evaluation.images import grey, spread
from thermend.evaluation.measures import AGAINST_CLEAN
from thermend.io.folders import image_files

SEED = 0


def images(folder: Path) -> list[Path]:
    """The images of a folder that are not refused."""
    found = []
    for path in image_files(folder):
        try:
            thermend.read(path)
        except InputError:
            continue
        found.append(path)
    return found


def of_folders(entries: Sequence[str], count: int | None = None) -> list[Path]:
    """The images of NAME=DIR, or so many of each folder."""
    return [path for entry in entries for path in spread(images(Path(entry.partition("=")[2])), count)]


def comparison_parser(doc: str, place: str) -> argparse.ArgumentParser:
    """With what is asked of every comparison of methods on presets."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("methods", nargs="+", metavar="[LABEL:]NAME[=WEIGHTS]")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--page", type=Path, nargs="*", default=[])
    parser.add_argument("--place", default=place)
    return parser


def opened(entries: Sequence[str], engine: str, precision: str) -> dict[str, thermend.Restorer]:
    """Restorers by their labels, from [LABEL:]NAME[=WEIGHTS]."""
    restorers = {}
    for entry in entries:
        name, _, weights = entry.partition("=")
        label, _, method = name.rpartition(":")
        restorers[label or method] = thermend.load(method, weights=weights or None, engine=engine, precision=precision)
    return restorers


class Reached(NamedTuple):
    """PSNR in dB and SSIM of a result, and of the input beside it."""

    psnr: float
    ssim: float
    psnr_in: float
    ssim_in: float


@cache
def pair(path: Path, preset: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image, clean and under a preset."""
    clean = grey(path)
    return clean, clean if preset == "none" else degrade(clean, preset, SEED, path.name)


@cache
def before(path: Path, preset: str) -> tuple[float, float]:
    """PSNR and SSIM of what goes in."""
    clean, damaged = pair(path, preset)
    return compared(damaged, clean)


def compared(image: NDArray[np.uint8], clean: NDArray[np.uint8]) -> tuple[float, float]:
    return tuple(AGAINST_CLEAN[name](image, clean) for name in ("psnr", "ssim"))  # type: ignore[return-value]


def at_level_of(clean: NDArray[np.uint8], pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """An image with the gain and the offset that bring it nearest to the clean one: what is left is structure."""
    gain, offset = np.polyfit(pixels.ravel().astype(np.float64), clean.ravel().astype(np.float64), 1)
    return gain * pixels.astype(np.float64) + offset


def reach(restorer: thermend.Restorer, files: Sequence[Path], preset: str, at_level: bool = False) -> list[Reached]:
    """Every image under a preset, as a method restores it for display; `at_level`: as :func:`at_level_of` the clean one."""
    found = []
    for path in files:
        clean, damaged = pair(path, preset)
        pixels = restorer.restore(damaged, mode="display").pixels
        result = np.rint(at_level_of(clean, pixels) if at_level else pixels).clip(0, 255).astype(np.uint8)
        found.append(Reached(*compared(result, clean), *before(path, preset)))
    return found


def main() -> None:
    chosen = comparison_parser(__doc__, "reach").parse_args()
    restorers = opened(chosen.methods, chosen.engine, chosen.precision)
    lines: list[str] = []
    for entry in chosen.on:
        name, _, folder = entry.partition("=")
        files = images(Path(folder))
        rows = []
        for preset in chosen.presets:
            cells = []
            for restorer in restorers.values():
                psnr, ssim, psnr_in, ssim_in = np.mean(reach(restorer, files, preset), 0)
                cells.append(f"{psnr:.2f} / {ssim:.3f}")
            untouched = "" if preset == "none" else f"{psnr_in:.2f} / {ssim_in:.3f}"
            label = "undamaged, to itself" if preset == "none" else f"`{preset}`"
            rows.append((label, untouched, *cells))
            print(name, *rows[-1], sep=" | ", flush=True)
        lines += [f"{name}, {len(files)} images, PSNR in dB / SSIM:", "", *table(("", "input", *restorers), rows)]
    for page in chosen.page:
        put(page, chosen.place, lines)


if __name__ == "__main__":
    main()
