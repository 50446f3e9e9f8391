"""DEAL's Tables 1 to 4 (RoadScene, fused by ReCo): fused measures of methods under presets, beside the paper's.

    python benchmarks/fusion.py deal/cascade-2 --infrared DIR --visible DIR --names VAL --fuse-weights published.pth \\
        [--page docs/reproduction/deal.md --place fused]

A method is [LABEL:]NAME[=WEIGHTS]. Of the infrared images those count whose name, without its suffix, is in the folder VAL.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from networks import SEED, opened
from pages import put, table

import thermend
from thermend.datasets.samples import Sample
from thermend.evaluation.measures import Measured, Preset, measure
from thermend.evaluation.reco import fuse, load_reco
from thermend.io.folders import image_files

MEASURES = ("MI", "VIF", "SD", "Qabf", "SCD", "EN")
_KEYS = ("fused_mi", "fused_vif", "fused_sd_uint8", "fused_qabf", "fused_scd", "fused_en")
PAPER: dict[str, tuple[str, dict[str, float]]] = {
    "deal-stripe-moderate": ("Table 1", {"MI": 3.3972, "VIF": 0.9607, "SD": 11.050, "Qabf": 0.4523, "SCD": 1.4467}),
    "deal-stripe-heavy": ("Table 1", {"MI": 3.2443, "VIF": 1.0982, "SD": 10.575, "Qabf": 0.5520, "SCD": 1.5116}),
    "deal-x2": ("Table 2", {"MI": 3.0536, "VIF": 1.0511, "SD": 10.495, "Qabf": 0.4698, "EN": 6.8261}),
    "deal-x4": ("Table 2", {"MI": 3.1162, "VIF": 1.0648, "SD": 10.511, "Qabf": 0.4996, "EN": 6.8287}),
    "deal-composite": ("Table 3", {"MI": 3.3477, "SD": 10.660, "Qabf": 0.4470, "SCD": 1.6131, "EN": 7.1000}),
    "deal-low-contrast": ("Table 4", {"MI": 3.1636, "VIF": 0.9046, "SD": 10.7724, "Qabf": 0.5001, "EN": 6.7142}),
}
"""The paper's "Ours"."""


def display(restorer: thermend.Restorer, image: thermend.ThermalImage, scale: int) -> thermend.ThermalImage:
    return restorer.restore(image, mode="display", scale=scale)


def samples(infrared: Path, visible: Path, names: Path) -> list[Sample]:
    """The pairs, of the images that are named."""
    wanted = {path.stem for path in image_files(names)}
    partners = {path.stem: path for path in image_files(visible)}
    chosen = [p for p in image_files(infrared) if p.stem in wanted and p.stem in partners]
    if not chosen:
        raise SystemExit(f"none of the images of {names} is in {infrared} and in {visible}")
    return [Sample(path.name, path, visible=partners[path.stem]) for path in chosen]


def row(label: str, measured: Sequence[Measured], of: Callable[[Measured], dict[str, float | None]]) -> tuple[str, ...]:
    """Mean measures; mutual information in bits, as in the papers."""
    means = [float(np.mean([of(m)[key] for m in measured])) for key in _KEYS]
    means[0] /= math.log(2)
    return label, *(f"{value:.3f}" for value in means)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+", metavar="[LABEL:]NAME[=WEIGHTS]")
    parser.add_argument("--infrared", type=Path, required=True, metavar="DIR")
    parser.add_argument("--visible", type=Path, required=True, metavar="DIR")
    parser.add_argument("--names", type=Path, required=True, metavar="DIR")
    parser.add_argument("--fuse-weights", required=True, metavar="FILE")
    parser.add_argument("--presets", nargs="+", default=list(PAPER))
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="fused")
    chosen = parser.parse_args()
    reco = partial(fuse, load_reco(chosen.fuse_weights))
    pairs = samples(chosen.infrared, chosen.visible, chosen.names)
    restorers = opened(chosen.methods, chosen.engine, chosen.precision)
    rows: list[tuple[str, ...]] = []
    for preset in chosen.presets:
        for n, (label, restorer) in enumerate(restorers.items()):
            measured = [measure(pair, partial(display, restorer), Preset(preset, SEED), fuse=reco) for pair in pairs]
            if not n:
                rows.append(row(f"`{preset}`: input", measured, lambda m: m.input_metrics))
            rows.append(row(label, measured, lambda m: m.metrics))
        if preset in PAPER:
            place, values = PAPER[preset]
            rows.append((f"the paper's, {place}", *(f"{values[m]:.3f}" if m in values else "" for m in MEASURES)))
        print(*rows[-len(restorers) - 2 :], sep="\n", flush=True)
    lines = [f"{len(pairs)} pairs; MI in bits, SD as `sd_uint8`.", "", *table(("", *MEASURES), rows)]
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
