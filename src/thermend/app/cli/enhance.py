"""`thermend enhance`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from thermend.app.cli import console
from thermend.errors import UsageError
from thermend.jobs import executors
from thermend.jobs.job import Outcome
from thermend.jobs.observer import Observer
from thermend.jobs.sinks import inputs_within, resolve_target
from thermend.jobs.sources import Input, collect
from thermend.machine import cores


def run(
    patterns: Sequence[str],
    out: str,
    reading: dict[str, Any],
    options: dict[str, Any],
    say: Callable[[str], None] = print,
    as_json: bool = False,
) -> int:
    """Carry out the command; returns its exit code.

    Parameters
    ----------
    patterns : sequence of str
        inputs
    out : str
    reading : dict
        of :class:`thermend.io.ReadOptions`
    options : dict
        of :class:`thermend.jobs.enhance.Enhance`

    Raises
    ------
    UsageError
        nothing could be started
    """
    from thermend.io import ReadOptions
    from thermend.jobs.enhance import Enhance, check_names
    from thermend.restoration.session.pattern import load as load_pattern

    executors.quieten_libraries()
    whole = bool(options.pop("recording", False))
    inputs = collect(patterns, skip=Path(out), recordings=True, folders_whole=whole)
    target, single = resolve_target(out, inputs)
    kept = inputs_within(inputs, target, single=single)
    job = Enhance(target, single, ReadOptions(**reading), kept=kept, **options)
    check_names(inputs, job)
    job.check()
    if job.save_pattern is not None:
        if len(inputs) != 1 or job.each_frame:
            raise UsageError("--save-pattern learns from one recording, by a session; name one input")
        if Path(job.save_pattern).exists() and not job.overwrite:
            raise UsageError(f"--save-pattern {job.save_pattern}: exists already (--overwrite replaces it)")
    if job.pattern is not None:
        load_pattern(job.pattern)
    restorer = job.restorer()  # wrong names, weights and engines are found before the first file
    restorer.check_contrast(job.contrast, job.mode)
    alone = restorer.fills_cores or len(inputs) <= 2  # a second process costs more than it saves
    workers = 1 if alone else min(cores(), len(inputs))
    answers: list[tuple[Input, Outcome]] = []
    with console.progress(len(inputs), "mending") as seen, console.frames() as of_frames:
        here = job.begin(Observer(frames=of_frames)) if workers == 1 else None
        running = executors.run(job, inputs, workers, progress=seen, work=here)
        with closing(running):
            for item, outcome in running:
                answers.append((item, outcome))
                for line in _lines(item, outcome, job.trust_map):
                    console.complain(line)
    if as_json:
        say(json.dumps([_row(item, outcome) for item, outcome in answers], indent=1))
    elif written := sum(outcome.written is not None for _, outcome in answers):
        say(f"{written} of {len(inputs)} written to {target}")
    failed = sum(outcome.error is not None for _, outcome in answers)
    return console.exit_code(len(answers) - failed, failed)


def _lines(item: Input, outcome: Outcome, mapped: bool) -> list[str]:
    """What is said of one file on standard error."""
    lines = [line for line in (outcome.error, outcome.skipped) if line]
    if outcome.left:
        lines.append(f"{item.path}: left behind: {', '.join(outcome.left)}")
    if outcome.unsupported:
        share = f"{item.path}: {outcome.suspect:.0%} of its result is not supported by what was measured"
        lines.append(share + ("" if mapped else " (--trust-map shows where)"))
    return lines


def _row(item: Input, outcome: Outcome) -> dict[str, Any]:
    return {
        "file": str(item.path),
        "result": outcome.written,
        "steps": list(outcome.steps),
        "error": outcome.error,
        "skipped": outcome.skipped,
        "suspect": outcome.suspect,
        "left": list(outcome.left),
        **({} if outcome.frames is None else {"frames": outcome.frames}),
    }
