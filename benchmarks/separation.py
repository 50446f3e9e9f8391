"""How well HiDRA's vectors of several trainings tell damage apart: a linear probe on each, and t-SNE side by side (Fig. 7).

    python benchmarks/separation.py "full"=RUN/weights.safetensors [NAME=WEIGHTS ...] --train DIR [DIR ...] \\
        --on roadscene=DIR hit-uav=DIR [--picture OUT.png] [--page PAGE --place PLACE]

Vectors of training images fit a probe for each; those of validation images score it and are drawn. `guess`: chance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from networks import images, of_folders, spread
from pages import put, table
from PIL import Image
from representation import drawn, vectors_of
from sklearn.manifold import TSNE

import thermend
from thermend.methods.hidra.probe import LEVELS, TYPES, fit

ASKED = {"types": TYPES, "levels": LEVELS}


def embedded(vectors: np.ndarray) -> np.ndarray:
    """Places in the plane, (N, 2), by t-SNE (L. van der Maaten, G. Hinton, JMLR 9, 2008); seeded."""
    spread_out = vectors.std(0) + 1e-6
    return TSNE(perplexity=15, init="pca", random_state=0).fit_transform((vectors - vectors.mean(0)) / spread_out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", metavar="NAME=WEIGHTS")
    parser.add_argument("--train", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--images", type=int, default=60, help="training images that each probe is fitted on")
    parser.add_argument("--validation", type=int, help="validation images of each folder; all if not said")
    parser.add_argument("--columns", type=int, default=3, help="panels beside one another")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="separation")
    chosen = parser.parse_args()
    share = -(-chosen.images // len(chosen.train))
    training = [file for folder in chosen.train for file in spread(images(folder), share)]
    validation = of_folders(chosen.on, chosen.validation)
    rows, panels = [], []
    for entry in chosen.weights:
        name, _, weights = entry.partition("=")
        restorer = thermend.load("hidra", weights=Path(weights), engine="torch")
        cells = []
        for asked, question in ASKED.items():
            seen, answers = vectors_of(restorer, training, question)
            unseen, truth = vectors_of(restorer, validation, question)
            probe = fit(seen, answers, len(question))
            cells += [f"{100 * probe.accuracy(v, a):.1f} %" for v, a in ((seen, answers), (unseen, truth))]
            if asked == "types":
                panels.append((name, embedded(unseen), truth, list(question)))
        rows.append((name, *cells))
        print(*rows[-1], sep=" | ", flush=True)
    rows.append(("guess", *(2 * [f"{100 / len(TYPES):.1f} %"] + 2 * [f"{100 / len(LEVELS):.1f} %"])))
    head = ("", "types, training images", "types, validation", "levels, training images", "levels, validation")
    lines = [f"{len(training)} training images, {len(validation)} validation images; each under every damage.", ""]
    lines += table(head, rows)
    print(*lines, sep="\n")
    if chosen.picture:
        strips = []
        for first in range(0, len(panels), chosen.columns):
            drawn(panels[first : first + chosen.columns], chosen.picture)
            strips.append(np.asarray(Image.open(chosen.picture)))
        Image.fromarray(np.vstack(strips)).save(chosen.picture, optimize=True)
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
