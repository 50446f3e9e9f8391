"""Inputs and results in stores, and archives on a cluster: what `thermend enhance` does where an address is named."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from thermend.app.cli import console
from thermend.errors import ExistsError, InputError, UsageError
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES, stores
from thermend.jobs import executors
from thermend.jobs.archive.objects import Object, objects, place_of
from thermend.jobs.archive.staging import Staged, Task, fetched_with_side_files
from thermend.jobs.enhance import Enhance
from thermend.jobs.job import Outcome
from thermend.machine import cores

_NOT_THERE = {
    "recording": "--recording: the frames of a recording are one folder of a file system",
    "save_pattern": "--save-pattern writes to a file system, from one recording of it",
    "resume": "--resume: what was done of a recording is kept on file systems alone",
}


def are_named(patterns: Sequence[str], out: str) -> bool:
    """Whether one of them is in a store."""
    return any(stores.is_address(text) for text in (*patterns, out))


def job_of(patterns: Sequence[str], out: str, options: dict[str, Any], reading: Any) -> Staged:
    """The work on objects, as options ask for it.

    Raises
    ------
    UsageError
        an option does not go with addresses, or with these
    """
    for name, why in _NOT_THERE.items():
        if options.get(name):
            raise UsageError(why)
    options = {name: value for name, value in options.items() if name not in _NOT_THERE}
    for name in ("weights", "pattern", "prompts", "estimator", "prior", "features"):
        if options.get(name) and os.path.exists(options[name]):
            options[name] = os.path.abspath(options[name])  # workers are somewhere else
    out = place_of(out)
    single = Path(out).suffix.lower() in (*READABLE_SUFFIXES, *RECORDING_SUFFIXES) and not Path(out).is_dir()
    job = Enhance(Path(), single, reading, **options)
    job.check()
    if out in (places := [place_of(pattern) for pattern in patterns]):
        raise UsageError(f"-o {out} is the input itself; inputs are never replaced, name another folder")
    for place in places:
        if not single and place.rpartition("/")[0] == out and stores.found(place) is not None:
            raise UsageError(f"-o {out} is where {place} lies; inputs are never replaced, name another folder")
    return Staged(job, out, single)


def enhance(
    patterns: Sequence[str], staged: Staged, lines: Callable[[str, Outcome], list[str]]
) -> Iterator[tuple[Object, Outcome]]:
    """Mend what inputs name, here or in processes; each comes back with what became of it, its lines said.

    Raises
    ------
    UsageError
        nothing is there, or several inputs have one result
    """
    stores.check_bucket(staged.out)
    tasks = [Task(item) for item in objects(patterns, staged.out)]
    root = staged.out.rpartition("/")[0] if staged.single else staged.out
    staged = replace(
        staged, kept=frozenset(name for task in tasks for name in _names(task.item) if name.startswith(root))
    )
    if staged.single and len(tasks) != 1:
        raise UsageError(f"-o {staged.out} names one file for {len(tasks)} inputs; name a folder")
    restorer = staged.job.restorer()
    restorer.check_contrast(staged.job.contrast, staged.job.mode)
    in_memory = any(text.startswith("memory://") for text in (*patterns, staged.out))
    workers = 1 if restorer.fills_cores or len(tasks) <= 2 or in_memory else min(cores(), len(tasks))
    with console.progress(len(tasks), "mending") as seen:
        for task, outcome in executors.run(staged, tasks, workers, progress=seen):
            for line in lines(task.item.address, outcome):
                console.complain(line)
            yield task.item, outcome


def _names(item: Object) -> list[str]:
    """An input and what lies beside it: none of them is ever replaced."""
    folder = item.address.rpartition("/")[0]
    return [item.address, *(stores.joined(folder, name) for name in item.beside)]


def archive(
    patterns: Sequence[str],
    staged: Staged,
    on: str,
    gpus: int | None,
    say: Callable[[str], None],
    as_json: bool = False,
) -> int:
    """Mend what is missing of an archive, on Ray; returns the exit code.

    Raises
    ------
    UsageError
        as :func:`thermend.jobs.archive.run.enhance`
    """
    from thermend.jobs.archive import run

    if staged.single:
        raise UsageError(f"-o {staged.out}: an archive's results are a folder")
    if gpus is not None and staged.job.device == "auto":
        raise UsageError(
            "--gpus: say what computes there, as in --engine torch --device cuda; by itself a method takes cores"
        )
    where = [place_of(text) for text in patterns]
    with console.progress(2, "mending") as seen:
        counts = run.enhance(
            where, replace(staged, recorded=True), on, gpus=gpus, complain=console.complain, progress=seen
        )
    parts = [f"{counts.written} written"]
    parts += [f"{counts.done} done before"] if counts.done else []
    parts += [f"{counts.kept} kept, made with other options (--overwrite replaces them)"] if counts.kept else []
    parts += [f"{counts.failed} failed"] if counts.failed else []
    if as_json:
        say(json.dumps(asdict(counts), indent=1))
    else:
        say(f"{', '.join(parts)}; of {counts.found} to {staged.out}")
    return console.exit_code(counts.found - counts.failed, counts.failed)


def check_on(on: str | None, gpus: int | None) -> None:
    """Refuse an executor that there is not.

    Raises
    ------
    UsageError
        so it is
    """
    if on is not None and on != "ray" and not on.startswith("ray://"):
        raise UsageError(f"--on {on}: expected ray (a cluster on this machine) or ray://HOST:PORT")
    if gpus is not None and on is None:
        raise UsageError("--gpus goes with --on: how many of the cluster's are used")
    if gpus is not None and gpus < 1:
        raise UsageError(f"--gpus {gpus}: expected 1 or more")


class Copies:
    """What a command that knows files alone is given in place of addresses.

    Attributes
    ----------
    inputs : list of str
    out : str
    failed : int
        inputs that could not be fetched; a line was said of each
    """

    def __init__(self, inputs: Sequence[str], out: str) -> None:
        self.inputs, self.out, self.failed = list(inputs), out, 0
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """A command's answer; it is given when the results are where they belong."""
        self.said.append(executors.as_called(text))


@contextmanager
def copies(patterns: Sequence[str], out: str, *, overwrite: bool = False) -> Iterator[Copies]:
    """Files in place of addresses: inputs are fetched before, results are put after; for those that are there already, and are
    to be kept, the command finds files that are empty.

    Raises
    ------
    UsageError
        nothing is there
    InputError
        a store refuses, or a result would take the place of an input
    """
    patterns, out = [stores.localised(pattern) for pattern in patterns], stores.localised(out)
    local = Copies(patterns, out)
    if not are_named(patterns, out):
        yield local
        print("\n".join(local.said), end="\n" if local.said else "")
        return
    local.out = out = place_of(out)
    if out in [place_of(pattern) for pattern in patterns]:
        raise UsageError(f"-o {out} is the input itself; inputs are never replaced")
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        names: dict[str, str] = {}
        inputs: set[str] = set()
        places = [
            _copied(pattern, Path(folder) / f"in{n}", out, names, inputs, local) for n, pattern in enumerate(patterns)
        ]
        local.inputs = [place for place in places if place is not None]
        if not local.inputs:
            raise UsageError("none of the inputs could be fetched")
        results = Path(folder) / "out"
        kept: set[Path] = set()
        to = results
        if stores.is_address(out):
            stores.check_bucket(out)
            to = results / stores.name_of(out) if Path(out).suffix.lower() in READABLE_SUFFIXES else results
            names[str(to)], local.out = out, str(to)
            kept = set() if overwrite else _kept(results, to, out)
        with executors.called(names):
            yield local
        for path in sorted(p for p in results.rglob("*") if p.is_file() and p not in kept):
            address = out if path == to else stores.joined(out, path.relative_to(results).as_posix())
            if address in inputs:
                raise InputError(address, "is an input, and its result would replace it; choose another output")
            try:
                stores.put(path, address, replace=overwrite)
            except ExistsError:  # another process has been quicker
                console.complain(f"{address} exists already and is kept (--overwrite replaces it)")
    print("\n".join(local.said), end="\n" if local.said else "")


def _copied(pattern: str, folder: Path, out: str, names: dict[str, str], inputs: set[str], local: Copies) -> str | None:
    """Where the copy of an input lies, None where none could be made; what it is a copy of goes among the names."""
    place = place_of(pattern)
    if not stores.is_address(place):
        return pattern
    found = list(objects([place], out, recordings=False))
    top = folder / stores.name_of(place.partition("*")[0].rstrip("/"))
    fetched = []
    for item in found:
        inputs.add(item.address)
        try:
            if item.problem:
                raise InputError(item.address, item.problem)
            fetched.append(fetched_with_side_files(item, (top / item.place).parent))
        except InputError as error:
            local.failed += 1
            console.complain(str(error))
        names[str(top / item.place)] = item.address
    alone = len(found) == 1 and found[0].address == place
    return None if not fetched else str(fetched[0] if alone else top)


def _kept(results: Path, to: Path, out: str) -> set[Path]:
    there = [one.address for one in ([stores.found(out)] if to != results else stores.listed(out)) if one is not None]
    paths = {to if to != results else results / address[len(out) + 1 :] for address in there}
    paths = {path for path in paths if path.resolve().is_relative_to(results)}
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths
