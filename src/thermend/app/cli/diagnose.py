"""`thermend diagnose`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from thermend.app.cli import console
from thermend.errors import UsageError
from thermend.jobs import executors
from thermend.jobs.sources import collect
from thermend.machine import cores


def run(
    patterns: Sequence[str],
    reading: dict[str, Any],
    as_json: bool,
    say: Callable[[str], None] = print,
    by: str | None = None,
    weights: str | None = None,
) -> int:
    """Carry out the command; returns its exit code.

    Parameters
    ----------
    patterns : sequence of str
        inputs
    reading : dict
        of :class:`thermend.io.ReadOptions`
    by, weights : str or None
        whose second opinion is asked for, and its weights
    """
    if weights is not None and by is None:
        raise UsageError("--weights goes with --by: whose opinion is asked for")
    from thermend.io import ReadOptions, stores
    from thermend.jobs.diagnose import Diagnose

    executors.quieten_libraries()
    job: Any = Diagnose(ReadOptions(**reading), by, weights)
    inputs: list[Any]
    patterns = [stores.localised(pattern) for pattern in patterns]
    if any(stores.is_address(pattern) for pattern in patterns):
        from thermend.jobs.archive.objects import objects
        from thermend.jobs.archive.staging import Fetched, Task

        job, inputs = Fetched(job), [Task(item) for item in objects(patterns, "", recordings=False)]
    else:
        inputs = collect(patterns)
    workers = 1 if len(inputs) <= 2 or by is not None else min(cores(), len(inputs))
    rows: list[dict[str, Any]] = []
    failed = 0
    with (
        console.progress(len(inputs), "diagnosing") as seen,
        closing(executors.run(job, inputs, workers, progress=seen)) as running,
    ):
        for _, outcome in running:
            if outcome.error is not None:
                failed += 1
                console.complain(outcome.error)
            else:
                rows.append({**outcome.found, "file": outcome.source})
    rows.sort(key=lambda row: str(row["file"]))
    if as_json:
        say(json.dumps(rows, indent=1))
    elif rows:
        _table(rows)
    return console.exit_code(len(rows), failed)


def _table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        caption="noise, stripes, shading: grey levels of 255 (kelvin where there are temperatures); blur: pixels",
    )
    for title in ("file", "noise", "stripes", "run in", "blur", "shading", "dead", "contrast"):
        table.add_column(title, justify="left" if title in ("file", "run in") else "right", overflow="fold")
    if opinion := any("second_opinion" in row for row in rows):
        table.add_column(f"by {rows[0]['second_opinion']['by']}", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["file"]),  # brackets in a name are no markup
            _level(row, "noise_sigma", "noise_kelvin") + _shared(row),
            _level(row, "stripe_sigma", "stripe_kelvin"),
            row["stripe_direction"] + (" and across" if row["crossing_stripe_sigma"] else ""),
            f"{row['blur_sigma']:.1f}",
            _level(row, "nonuniformity", "nonuniformity_kelvin"),
            f"{row['dead_pixels']} px" + (f", {row['dead_columns']} lines" if row["dead_columns"] else ""),
            "" if row["contrast"] is None else f"{100 * row['contrast']:.0f} %",
            *([_most_likely(row["second_opinion"])] if opinion else []),
        )
    console.show(table)


def _most_likely(opinion: dict[str, Any]) -> str:
    answers = (max(opinion[question].items(), key=lambda pair: pair[1]) for question in opinion if question != "by")
    return ", ".join(f"{name} ({100 * chance:.0f} %)" for name, chance in answers)


def _shared(row: dict[str, Any]) -> str:
    """What is said of noise that neighbouring pixels share."""
    sigma = row["correlated_noise_sigma"]
    return f" + {sigma:.1f} correlated" if sigma else ""


def _level(row: dict[str, Any], grey: str, kelvin: str) -> str:
    return f"{row[grey]:.1f}" + (f" ({row[kelvin]:.3f} K)" if row[kelvin] is not None else "")
