"""`thermend diagnose`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from thermend.app import batch, console
from thermend.app.inputs import Input, collect
from thermend.errors import ThermendError, UsageError

_options: dict[str, Any] = {}


def _setup(read_options: dict[str, Any], by: str | None = None, weights: str | None = None) -> None:
    from thermend.io import ReadOptions

    console.quieten_libraries()
    _options["read"] = ReadOptions(**read_options)
    _options["opinion"] = None
    if by is not None:
        from thermend.restoration.second_opinion import SecondOpinion

        _options["opinion"] = SecondOpinion(by, weights)


def _work(item: Input) -> dict[str, Any]:
    from thermend import io
    from thermend.diagnosis import diagnose

    if item.problem:
        return {"file": str(item.path), "error": f"{item.path}: {item.problem}"}
    try:
        image = next(io.read_pages(item.path, _options["read"]))
        opinion = {} if _options["opinion"] is None else {"second_opinion": _options["opinion"].of(image)}
        return {"file": str(item.path), **diagnose(image).as_dict(), **opinion}
    except UsageError as error:
        return {"file": str(item.path), "error": f"{item.path}: {error}"}
    except ThermendError as error:
        return {"file": str(item.path), "error": str(error)}
    except Exception as error:  # a fault of ours; the other files are diagnosed all the same
        return {
            "file": str(item.path),
            "error": f"{item.path}: could not be diagnosed ({type(error).__name__}: {error})",
        }


def run(
    patterns: Sequence[str],
    read_options: dict[str, Any],
    as_json: bool,
    say: Callable[[str], None] = print,
    by: str | None = None,
    weights: str | None = None,
) -> int:
    """Carry out the command; returns its exit code.

    Parameters
    ----------
    by, weights : whose second opinion is asked for, and its weights
    """
    if weights is not None and by is None:
        raise UsageError("--weights goes with --by: whose opinion is asked for")
    inputs = collect(patterns)
    _setup(read_options, by, weights)
    rows: list[dict[str, Any]] = []
    failed = 0
    workers = 1 if len(inputs) <= 2 or by is not None else min(batch.cores(), len(inputs))
    running = batch.run(inputs, _work, _setup, (read_options, by, weights), workers, ready=True)
    with closing(running), console.progress(len(inputs), "diagnosing") as advance:
        for item, row in running:
            advance()
            if not isinstance(row, dict):
                row = {"error": f"{item.path}: ended the process that worked on it (out of memory?)"}
            if "error" in row:
                failed += 1
                console.complain(row["error"])
            else:
                rows.append(row)
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
    answers = (max(opinion[question].items(), key=lambda pair: pair[1]) for question in ("types", "levels"))
    return ", ".join(f"{name} ({100 * chance:.0f} %)" for name, chance in answers)


def _shared(row: dict[str, Any]) -> str:
    """What is said of noise that neighbouring pixels share."""
    sigma = row["correlated_noise_sigma"]
    return f" + {sigma:.1f} correlated" if sigma else ""


def _level(row: dict[str, Any], grey: str, kelvin: str) -> str:
    return f"{row[grey]:.1f}" + (f" ({row[kelvin]:.3f} K)" if row[kelvin] is not None else "")
