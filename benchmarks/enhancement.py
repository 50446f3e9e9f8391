"""2D-GAN's Table 3: methods beside one another by AG, IE, EME, PSNR and SSIM, under one preset.

    python benchmarks/enhancement.py classical.he classical.clahe GF:classical.gf-detail dual-decoder \\
        --on NAME=DIR [NAME=DIR ...] [--preset dual-decoder] [--page PAGE ... --place PLACE]

A method is [LABEL:]NAME[=WEIGHTS]. `clean` and `input` are the images themselves, before and after the preset.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from networks import images, opened, pair
from pages import put, table

from thermend.evaluation.measures import AGAINST_CLEAN, OF_ONE

MEASURES = {"AG": OF_ONE["ag"], "IE": OF_ONE["ie"], "EME": OF_ONE["eme"]}
FIDELITY = {"PSNR": AGAINST_CLEAN["psnr"], "SSIM": AGAINST_CLEAN["ssim"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+", metavar="[LABEL:]NAME[=WEIGHTS]")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--preset", default="dual-decoder")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--page", type=Path, nargs="*", default=[])
    parser.add_argument("--place", default="enhancement")
    chosen = parser.parse_args()
    restorers = opened(chosen.methods, chosen.engine, "auto")
    lines: list[str] = []
    for entry in chosen.on:
        name, _, folder = entry.partition("=")
        found: dict[str, list[list[float]]] = {label: [] for label in ("clean", "input", *restorers)}
        files = images(Path(folder))
        for path in files:
            clean, spoilt = pair(path, chosen.preset)
            results = {"clean": clean, "input": spoilt}
            for label, restorer in restorers.items():
                results[label] = np.rint(restorer.restore(spoilt, mode="display").pixels).astype(np.uint8)
            for label, image in results.items():
                own = [measure(image) for measure in MEASURES.values()]
                against = [float("nan")] * 2 if label == "clean" else [m(image, clean) for m in FIDELITY.values()]
                found[label].append([*own, *against])  # type: ignore[list-item]
        rows = []
        for label, values in found.items():
            ag, ie, eme, psnr, ssim = np.mean(values, 0)
            fidelity = ("", "") if label == "clean" else (f"{psnr:.2f}", f"{ssim:.3f}")
            rows.append((label, f"{ag:.2f}", f"{ie:.2f}", f"{eme:.2f}", *fidelity))
            print(name, *rows[-1], sep=" | ", flush=True)
        lines += [f"{name}, {len(files)} images, `{chosen.preset}`:", "", *table(("", *MEASURES, *FIDELITY), rows)]
    for page in chosen.page:
        put(page, chosen.place, lines)


if __name__ == "__main__":
    main()
