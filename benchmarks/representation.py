"""HiDRA's degradation vectors: written out, drawn, and scored by a linear probe.

    python benchmarks/representation.py --weights runs/hidra/weights.safetensors --train DIR [DIR ...] \\
        --on roadscene=DIR hit-uav=DIR [--vectors OUT.npz] [--picture OUT.png] [--probe OUT.safetensors] [--page PAGE]

Vectors of images of the training folders, one damage alone each or one of four levels of all, fit the probe; those of the
validation images score it. `--probe` writes the weights again, with the probe beside them, for `thermend diagnose --by hidra`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from networks import images, of_folders, spread
from pages import put, table
from PIL import Image, ImageDraw, ImageFont

import thermend
from thermend.degradations import generator_for
from thermend.io import read
from thermend.methods.hidra.probe import LEVELS, QUESTIONS, TYPES, as_tensors, fit
from thermend.rendering import rendered
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors

COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
"""That the colour-blind tell apart (M. Okabe, K. Ito)."""


def vectors_of(restorer: thermend.Restorer, files: list[Path], question: dict) -> tuple[np.ndarray, np.ndarray]:
    """(N, width), and which damage each is of; seeded by the names."""
    found, answers = [], []
    for path in files:
        clean = torch.from_numpy(rendered(read(path)).astype(np.float32) / 255)[None, None]
        for answer, (name, cascade) in enumerate(question.items()):
            damaged = cascade(clean, generator_for(0, f"probe-{name}", path.name))[0, 0].numpy()
            found.append(restorer.method.vector(damaged)[0])
            answers.append(answer)
    return np.stack(found), np.array(answers)


def confused(names: list[str], truth: np.ndarray, answers: np.ndarray) -> list[str]:
    """A row for each damage, a column for what it was taken for."""
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (truth, answers), 1)
    return table(("", *names), [(name, *(str(n) if n else "" for n in row)) for name, row in zip(names, counts)])


def drawn(panels: list[tuple[str, np.ndarray, np.ndarray, list[str]]], path: Path, side: int = 420) -> None:
    """The first two principal components of each panel's vectors, a colour a damage."""
    picture = Image.new("RGB", (side * len(panels), side + 90), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for n, (title, vectors, answers, names) in enumerate(panels):
        centred = vectors - vectors.mean(0)
        axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
        places = centred @ axes.T
        places = (places - places.min(0)) / np.maximum(np.ptp(places, 0), 1e-9) * (side - 40) + 20
        for (x, y), answer in zip(places, answers):
            left, top = side * n + x, 24 + y
            pen.ellipse((left - 3, top - 3, left + 3, top + 3), fill=COLOURS[answer])
        pen.text((side * n + 20, 4), title, "black", font)
        for k, name in enumerate(names):
            left, top = side * n + 20 + (k % 2) * 190, side + 28 + (k // 2) * 18
            pen.ellipse((left, top + 4, left + 8, top + 12), fill=COLOURS[k])
            pen.text((left + 14, top), name, "black", font)
    picture.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--train", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--images", type=int, default=120, help="training images that the probe is fitted on")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--probe", type=Path, metavar="OUT.safetensors")
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    restorer = thermend.load("hidra", weights=chosen.weights, engine="torch")
    path = restorer.info.weights_file(chosen.weights, ".safetensors")
    share = -(-chosen.images // len(chosen.train))
    training = [file for folder in chosen.train for file in spread(images(folder), share)]
    validation = of_folders(chosen.on)
    rows, confusions, panels, probes, kept = [], [], [], {}, {}
    for name, question in (("types", TYPES), ("levels", LEVELS)):
        seen, answers = vectors_of(restorer, training, question)
        unseen, truth = vectors_of(restorer, validation, question)
        probes[name] = fit(seen, answers, len(question))
        scores = [probes[name].accuracy(v, a) for v, a in ((seen, answers), (unseen, truth))]
        rows.append((name, str(len(question)), *(f"{100 * score:.1f} %" for score in scores)))
        print(*rows[-1], flush=True)
        panels.append((name, unseen, truth, list(question)))
        confusions += confused(list(question), truth, probes[name].chances(unseen).argmax(1))
        kept |= {f"{name}_vectors": unseen, f"{name}_answers": truth, f"{name}_names": np.array(list(question))}
    lines = [
        f"{len(training)} training images for the probe, {len(validation)} validation images; each under every damage.",
        "",
        *table(("", "answers", "right on training images", "right on validation images"), rows),
        "What each was taken for, in validation images:",
        "",
        *confusions,
    ]
    if chosen.vectors:
        np.savez_compressed(chosen.vectors, **kept)
    if chosen.picture:
        drawn(panels, chosen.picture)
    if chosen.probe:
        facts = {**read_metadata(path), "probe": {name: list(answers) for name, answers in QUESTIONS.items()}}
        write_tensors(chosen.probe, {**read_tensors(path), **as_tensors(probes)}, facts)
    if chosen.page:
        put(chosen.page, "representation", lines)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
