"""`thermend archive`: what was done of an archive."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from thermend.app.cli import console
from thermend.app.cli.options import JsonOption
from thermend.errors import InputError
from thermend.jobs import interruption

app = typer.Typer(help="Tell what was done of an archive, by the manifest in its results.", no_args_is_help=True)
Results = Annotated[str, typer.Argument(metavar="DST", help="Folder of the results, or its address.")]


@app.command()
def status(results: Results, as_json: JsonOption = False) -> None:
    """How many inputs are done, failed, and by which runs."""
    from thermend.jobs.archive.summary import summary_of

    interruption.heed()
    said = summary_of(results).as_dict()
    if as_json:
        print(json.dumps(said, indent=1))
    else:
        _show(said, print)


def _show(said: dict[str, Any], say: Callable[[str], None]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    outcomes = ", ".join(f"{number:,} {name}" for name, number in sorted(said["outcomes"].items()))
    say(f"{said['inputs']:,} inputs: {outcomes}; {said['core_hours']:.2f} core-hours")
    for made in said["made_by"]:
        say(f"{made['inputs']:,} by {made['method']} {made['weights']} (thermend {made['version']})".replace("  ", " "))
    for reason, number in list(said["reasons"].items())[:10]:
        say(f"{number:,} failed: {reason}")
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("run", "first done (UTC)", "last done", "inputs", "failed", "a minute", "core-hours"):
        table.add_column(title, justify="left" if title in ("run", "first done (UTC)", "last done") else "right")
    for run in said["runs"]:
        rate = "" if run["per_minute"] is None else f"{run['per_minute']:.1f}"
        times = (Text(run[name][:19].replace("T", " ")) for name in ("first", "last"))
        table.add_row(run["run"], *times, f"{run['inputs']:,}", f"{run['failed']:,}", rate, f"{run['core_hours']:.3f}")
    console.show(table)


@app.command()
def failures(results: Results, as_json: JsonOption = False) -> None:
    """Inputs that failed, a line each, and why."""
    from thermend.jobs.archive.summary import summary_of
    from thermend.jobs.executors import printable

    interruption.heed()
    found = summary_of(results).failures
    if as_json:
        print(json.dumps([{"input": name, "reason": reason} for name, reason in found], indent=1))
        return
    for name, reason in found:
        print(printable(f"{name}: {reason}"))


@app.command()
def report(
    results: Results,
    out: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-o", "--out", metavar="FILE.html", help="Instead of thermend-report.html in DST."),
    ] = None,
) -> None:
    """Write a page: counts, reasons, what was wrong with the images, the worst of them, speed and cost."""
    from thermend.io import stores
    from thermend.jobs.archive.report import MARK, as_html
    from thermend.jobs.archive.summary import summary_of

    interruption.heed()
    text = as_html(summary_of(results), results)
    target = stores.checked(out) if out is not None else stores.joined(stores.checked(results), "thermend-report.html")
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        if stores.found(target) is not None:
            there = stores.fetched(target, Path(folder) / "there.html").read_text(encoding="utf-8", errors="replace")
            if MARK not in there[:1000]:
                raise InputError(target, "exists already and is no report of ours; it is never replaced")
        page = Path(folder) / "report.html"
        page.write_text(text, encoding="utf-8")
        stores.put(page, target, replace=True)
    print(f"written to {target}")
