"""`thermend evaluate`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermend.app.cli import console
from thermend.app.cli.options import check_options
from thermend.errors import InputError, UsageError
from thermend.jobs import executors
from thermend.jobs.job import Outcome
from thermend.machine import cores

if TYPE_CHECKING:
    from thermend.jobs.evaluate import Evaluate


def run(
    job: Evaluate,
    clean: str | None,
    degraded: str | None,
    dataset: tuple[str, str] | None,
    fuse: str | None,
    visible: str | None,
    json_file: str | None,
    say: Callable[[str], None] = print,
) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError
        nothing could be started
    """
    from thermend.datasets import LAYOUTS
    from thermend.datasets.samples import Sample, samples
    from thermend.restoration.loading import info_of

    executors.quieten_libraries()
    _check(job, clean, degraded, dataset, fuse, visible)
    info_of(job.method)
    conditions: dict[str, list[Sample]]
    if dataset is not None:
        conditions = LAYOUTS[dataset[0]](Path(dataset[1]))
    else:
        places = (Path(p) if p is not None else None for p in (degraded, visible))
        conditions = {"": samples(Path(clean or ""), *places)}
    if json_file is not None:
        _check_json(Path(json_file))
    work = job.begin()  # wrong names, weights and engines are found before the first image
    reports, failed = {}, 0
    for name, chosen in conditions.items():
        facts = _facts(job, degraded if dataset is None else None, name or None)
        reports[name], failures = _measure(job, work, chosen, facts, name or job.preset or "evaluating")
        failed += failures
    report = reports[""] if dataset is None else _of_dataset(dataset, reports)
    measured = sum(r["images"] for r in reports.values())
    if measured:
        _tables(job, reports)
    if json_file is not None:
        _write_json(Path(json_file), report)
    return console.exit_code(measured, failed)


def _check(
    job: Evaluate,
    clean: str | None,
    degraded: str | None,
    dataset: tuple[str, str] | None,
    fuse: str | None,
    visible: str | None,
) -> None:
    if dataset is not None:
        from thermend.datasets import LAYOUTS

        if dataset[0] not in LAYOUTS:
            raise UsageError(f"--dataset {dataset[0]}: expected {' or '.join(LAYOUTS)}")
        if clean or degraded or visible:
            raise UsageError("--dataset brings its own images; leave --clean, --degraded and --visible out")
        if (dataset[0] == "sober-drunk") != (job.preset is not None):
            needs = "needs --preset NAME" if job.preset is None else "is degraded already; leave --preset out"
            raise UsageError(f"--dataset {dataset[0]} {needs}")
    elif clean is None:
        raise UsageError("--clean DIR is missing (or --dataset NAME DIR)")
    elif (degraded is None) == (job.preset is None):
        raise UsageError("one of --degraded DIR and --preset NAME says what the method gets")
    check_options(job.scale, fuse, job.fuse_weights, visible)


def _facts(job: Evaluate, degraded: str | None, condition: str | None) -> dict[str, Any]:
    source: dict[str, Any] = {"preset": job.preset} if job.preset is not None else {"degraded": degraded or condition}
    restorer = job.restorer()
    network = restorer.opened_network()
    engine, device = (None, "cpu") if network is None else (network.engine.name, network.engine.device)
    return {
        "method": restorer.info.full_name,
        **source,
        "seed": job.seed if job.preset is not None else None,
        "scale": job.scale,
        "engine": engine,
        "device": device,
    }


def _measure(
    job: Evaluate,
    work: Callable[[Any], Outcome],
    samples: Sequence[Any],
    facts: dict[str, Any],
    title: str,
) -> tuple[dict[str, Any], int]:
    from thermend.evaluation.measures import summary

    together = job.restorer().fills_cores or len(samples) <= 2
    workers = 1 if together else min(cores(), len(samples))
    measured: list[Any] = []
    failed = 0
    with (
        console.progress(len(samples), title) as seen,
        closing(executors.run(job, samples, workers, progress=seen, work=work)) as running,
    ):
        for _, outcome in running:
            if outcome.error is None:
                measured.append(outcome.found)
                continue
            failed += 1
            console.complain(outcome.error)
    return summary(measured, **facts), failed


def _of_dataset(dataset: tuple[str, str], reports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One report over all conditions: the paper's table."""
    first = next(iter(reports.values()))
    facts = {key: first[key] for key in ("method", "seed", "scale", "engine", "device")}
    return {**facts, "dataset": dataset[0], "degraded": dataset[1], "conditions": reports}


def _check_json(path: Path) -> None:
    """Find out before the work whether its report could be written."""
    if path.is_dir():
        raise InputError(path, "is a folder; name a file for the JSON")
    parent = next(p for p in path.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(path, "cannot be written")


def _write_json(path: Path, report: dict[str, Any]) -> None:
    """Replaced as a whole: a report is a program's file, and made anew by every run."""
    from thermend.io.atomic import whole_file

    with whole_file(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n")


def _tables(job: Evaluate, reports: dict[str, dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    if len(reports) > 1:
        _table_of_conditions(reports)
        return
    for condition, report in reports.items():
        if not report["images"]:
            continue
        what = condition or report.get("preset") or report.get("degraded")
        table = Table(
            box=box.SIMPLE_HEAD,
            title=f"{report['method']} on {what}",
            caption=f"{report['images']} images, {report['seconds_per_image']:.3f} s an image",
        )
        for column in ("measure", "input", "result"):
            table.add_column(column, justify="left" if column == "measure" else "right")
        for name, value in report["metrics"].items():
            table.add_row(name, *(_number(v) for v in (report["input_metrics"][name], value)))
        console.show(table)


def _table_of_conditions(reports: dict[str, dict[str, Any]]) -> None:
    """The paper's table: a row for each of a data set's conditions."""
    from rich import box
    from rich.table import Table

    first = next(iter(reports.values()))
    table = Table(box=box.SIMPLE_HEAD, title=first["method"])
    table.add_column("condition")
    for column in ("images", "PSNR in", "out", "SSIM in", "out", "s an image"):
        table.add_column(column, justify="right")
    for condition, report in reports.items():
        before, after = report["input_metrics"], report["metrics"]
        values = (before.get("psnr"), after.get("psnr"), before.get("ssim"), after.get("ssim"))
        seconds = report["seconds_per_image"]
        table.add_row(condition, str(report["images"]), *(_number(v) for v in values), _number(seconds))
    console.show(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
