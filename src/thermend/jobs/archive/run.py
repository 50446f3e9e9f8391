"""An archive mended: what is missing is found, given to workers, and what became of it is recorded."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from thermend.errors import ThermendError, UsageError
from thermend.io import stores
from thermend.jobs.archive import cluster, manifest
from thermend.jobs.archive.arrow import pa
from thermend.jobs.archive.objects import objects
from thermend.jobs.archive.plan import Counts, Plan, Present, batches, options_of
from thermend.jobs.archive.staging import Staged
from thermend.machine import cores
from thermend.version import __version__


def check(patterns: Sequence[str], out: str) -> None:
    """Refuse what no cluster can do.

    Raises
    ------
    UsageError
        an address that only one process sees; results where the inputs are
    """
    for text in (*patterns, out):
        if text.startswith("memory://"):
            raise UsageError(f"{text}: memory is one process's own; workers do not see it")
    for pattern in patterns:
        if pattern.rstrip("/") == out.rstrip("/"):
            raise UsageError(f"-o {out} is the input itself; inputs are never replaced, name another folder")


def enhance(
    patterns: Sequence[str],
    staged: Staged,
    on: str,
    *,
    gpus: int | None = None,
    complain: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Counts:
    """Mend what is missing of an archive.

    Parameters
    ----------
    patterns : sequence of str
        inputs, as :func:`thermend.jobs.archive.objects.objects`
    staged : Staged
        ``recorded``
    on : str
        as :func:`thermend.jobs.archive.cluster.cluster`
    gpus : int or None
    complain : callable
        given a line for each input that failed
    progress : callable
        told how many inputs are done, and of how many

    Raises
    ------
    UsageError
        there is nothing to work on, or nothing to work with
    InputError
        a store cannot be asked, or a manifest cannot be read
    """
    out, job = staged.out, staged.job
    check(patterns, out)
    stores.check_bucket(out)
    here = job if gpus is None else replace(job, engine="auto", device="auto")  # this machine may have none
    restorer = here.restorer()  # wrong names, weights and engines are found before the first file
    restorer.check_contrast(job.contrast, job.mode)
    options = options_of(job, restorer.weights_sha256)
    counts = Counts()
    plan = Plan(manifest.Ledger(out), Present(out), options, job.overwrite, counts)
    missing = batches(plan.missing(objects(patterns, out)), gpus or cores())
    first = next(missing, None)
    if first is None:
        return counts
    stores.abort_uploads(out)  # what a killed run has left open
    writer = manifest.Writer(out)
    facts = cluster.Facts(restorer.info.full_name, __version__, restorer.weights_sha256, options, writer.run)
    with cluster.cluster(on) as ray:
        rows = cluster.on_ray(ray, staged, facts, itertools.chain([first], missing), gpus)
        with contextlib.closing(_recorded(rows, writer, complain)) as answers:  # type: ignore[type-var]
            for done, failed in answers:
                counts.written += done
                counts.failed += failed
                progress(counts.written + counts.failed, counts.found - counts.done - counts.kept)
    return counts


def _recorded(
    rows: Iterator[Any], writer: manifest.Writer, complain: Callable[[str], None]
) -> Iterator[tuple[int, int]]:
    """Add rows to the manifest as they come, and what is left of them when no more do, for whatever reason."""
    try:
        for some in rows:
            failed = 0
            now = pa.array([datetime.now(timezone.utc)] * len(some), manifest.SCHEMA.field("finished").type)
            some = some.set_column(some.column_names.index("finished"), "finished", now)  # one clock, of this machine
            for name, outcome, reason in zip(*(some[column].to_pylist() for column in ("input", "outcome", "reason"))):
                if outcome == manifest.FAILED:
                    failed += 1
                    complain(f"{name}: {reason}")
            writer.add(some)
            yield len(some) - failed, failed
    except BaseException:
        try:
            writer.flush()
        except ThermendError as error:
            complain(f"the manifest: {error}")
        raise
    writer.flush()
