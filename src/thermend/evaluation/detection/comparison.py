"""A detector on images as they are, damaged, and mended by each method."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.datasets.coco import Box
from thermend.evaluation.comparison import DAMAGED, Asked, Comparison
from thermend.evaluation.detection.detectors import Detections, Detector
from thermend.evaluation.detection.scores import Precision, precision
from thermend.evaluation.images import grey
from thermend.evaluation.records import Appending, read_lines
from thermend.evaluation.tables import markdown

CLEAN = "clean"
WORTH = 0.6
"""AP50 on clean images below which a comparison says nothing."""


@dataclass(frozen=True)
class Answered:
    """What a detector found in one image under one condition."""

    preset: str
    method: str
    image: str
    boxes: list[list[float]]
    scores: list[float]
    classes: list[int]

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    def detections(self) -> Detections:
        """The same, as arrays."""
        return Detections(
            np.array(self.boxes, np.float32).reshape(-1, 4),
            np.array(self.scores, np.float32),
            np.array(self.classes, np.int64),
        )


def answers(
    detector: Detector,
    files: Sequence[Path],
    presets: Sequence[str],
    methods: Sequence[Asked],
    comparison: Comparison,
    store: Path,
    say: Callable[[str], None],
) -> list[Answered]:
    """What the detector found in each image, clean, damaged and mended; what the store holds is not asked for again.

    Raises
    ------
    ThermendError
        an image cannot be read, or the store not written
    """
    known = {
        (each.preset, each.method, each.image): each for each in read_lines(store, _answer_of, "answer of a detector")
    }
    labels = [DAMAGED, *(asked.label for asked in methods)]
    wanted = [(CLEAN, CLEAN), *((preset, label) for preset in presets for label in labels)]
    with closing(Appending(store)) as file:
        for number, path in enumerate(files, 1):
            missing = [place for place in wanted if (*place, path.name) not in known]
            if not missing:
                continue
            clean = grey(path)
            for preset in dict.fromkeys(preset for preset, _ in missing):
                these = [asked for asked in methods if (preset, asked.label) in missing]
                made = {CLEAN: clean} if preset == CLEAN else comparison.pictures(clean, path.name, preset, these)
                for label, picture in made.items():
                    if (preset, label) in missing:
                        answer = _answered(preset, label, path.name, detector(picture))
                        known[preset, label, path.name] = answer
                        file.add(answer)
            say(f"{number} of {len(files)}: {path.name}")
    return [known[preset, label, path.name] for preset, label in wanted for path in files]


def _answered(preset: str, method: str, image: str, found: Detections) -> Answered:
    boxes = [[round(float(v), 2) for v in box] for box in found.boxes]
    return Answered(preset, method, image, boxes, [round(float(s), 4) for s in found.scores], found.classes.tolist())


def _answer_of(line: str) -> Answered:
    return Answered(**json.loads(line))


def scored(
    found: Sequence[Answered],
    boxes: Mapping[str, Sequence[Box]],
    sizes: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
) -> dict[tuple[str, str], Precision]:
    """Average precision by preset and method."""
    places = dict.fromkeys((each.preset, each.method) for each in found)
    return {
        place: precision(
            {each.image: each.detections() for each in found if (each.preset, each.method) == place},
            boxes,
            sizes,
            classes,
        )
        for place in places
    }


def table(values: Mapping[tuple[str, str], Precision], classes: Sequence[str], images: int) -> list[str]:
    """In Markdown; a line first where the detector is too poor to tell anything."""
    head = ("", "", "AP", "AP50", "95 %", *(f"AP50 {name}" for name in classes), "small", "medium")
    cells = []
    for (preset, method), value in values.items():
        first = preset if preset == CLEAN else f"`{preset}`" if method == DAMAGED else ""
        numbers = (*(value.by_class[name] for name in classes), value.by_size["small"], value.by_size["medium"])
        low, high = value.interval
        cells.append((
            first, "" if method == CLEAN else method, f"{value.ap:.3f}", f"{value.ap50:.3f}", f"{low:.3f} to {high:.3f}",
            *("" if np.isnan(number) else f"{number:.3f}" for number in numbers),
        ))  # fmt: skip
    lines = [f"{images} images.", "", *markdown(head, cells, 2)]
    if (CLEAN, CLEAN) in values and not values[CLEAN, CLEAN].ap50 >= WORTH:
        lines[:0] = [f"AP50 on clean images is below {WORTH}: this says nothing.", ""]
    return lines


def drawn(
    picture: NDArray[np.uint8], found: Detections, classes: Sequence[str], least: float = 0.3
) -> NDArray[np.uint8]:
    """A picture, (H, W), with the boxes that are surer than `least`, a colour a class; (H, W, 3)."""
    colours = ((80, 220, 120), (255, 170, 40), (90, 190, 255))
    made = np.repeat(picture[..., None], 3, 2).copy()
    for box, score, kind in zip(found.boxes, found.scores, found.classes):
        if score >= least and kind < len(classes):
            left, top, width, height = (round(float(v)) for v in box)
            cv2.rectangle(made, (left, top), (left + width, top + height), colours[int(kind) % len(colours)], 1)
    return made
