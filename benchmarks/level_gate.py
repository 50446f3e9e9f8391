"""When the level network is believed: what set the thresholds of `methods/auto/evidence.py`.

    python benchmarks/level_gate.py roadscene=DIR hit-uav=DIR [--images 6]

Each DIR holds undamaged 8-bit thermal images. Of every image under every condition, as it is and by HM-TIR's convention:
how sure the network is that level and contrast were lost, what it would do, and what that would bring. Then, for each
threshold, what the conditions reach, with the rule of `auto` beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from default_model import clean_image
from folders import sets_of
from pages import table

import thermend
from thermend import metrics
from thermend.degradations import degrade
from thermend.methods.auto.evidence import is_lost, span

CONDITIONS = (
    "none", "deal-stripe-heavy", "hm-tir-blur", "hidra-fpn", "camera-lines", "deal-x2", "hidra-mild", "hm-tir-noise",
    "hm-tir-normal", "hm-tir-contrast", "dual-decoder", "deal-composite", "hidra-moderate", "hidra-severe",
)  # fmt: skip
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.01)


class Found(NamedTuple):
    """Of one image: what the network thinks, PSNR as it is and after the correction, and what the rule says."""

    chance: float
    gain: float
    vignetting: float
    kept: float
    levelled: float
    lost: bool
    span: float
    noise: float


def found(restorer: thermend.Restorer, path: Path, way: str, condition: str) -> Found:
    clean = clean_image(path, way)
    damaged = clean if condition == "none" else degrade(clean, condition, 0, path.name)
    kept = restorer.restore(damaged, mode="display", contrast="keep").pixels / np.float32(255)
    correction = restorer.method.helpers.level().correction(kept)  # type: ignore[attr-defined]
    levelled = kept.copy()
    correction.apply(levelled)
    before, after = (min(metrics.psnr(255 * pixels, clean), 50.0) for pixels in (kept, levelled))
    diagnosis = thermend.diagnose(damaged)
    lost = is_lost(kept, diagnosis, correction)
    return Found(
        correction.chance,
        correction.gain,
        255 * correction.vignetting,
        before,
        after,
        lost,
        span(kept),
        diagnosis.noise_sigma,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--images", type=int, default=6, help="of each set")
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS)
    parser.add_argument("--each", action="store_true", help="print every image too")
    chosen = parser.parse_args()
    restorer = thermend.load("auto")
    rows = []
    for condition in chosen.conditions:
        for way in ("as-is", "convention"):
            own = []
            for name, files in sets_of(chosen.sets, chosen.images):
                for path in files:
                    own.append(found(restorer, path, way, condition))
                    if chosen.each:
                        print(condition, way, name, path.name, *(f"{value:.2f}" for value in own[-1]), flush=True)
            means = [np.mean([f.levelled if f.chance >= t else f.kept for f in own]) for t in THRESHOLDS]
            means.append(np.mean([f.levelled if f.lost else f.kept for f in own]))
            rows.append((f"{condition}, {way}", *(f"{mean:.2f}" for mean in means)))
            print(*rows[-1], flush=True)
    print("\n".join(table(("condition", *(f"chance {t}" for t in THRESHOLDS), "rule"), rows)))


if __name__ == "__main__":
    main()
