"""Tables of records: the mean of each measure by condition and method, who is ahead, and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from thermend.evaluation.measures import Values, mean
from thermend.evaluation.records import UNDAMAGED, Record

INPUT = "input"
"""The row of what the methods got."""


class Measure(NamedTuple):
    """How a measure is written.

    Attributes
    ----------
    title : str
    style : str
        a format specification
    better : int
        1, higher is better; -1, lower; 0 says nothing of itself
    """

    title: str
    style: str
    better: int


MEASURES: Mapping[str, Measure] = {
    "psnr": Measure("PSNR", ".2f", 1),
    "psnr_fitted": Measure("PSNR fitted", ".2f", 1),
    "ssim": Measure("SSIM", ".3f", 1),
    "rmse_kelvin": Measure("RMSE, K", ".3f", -1),
    "rmse_counts": Measure("RMSE, counts", ".2f", -1),
    "niqe_thermal": Measure("NIQE, thermal", ".1f", -1),
    "lite0": Measure("features", ".3f", -1),
    "lpips": Measure("LPIPS", ".3f", -1),
    "suspect": Measure("suspect", ".1%", 0),
    "ag": Measure("AG", ".2f", 0),
    "ie": Measure("IE", ".2f", 0),
    "eme": Measure("EME", ".2f", 0),
    "sf": Measure("SF", ".2f", 0),
    "sd": Measure("SD", ".2f", 0),
    "noise": Measure("noise", ".2f", 0),
    "roughness": Measure("roughness", ".3f", 0),
    "stripe_energy": Measure("stripes", ".2f", 0),
    "fused_mi": Measure("MI", ".3f", 1),
    "fused_scd": Measure("SCD", ".3f", 1),
    "fused_vif": Measure("VIF", ".3f", 1),
    "fused_qabf": Measure("Qabf", ".3f", 1),
    "fused_sd_uint8": Measure("SD of fused", ".2f", 1),
    "fused_en": Measure("EN of fused", ".3f", 1),
}
"""In the order of the tables; further ones that were asked for are named as they are."""
MAIN = ("psnr", "psnr_fitted", "ssim", "rmse_kelvin", "rmse_counts")
"""That every table has, as far as they were measured; the others where they are asked for."""


class Row(NamedTuple):
    """The means of a method under a condition; seconds an image, None of the input."""

    condition: str
    method: str
    images: int
    means: Values
    seconds: float | None


def of(name: str) -> Measure:
    """How a measure is written, one that was asked for by pyiqa's name too."""
    return MEASURES.get(name, Measure(name, ".3f", 0))


def written(name: str, value: float | None) -> str:
    """A value of a measure."""
    return "" if value is None else format(value, of(name).style)


def named(condition: str) -> str:
    """A condition, as a reader knows it."""
    return "undamaged" if condition == UNDAMAGED else condition


def measured(records: Iterable[Record]) -> list[str]:
    """Measures that are there, in the order of the tables."""
    there = dict.fromkeys(name for record in records for name in (*record.input_metrics, *record.metrics))
    return [name for name in (*MEASURES, *(n for n in there if n not in MEASURES)) if name in there]


def rows(records: Sequence[Record]) -> list[Row]:
    """Condition by condition the input's means and each method's, in the order in which they come.

    The input's are over the images of the condition, each once; a method's over those that it has.
    """
    found = []
    for condition in dict.fromkeys(r.case.condition for r in records):
        here = [r for r in records if r.case.condition == condition]
        once = {(r.case.images, r.case.image): r.input_metrics for r in here}
        found.append(Row(condition, INPUT, len(once), mean(list(once.values())), None))
        for method in dict.fromkeys(r.case.method for r in here):
            own = [r for r in here if r.case.method == method]
            seconds = sum(r.seconds for r in own) / len(own)
            found.append(Row(condition, method, len(own), mean([r.metrics for r in own]), seconds))
    return found


def winners(rows: Sequence[Row], name: str) -> set[tuple[str, str]]:
    """Condition and method of the best mean of a measure, to what is written of it; the input competes. None of what says
    nothing of itself, and none where there is one method alone."""
    measure = of(name)
    found = set()
    for condition in dict.fromkeys(row.condition for row in rows):
        here = [
            (row, value) for row in rows if row.condition == condition and (value := row.means.get(name)) is not None
        ]
        if measure.better and sum(row.method != INPUT for row, _ in here) > 1:
            best = max(measure.better * value for _, value in here)
            shown = written(name, measure.better * best)
            found |= {(row.condition, row.method) for row, value in here if written(name, value) == shown}
    return found


def markdown(head: Sequence[str], cells: Iterable[Sequence[str]], texts: int = 1) -> list[str]:
    """A table whose first columns are text and whose others are numbers; an empty line ends it."""
    kinds = ["---"] * texts + ["---:"] * (len(head) - texts)
    return ["| " + " | ".join(line) + " |" for line in (head, kinds, *cells)] + [""]


def summary(
    records: Sequence[Record],
    names: Sequence[str] = (),
    seconds: bool = True,
    beside: Mapping[str, tuple[str, Mapping[str, float]]] | None = None,
) -> list[str]:
    """The table of means in Markdown, the best in bold.

    Parameters
    ----------
    records : sequence of Record
    names : sequence of str
        of the measures; without, :data:`MAIN`
    seconds : bool
        whether the last column says how long an image took
    beside : mapping or None
        by condition a further row below the others: its name, and values by measure
    """
    there = measured(records)
    chosen = [n for n in (names or MAIN) if n in there]
    all_rows = rows(records)
    best = {name: winners(all_rows, name) for name in chosen}
    lines: list[Sequence[str]] = []
    for place, row in enumerate(all_rows):
        cells = [written(name, row.means.get(name)) for name in chosen]
        cells = [f"**{c}**" if (row.condition, row.method) in best[n] else c for n, c in zip(chosen, cells)]
        first = f"{_code(row.condition)}, {row.images}" if row.method == INPUT else ""
        time = [] if not seconds else ["" if row.seconds is None else f"{row.seconds:.2f}"]
        lines.append((first, row.method, *cells, *time))
        is_last = all_rows[place + 1 : place + 2] == [] or all_rows[place + 1].condition != row.condition
        if is_last and (further := (beside or {}).get(row.condition)) is not None:
            blank = [""] if seconds else []
            lines.append(("", further[0], *(written(name, further[1].get(name)) for name in chosen), *blank))
    return markdown(("", "", *(of(n).title for n in chosen), *(["s an image"] if seconds else [])), lines, 2)


def _code(condition: str) -> str:
    return named(condition) if condition == UNDAMAGED else f"`{condition}`"
