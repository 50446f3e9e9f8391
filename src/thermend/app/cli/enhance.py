"""`thermend enhance`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from thermend.app.cli import addresses, console
from thermend.errors import UsageError
from thermend.jobs import executors
from thermend.jobs.archive.staging import Staged
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
    from thermend.io import ReadOptions, stores
    from thermend.jobs.enhance import Enhance, check_names
    from thermend.restoration.session.pattern import load as load_pattern

    on, gpus = options.pop("on", None), options.pop("gpus", None)
    addresses.check_on(on, gpus)
    executors.quieten_libraries()
    patterns, out = [stores.localised(pattern) for pattern in patterns], stores.localised(out)
    if on is not None or addresses.are_named(patterns, out):
        staged = addresses.job_of(patterns, out, options, ReadOptions(**reading))
        if on is not None:
            return addresses.archive(patterns, staged, on, gpus, say, as_json)
        return _of_addresses(patterns, staged, say, as_json)
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
                for line in _lines(str(item.path), outcome, job.trust_map):
                    console.complain(line)
    return _answered([(str(item.path), outcome) for item, outcome in answers], str(target), say, as_json)


def _of_addresses(patterns: Sequence[str], staged: Staged, say: Callable[[str], None], as_json: bool) -> int:
    """The same where inputs or results are in stores."""
    mapped = staged.job.trust_map
    running = addresses.enhance(patterns, staged, lambda name, outcome: _lines(name, outcome, mapped))
    with closing(running):  # type: ignore[type-var]
        answers = [(item.address, outcome) for item, outcome in running]
    return _answered(answers, staged.out, say, as_json)


def _answered(answers: list[tuple[str, Outcome]], target: str, say: Callable[[str], None], as_json: bool) -> int:
    """Say what became of all; the exit code."""
    if as_json:
        say(json.dumps([_row(name, outcome) for name, outcome in answers], indent=1))
    elif written := sum(outcome.written is not None for _, outcome in answers):
        say(f"{written} of {len(answers)} written to {target}")
    failed = sum(outcome.error is not None for _, outcome in answers)
    return console.exit_code(len(answers) - failed, failed)


def _lines(name: str, outcome: Outcome, mapped: bool) -> list[str]:
    """What is said of one file on standard error."""
    lines = [line for line in (outcome.error, outcome.skipped) if line]
    if outcome.left:
        lines.append(f"{name}: left behind: {', '.join(outcome.left)}")
    if outcome.unsupported:
        share = f"{name}: {outcome.suspect:.0%} of its result is not supported by what was measured"
        lines.append(share + ("" if mapped else " (--trust-map shows where)"))
    return lines


def _row(name: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "file": name,
        "result": outcome.written,
        "steps": list(outcome.steps),
        "error": outcome.error,
        "skipped": outcome.skipped,
        "suspect": outcome.suspect,
        "left": list(outcome.left),
        **({} if outcome.frames is None else {"frames": outcome.frames}),
    }
