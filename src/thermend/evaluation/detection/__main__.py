"""Train a small detector on clean images, and see what it finds in damaged and in mended ones.

    python -m thermend.evaluation.detection train --images hit-uav/train --boxes train.json -o runs/detector
    python -m thermend.evaluation.detection compare runs/detector/detector.safetensors --images hit-uav/train \\
        --boxes train.json --left-out --presets hm-tir-normal --methods auto ppfn -o runs/detector/answers.jsonl
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from thermend.datasets.coco import boxes_of
from thermend.errors import UsageError
from thermend.evaluation.comparison import DAMAGED, Asked, Comparison
from thermend.evaluation.detection.comparison import CLEAN, answers, drawn, scored, table
from thermend.evaluation.detection.detectors import CLASSES, opened
from thermend.evaluation.images import grey, spread
from thermend.evaluation.reproduction.page import put
from thermend.evaluation.scripts import exit_code, told


def main() -> int:
    """Carry out the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="thermend.evaluation.detection", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    comparing = commands.add_parser("compare")
    for each in (training, comparing):
        each.add_argument("--images", type=Path, required=True, metavar="DIR")
        each.add_argument("--boxes", type=Path, required=True, metavar="FILE.json")
        each.add_argument("-o", "--out", type=Path, required=True)
    training.add_argument("--steps", type=int, default=2000)
    training.add_argument("--seed", type=int, default=0)
    comparing.add_argument("detector", help=".safetensors of the centre-point network, or .onnx")
    comparing.add_argument("--classes", nargs="+", default=list(CLASSES), help="of an ONNX detector, by its numbers")
    comparing.add_argument("--left-out", action="store_true", help="the fifth of the images that training leaves out")
    comparing.add_argument("--count", type=int, help="of the images, evenly over the names")
    comparing.add_argument("--presets", nargs="+", required=True)
    comparing.add_argument("--methods", nargs="+", required=True, metavar="[LABEL:]NAME[=WEIGHTS]")
    comparing.add_argument("--precision", default="auto")
    comparing.add_argument("--page", type=Path)
    comparing.add_argument("--place", default="detection")
    comparing.add_argument("--picture", type=Path, help="of the image with the most boxes, under the last preset")
    chosen = parser.parse_args()
    return exit_code(lambda: _train(chosen) if chosen.command == "train" else _compare(chosen))


def _train(chosen: argparse.Namespace) -> None:
    from thermend.evaluation.detection.training import Settings, train

    print(train(chosen.images, chosen.boxes, chosen.out, Settings(steps=chosen.steps, seed=chosen.seed)))


def _compare(chosen: argparse.Namespace) -> None:
    boxes = boxes_of(chosen.boxes)
    names = sorted(boxes)
    if chosen.left_out:
        from thermend.evaluation.detection.training import left_out

        names = left_out(names)
    names = spread(names, chosen.count)
    if not names:
        raise UsageError(f"{chosen.boxes}: no images")
    detector = opened(chosen.detector, chosen.classes)
    methods = [Asked.of(text) for text in chosen.methods]
    comparison = Comparison(precision=chosen.precision)
    comparison.settings(methods, chosen.presets)
    files = [chosen.images / name for name in names]
    found = answers(
        detector,
        files,
        chosen.presets,
        methods,
        comparison,
        chosen.out,
        told,
    )
    sizes = {path.name: grey(path).shape for path in files}
    lines = table(scored(found, boxes, sizes, detector.classes), detector.classes, len(files))  # type: ignore[arg-type]
    if chosen.page is None:
        print(*lines, sep="\n")
    else:
        put(chosen.page, chosen.place, lines)
    if chosen.picture is not None:
        most = max(files, key=lambda path: (len(boxes[path.name]), path.name))
        preset, clean = chosen.presets[-1], grey(most)
        made = {CLEAN: clean} | comparison.pictures(clean, most.name, preset, methods)
        shown = [drawn(picture, detector(picture), detector.classes) for picture in made.values()]
        per_row = -(-len(shown) // 2)
        shown += [np.zeros_like(shown[0])] * (2 * per_row - len(shown))
        rows = [np.concatenate(shown[n : n + per_row], 1) for n in (0, per_row)]
        Image.fromarray(np.concatenate(rows)).save(chosen.picture)
        print(
            f"{chosen.picture}: {CLEAN}, {DAMAGED}, {', '.join(asked.label for asked in methods)} ({most.name}, {preset})"
        )


if __name__ == "__main__":
    sys.exit(main())
