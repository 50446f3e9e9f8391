"""Average precision as COCO has it, by pycocotools; and how sure it is, by drawing the images again."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermend.datasets.coco import Box
from thermend.errors import MissingDependencyError
from thermend.evaluation.detection.detectors import Detections

SIZES = ("all", "small", "medium", "large")
"""Areas of any size, below 32², to 96², above, in pixels."""


@dataclass(frozen=True)
class Precision:
    """Average precision, 0 to 1; NaN of what there are no boxes of.

    Attributes
    ----------
    ap, ap50 : float
        mean over thresholds of overlap from 0.5 to 0.95, and at 0.5
    interval : (float, float)
        of `ap50`: 95 % of what it is on images drawn again
    by_class : mapping
        `ap50` by the class's name
    by_size : mapping
        `ap50` by :data:`SIZES`
    """

    ap: float
    ap50: float
    interval: tuple[float, float]
    by_class: Mapping[str, float]
    by_size: Mapping[str, float]


def precision(
    found: Mapping[str, Detections],
    boxes: Mapping[str, Sequence[Box]],
    sizes: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
    draws: int = 200,
    seed: int = 0,
) -> Precision:
    """What a detector's answers are worth.

    Parameters
    ----------
    found : mapping
        by image
    boxes : mapping
        by image; a box of a category that is not among the classes is ignored: what is found in it is neither right nor wrong
    sizes : mapping
        height and width by image
    classes : sequence of str
        that are scored, in the order of the detector's numbers
    draws : int
        of the images, for the interval
    seed : int

    Raises
    ------
    MissingDependencyError
        pycocotools is not installed
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingDependencyError(
            "average precision needs pycocotools: pip install 'thermend[detection]'"
        ) from error
    names = sorted(found)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _layout(names, boxes, sizes, classes)
        truth.createIndex()
        answers = [
            {"image_id": number, "category_id": int(kind), "bbox": [float(v) for v in box], "score": float(score)}
            for number, name in enumerate(names)
            for box, score, kind in zip(found[name].boxes, found[name].scores, found[name].classes)
            if kind < len(classes)
        ]
        guesses = truth.loadRes(answers) if answers else _nothing(COCO, truth)
        run = COCOeval(truth, guesses, "bbox")
        run.params.maxDets = [300]
        run.evaluate()
        run.accumulate()
        whole = run.eval["precision"]  # thresholds, recalls, classes, areas, numbers
        evaluated, images = run.evalImgs, len(names)
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(draws):
            chosen = rng.integers(images, size=images)
            run.evalImgs = _of_images(evaluated, chosen, images)
            run.accumulate()
            drawn.append(_mean(run.eval["precision"][0, :, :, 0, 0]))
    low, high = np.nanpercentile(drawn, (2.5, 97.5)) if draws and not np.all(np.isnan(drawn)) else (np.nan, np.nan)
    return Precision(
        _mean(whole[:, :, :, 0, 0]),
        _mean(whole[0, :, :, 0, 0]),
        (float(low), float(high)),
        {name: _mean(whole[0, :, n, 0, 0]) for n, name in enumerate(classes)},
        {size: _mean(whole[0, :, :, n, 0]) for n, size in enumerate(SIZES)},
    )


def _layout(
    names: Sequence[str],
    boxes: Mapping[str, Sequence[Box]],
    sizes: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
) -> dict[str, Any]:
    """As COCO has it; a box that is ignored is so for every class."""
    annotations: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        for box in boxes[name]:
            counts = box.category in classes
            for kind in [classes.index(box.category)] if counts else range(len(classes)):
                annotations.append(
                    {
                        "id": len(annotations) + 1, "image_id": number, "category_id": kind, "iscrowd": int(not counts),
                        "bbox": [box.left, box.top, box.width, box.height], "area": box.width * box.height,
                    }
                )  # fmt: skip
    return {
        "info": {},
        "images": [{"id": n, "height": sizes[name][0], "width": sizes[name][1]} for n, name in enumerate(names)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(classes)],
        "annotations": annotations,
    }


def _nothing(coco: Any, truth: Any) -> Any:
    made = coco()
    made.dataset = {**truth.dataset, "annotations": []}
    made.createIndex()
    return made


def _of_images(evaluated: list[Any], chosen: Any, images: int) -> list[Any]:
    """What was found out of each image, in blocks of class and area, for the images that were drawn, some of them twice."""
    blocks = len(evaluated) // images
    return [evaluated[block * images + image] for block in range(blocks) for image in chosen]


def _mean(values: Any) -> float:
    """Over what is there; pycocotools has -1 for what is not."""
    there = values[values > -1]
    return float(there.mean()) if there.size else float("nan")
