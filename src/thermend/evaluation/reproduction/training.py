"""A table of recipes: each trained with every seed, measured, and beside the first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import thermend
from thermend.errors import ThermendError
from thermend.evaluation import tables
from thermend.evaluation.comparison import Asked
from thermend.evaluation.records import Record
from thermend.evaluation.reproduction.experiments import Begin, Row, TrainedTable
from thermend.evaluation.reproduction.tables import Given, compared, counts, told

WEIGHTS = "weights.safetensors"
_CHECKPOINT_EVERY = 50  # steps; of a short run of a large network they take long
_under_way: set[subprocess.Popen[bytes]] = set()


class Trainings(NamedTuple):
    """How runs are made.

    Attributes
    ----------
    processes : int
        at a time; more than one have a core each
    as_they_are : bool
        runs that have ended are taken without a look at their recipe
    """

    processes: int
    as_they_are: bool


class Run(NamedTuple):
    """One training: a row of a table with one seed."""

    row: Row
    seed: int
    out: Path


def recipes_folder() -> Path:
    """Where the recipes are: in the package, or beside the sources that are worked on."""
    package = Path(thermend.__file__).parent
    return within if (within := package / "recipes").is_dir() else package.parents[1] / "recipes"


def runs_of(table: TrainedTable, given: Given) -> list[Run]:
    """The trainings of a table, seed by seed, each in a folder of its own; those that have ended are not made again."""
    folder = given.made / (table.runs or table.place)
    scaled = [row.model_copy(update={"changes": row.changes | row.at.get(given.scale, {})}) for row in table.rows]
    rows = [(seed, row) for seed in range(table.seeds[given.scale]) for row in scaled]
    return [Run(row, seed, folder / f"{row.name or Path(row.recipe).name}-{seed}") for seed, row in rows]


def changes_of(table: TrainedTable, given: Given) -> dict[str, Any]:
    """Keys of the recipes that are others in every row."""
    changes = _images_of(table, given) | {"checkpoint_every": _CHECKPOINT_EVERY} | table.changes.get(given.scale, {})
    if table.begins_with is not None:
        changes["init_from"] = str((_first(table.begins_with, given) / WEIGHTS).resolve())
    return changes


def _images_of(table: TrainedTable, given: Given) -> dict[str, Any]:
    images: dict[str, Any] = {"data": [str((given.data / folder).resolve()) for folder in table.training]}
    if table.split is not None:
        images |= {"split": str(recipes_folder() / table.split), "max_images": None}
    return images


def _first(begin: Begin, given: Given) -> Path:
    return given.made / Path(begin.recipe).name


def words_of(run: Run, changes: Mapping[str, Any], recipes: Path) -> tuple[str, list[str]]:
    """What `thermend train` is told: the recipe, and KEY=VALUE of what is another."""
    values = {**changes, **run.row.changes, "seed": run.seed, "out": str(run.out)}
    return str(recipes / f"{run.row.recipe}.yaml"), [f"{key}={json.dumps(value)}" for key, value in values.items()]


def train(table: TrainedTable, given: Given, trainings: Trainings, say: Callable[[str], None]) -> list[Run]:
    """Train what has not been trained yet; returns the table's runs.

    Raises
    ------
    ThermendError
        a run ended without weights; those that were under way are finished, no other is begun (an end that is asked for by
        a signal, they are asked for too)
    """
    changes = changes_of(table, given)
    runs = runs_of(table, given)
    with ThreadPoolExecutor(trainings.processes) as pool:
        try:
            if (begin := table.begins_with) is not None:
                first = Run(Row(label="", recipe=begin.recipe), 0, _first(begin, given))
                own = _images_of(table, given) | begin.changes.get(given.scale, {})
                pool.submit(_trained, first, own, trainings, say).result()
            for future in [pool.submit(_trained, run, changes, trainings, say) for run in runs]:
                future.result()
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, SystemExit):  # Ctrl-C reaches them by itself
                for process in list(_under_way):
                    process.terminate()
            raise
    return runs


def _trained(run: Run, changes: Mapping[str, Any], trainings: Trainings, say: Callable[[str], None]) -> None:
    """`thermend train`, which goes on with what was interrupted, and refuses the run of another recipe."""
    if (run.out / WEIGHTS).is_file() and trainings.as_they_are:
        return
    recipe, words = words_of(run, changes, recipes_folder())
    cores = {} if trainings.processes == 1 else {"OMP_NUM_THREADS": "1"}
    say(f"{run.out}: is being trained")
    command = [sys.executable, "-m", "thermend", "train", recipe, *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **cores}) as process:
        _under_way.add(process)
        process.wait()
        _under_way.remove(process)
    if process.returncode or not (run.out / WEIGHTS).is_file():
        raise ThermendError(f"{run.out}: {run.row.recipe} was not trained to its end")


def measured(
    table: TrainedTable, given: Given, trainings: Trainings, store: Path | None, say: Callable[[str], None]
) -> tuple[list[Record], list[str]]:
    """As :func:`thermend.evaluation.reproduction.tables.measured`, of every run; a record's method is ``LABEL, seed N``."""
    methods = []
    for row, seed, out in train(table, given, trainings, say):
        name = json.loads((out / "run.json").read_text(encoding="utf-8"))["recipe"]["method"].partition("/")[0]
        methods.append(Asked(_named(row.label, seed), name, str(out / WEIGHTS)))
    return compared(table, methods, given, store, say)


def _named(label: str, seed: int) -> str:
    return f"{label}, seed {seed}"


def lines(table: TrainedTable, found: Sequence[Record], missing: Sequence[str], given: Given) -> list[str]:
    """The table in Markdown: the mean of each measure and its deviation over seeds, and how far the first row is ahead."""
    seeds = table.seeds[given.scale]
    labels = [row.label for row in table.rows]
    chosen = [name for name in table.measures if name in tables.measured(found)]
    differing = [name for name in chosen if tables.of(name).better]
    first = labels[0]
    cells = []
    for condition in dict.fromkeys(record.case.condition for record in found):
        here = {label: _values(found, condition, label, seeds) for label in labels}
        once = {(r.case.images, r.case.image): r.input_metrics for r in found if r.case.condition == condition}
        before = [tables.written(name, _mean([m.get(name) for m in once.values()])) for name in chosen]
        shown = "undamaged" if condition == "none" else f"`{condition}`"
        cells.append((shown, "input", *before, *("" for _ in differing)))
        for label in labels:
            own = [_over_seeds(name, here[label].get(name)) for name in chosen]
            apart = [] if label == first else [_apart(n, here[first].get(n), here[label].get(n)) for n in differing]
            cells.append(("", label, *own, *(apart or ("" for _ in differing))))
    for row in table.rows:
        if row.paper:
            values = [tables.written(name, row.paper.get(name)) for name in chosen]
            cells.append(("", f"{row.label}, {table.source}", *values, *("" for _ in differing)))
    titles = [tables.of(name).title for name in chosen]
    head = ("", "", *titles, *(f"{first} ahead, {tables.of(name).title}" for name in differing))
    averaged = tables.rows(
        [replace(r, case=replace(r.case, method=r.case.method.rpartition(", seed ")[0])) for r in found]
    )
    spread = f", {seeds} seeds (mean ± deviation over them)" if seeds > 1 else ", 1 seed"
    hours = f"{table.hours[given.scale]:g} hours of one core to train"
    return [
        f"{counts(found)}{spread}; scale `{given.scale}`, {hours}.",
        "What the first row is ahead by: paired over images, ± standard error.", "",
        *tables.markdown(head, cells, 2), *told(table, averaged, missing),
    ]  # fmt: skip


def _values(found: Sequence[Record], condition: str, label: str, seeds: int) -> dict[str, NDArray[np.float64]]:
    """A row's values by measure, (seeds, images); NaN where there are none."""
    images = dict.fromkeys((r.case.images, r.case.image) for r in found if r.case.condition == condition)
    by_case = {(r.case.method, r.case.images, r.case.image): r.metrics for r in found if r.case.condition == condition}
    names = dict.fromkeys(name for metrics in by_case.values() for name in metrics)

    def value(seed: int, image: tuple[str, str], name: str) -> float:
        there = by_case.get((_named(label, seed), *image), {}).get(name)
        return float("nan") if there is None else there

    return {name: np.array([[value(s, i, name) for i in images] for s in range(seeds)]) for name in names}


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def _over_seeds(name: str, values: NDArray[np.float64] | None) -> str:
    if values is None or np.isnan(values).all():
        return ""
    means = np.nanmean(values, 1)
    spread = f" ± {tables.written(name, float(np.std(means)))}" if len(means) > 1 else ""
    return tables.written(name, float(np.mean(means))) + spread


def _apart(name: str, first: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> str:
    """How far the first is ahead, by the measure's own sense."""
    if first is None or other is None:
        return ""
    ahead = tables.of(name).better * (first - other).mean(0)
    ahead = ahead[np.isfinite(ahead)]
    if len(ahead) < 2:
        return ""
    error = float(ahead.std(ddof=1) / np.sqrt(len(ahead)))
    style = tables.of(name).style
    return f"{round(float(ahead.mean()), 6) + 0.0:+{style}} ± {error:{style}}"
