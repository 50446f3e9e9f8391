"""Prompts that choose themselves, beside prompts by hand and prompts by the classical diagnosis (PPFN).

    python benchmarks/prompts.py ppfn/compact[=WEIGHTS] --on NAME=DIR [NAME=DIR ...] [--page PAGE --place PLACE]

Each image is spoilt by the paper's pipeline: by one degradation, by all three, by each of them or not with even chances, and by
none. By hand means: told what is in the image. With `--passes` another table: composite damage (`hm-tir-normal`,
`hm-tir-hard`) with all three prompts by hand, where the passes are stopped, come in another order, or are told wrongly.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from networks import SEED, of_folders, opened
from numpy.typing import NDArray
from pages import put, table

import thermend
from thermend import metrics
from thermend.degradations import degrade
from thermend.estimation import diagnose
from thermend.evaluation.images import grey
from thermend.methods.auto.plan import plan
from thermend.methods.ppfn.passes import DEGRADATIONS, SCENARIOS, WORTH_A_PASS
from thermend.methods.ppfn.recipe import Pipeline
from thermend.methods.ppfn.samples import Damaged

Grey = NDArray[np.uint8]
Present = tuple[bool, bool, bool]

SETS: dict[str, Callable[[np.random.Generator], Present]] = {
    "contrast alone": lambda rng: (True, False, False),
    "blur alone": lambda rng: (False, True, False),
    "noise alone": lambda rng: (False, False, True),
    "composite": lambda rng: (True, True, True),
    "mixed": lambda rng: tuple(bool(chance) for chance in rng.random(3) < 0.5),  # type: ignore[return-value]
    "undamaged": lambda rng: (False, False, False),
}


def spoilt(clean: Grey, present: Present, rng: np.random.Generator) -> Grey:
    whole = torch.from_numpy(clean.astype(np.float32) / np.float32(255))[None, None]
    damaged = Damaged(whole, Pipeline().drawn(rng), rng)([n for n, is_in in zip(DEGRADATIONS, present) if is_in])
    return np.asarray((damaged[0, 0] * 255).round().numpy(), np.uint8)


def diagnosed(image: Grey) -> Present:
    """What the classical chain would act on."""
    found = diagnose(image)
    names = {step.name.partition(".")[2] for step in plan(found, "display", image.shape, True)}
    return "stretch" in names, "wiener" in names, bool({"dct", "column-median", "surface"} & names)


def prompted(restorer: thermend.Restorer, image: Grey, present: Present | None) -> tuple[Grey, Present]:
    """The result, and which passes were made."""
    passes = restorer.method.passes  # type: ignore[attr-defined]
    passes.by_hand = None
    if present is not None:
        several = sum(present) > 1
        scenario = np.array([[not several, several]], np.float32) * passes.dual
        passes.by_hand = np.array([present], np.float32), scenario
    result = restorer.restore(image, mode="display")
    asked = [item for step in result.metadata.provenance["steps"] for item in step.get("pass", {}).items()]
    made = {name for name, amount in asked if amount >= WORTH_A_PASS}
    return np.rint(result.pixels).astype(np.uint8), tuple(n in made for n in DEGRADATIONS)  # type: ignore[return-value]


def passed(restorer: thermend.Restorer, image: Grey, order: Sequence[str], scenario: str) -> Grey:
    """The result of the passes in that order, each with its prompt, in that scenario."""
    passes = restorer.method.passes  # type: ignore[attr-defined]
    before = passes.passes, passes.by_hand
    passes.passes = tuple((name,) for name in order)
    passes.by_hand = np.ones((1, 3), np.float32), np.array([[name == scenario for name in SCENARIOS]], np.float32)
    try:
        return np.rint(restorer.restore(image, mode="display").pixels).astype(np.uint8)
    finally:
        passes.passes, passes.by_hand = before


PAPER = tuple(reversed(DEGRADATIONS))
VARIANTS: dict[str, tuple[tuple[str, ...], str]] = {
    "three passes, as in the paper": (PAPER, "composite"),
    "stopped after one": (PAPER[:1], "composite"),
    "stopped after two": (PAPER[:2], "composite"),
    "the other way round": (DEGRADATIONS, "composite"),
    "each with the next one's prompt": ((*PAPER[1:], PAPER[0]), "composite"),
    "told that damage is single": (PAPER, "single"),
}


def table_of_passes(restorer: thermend.Restorer, files: Sequence[Path]) -> list[str]:
    """Composite damage under each of :data:`VARIANTS`."""
    rows = []
    for preset in ("hm-tir-normal", "hm-tir-hard"):
        found: dict[str, list[tuple[float, float, float]]] = {}
        for path in files:
            clean = grey(path)
            image = degrade(clean, preset, SEED, path.name)
            results = {"input": image}
            results |= {name: passed(restorer, image, *variant) for name, variant in VARIANTS.items()}
            for name, result in results.items():
                measures = (metrics.psnr, metrics.psnr_fitted, metrics.ssim)
                found.setdefault(name, []).append(tuple(measure(result, clean) for measure in measures))
        for name, values in found.items():
            psnr, fitted, ssim = np.mean(values, 0)
            rows.append(
                (f"`{preset}`: input" if name == "input" else name, f"{psnr:.2f}", f"{fitted:.2f}", f"{ssim:.3f}")
            )
            print(*rows[-1], sep=" | ", flush=True)
    return [f"{len(files)} images.", "", *table(("", "PSNR", "fitted", "SSIM"), rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", metavar="NAME[=WEIGHTS]")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="prompts")
    parser.add_argument("--passes", action="store_true")
    parser.add_argument("--images", type=int, help="of each folder, spread evenly")
    chosen = parser.parse_args()
    (restorer,) = opened([chosen.method], "auto", "auto").values()
    files = of_folders(chosen.on, chosen.images)
    if chosen.passes:
        lines = table_of_passes(restorer, files)
        if chosen.page:
            put(chosen.page, chosen.place, lines)
        return
    rows = []
    for name, draw in SETS.items():
        found, right = [], []
        for n, path in enumerate(files):
            rng = np.random.default_rng([SEED, list(SETS).index(name), n])
            clean, present = grey(path), draw(rng)
            image = spoilt(clean, present, rng)
            by_diagnosis = diagnosed(image)
            own, made = prompted(restorer, image, None)
            results = (image, prompted(restorer, image, present)[0], own, prompted(restorer, image, by_diagnosis)[0])
            found.append([min(metrics.psnr(result, clean), 100.0) for result in results])
            right.append([np.equal(made, present).mean(), np.equal(by_diagnosis, present).mean()])
        psnr, share = np.mean(found, 0), np.mean(right, 0)
        rows.append((name, *(f"{value:.2f}" for value in psnr), *(f"{100 * value:.0f} %" for value in share)))
        print(*rows[-1], sep=" | ", flush=True)
    head = ("", "input", "by hand", "chosen", "by diagnosis", "right, chosen", "right, by diagnosis")
    lines = [f"{len(files)} images, PSNR in dB; right: of the three degradations, taken for present or absent.", ""]
    lines += table(head, rows)
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
