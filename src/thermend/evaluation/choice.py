"""Which images of a comparison are shown: the worst first, since they tell the most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermend.evaluation.records import Record

USUAL = 5


def chosen(records: Sequence[Record], number: int | None = USUAL) -> list[tuple[str, str, str]]:
    """Images to show of each condition, each with all methods: the worst, a median and the best.

    Of five, the three worst. Fewer than three are the worst, or the worst and the best. An image is judged by the mean of PSNR
    over the methods.

    Parameters
    ----------
    records : sequence of Record
    number : int or None
        of each condition; None takes all

    Returns
    -------
    list
        condition, set and image
    """
    found = []
    for condition in dict.fromkeys(r.case.condition for r in records):
        values: dict[tuple[str, str], list[float]] = {}
        for record in records:
            if record.case.condition == condition:
                values.setdefault((record.case.images, record.case.image), []).append(_worth(record))
        ordered = sorted(values, key=lambda image: (float(np.mean(values[image])), image))
        found += [(condition, *ordered[place]) for place in _places(len(ordered), number)]
    return found


def _places(images: int, number: int | None) -> list[int]:
    """Of those that are shown, in images from the worst to the best."""
    if number is None or number >= images:
        return list(range(images))
    if number < 3:
        return [0, images - 1][:number]
    worst = list(range(number - 2))
    return [*worst, max(number - 2, images // 2), images - 1]


def _worth(record: Record) -> float:
    value = record.metrics.get("psnr")
    return 0.0 if value is None else value
