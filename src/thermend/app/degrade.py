"""`thermend degrade`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermend.app import batch, console
from thermend.app.inputs import Input, collect
from thermend.app.outputs import resolve_target
from thermend.errors import ThermendError, UsageError


@dataclass(frozen=True)
class Job:
    """What is asked for, for every file alike."""

    preset: str
    seed: int
    overwrite: bool


@dataclass(frozen=True)
class Task:
    """One file to write: an input under a preset (or as it is, None)."""

    item: Input
    target: Path
    preset: str | None


_state: dict[str, Job] = {}


def _setup(job: Job) -> None:
    import torch

    console.quieten_libraries()
    torch.set_num_threads(1)
    _state["job"] = job


def _work(task: Task) -> tuple[str, str]:
    """Write one file; returns what became of it (`written`, `kept` or `error`) and a line."""
    if task.item.problem:
        return "error", f"{task.item.path}: {task.item.problem}"
    try:
        return _degrade(task, _state["job"])
    except UsageError as error:
        return "error", f"{task.item.path}: {error}"
    except ThermendError as error:
        return "error", str(error)
    except Exception as error:  # a fault of ours; the other files are degraded all the same
        return "error", f"{task.item.path}: could not be degraded ({type(error).__name__}: {error}); please report this"


def _degrade(task: Task, job: Job) -> tuple[str, str]:
    import numpy as np

    from thermend import degradations, io
    from thermend.evaluation.images import grey
    from thermend.image import Metadata, ThermalImage
    from thermend.version import __version__

    if task.target.exists() and not job.overwrite:
        return "kept", f"{task.target} exists already and is kept (--overwrite replaces it)"
    pixels = grey(task.item.path)
    provenance: dict[str, Any] = {"software": "thermend", "version": __version__}
    if task.preset is not None:
        pixels = degradations.degrade(pixels, task.preset, job.seed, task.item.path.name)
        provenance |= {"preset": task.preset, "seed": job.seed}
    image = ThermalImage(pixels.astype(np.float32), "display", "uint8", metadata=Metadata(provenance=provenance))
    io.write(image, task.target, overwrite=job.overwrite)
    return "written", str(task.target)


def run(
    patterns: Sequence[str],
    out: str,
    preset: str | None,
    seed: int,
    layout: str | None,
    overwrite: bool,
    say: Callable[[str], None] = print,
) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError : nothing could be started
    """
    from thermend import degradations

    if layout not in (None, "hm-tir"):
        raise UsageError(f"--layout {layout}: expected hm-tir")
    if layout is None and preset is None:
        raise UsageError(f"--preset NAME is missing; known are {', '.join(degradations.PRESETS)}")
    if layout is not None and preset is not None:
        raise UsageError("--layout hm-tir takes its own presets; leave --preset out")
    if preset is not None:
        degradations.preset(preset)
    inputs = collect(patterns, skip=Path(out))
    job = Job(preset or "", seed, overwrite)
    if layout is not None:
        tasks = _tree(inputs, Path(out), seed)
    else:
        folder, single = resolve_target(out, inputs)
        if single and folder.suffix.lower() not in (".png", ".tif", ".tiff"):
            raise UsageError(f"-o {out}: degraded images keep their grey levels only as PNG or TIFF")
        tasks = [
            Task(item, folder if single else folder / item.place.with_name(item.stem + ".png"), preset)
            for item in inputs
        ]
    return _carry_out(tasks, job, out, say)


def _tree(inputs: Sequence[Input], out: Path, seed: int) -> list[Task]:
    """The files of HM-TIR's layout: all clean images, and for a fifth of them, the test images, every degraded version."""
    from thermend.evaluation.images import HM_TIR_CONDITIONS, split, unique_stems

    readable = [item for item in inputs if not item.problem]
    names = dict(zip(unique_stems([item.path for item in readable]), readable))
    if len(names) != len(readable):
        raise UsageError("two inputs have the same name; HM-TIR's layout has one folder for all")
    training, test = split(names, seed)
    tasks = [Task(item, out / "imgs" / f"{name}.png", None) for name, item in names.items()]
    for name in test:
        tasks.append(Task(names[name], out / "test" / f"{name}.png", None))
        tasks += [Task(names[name], out / place / f"{name}.png", p) for p, place in HM_TIR_CONDITIONS.items()]
    tasks += [Task(item, out, None) for item in inputs if item.problem]
    _check_targets(tasks)
    for kind, chosen in (("train", training), ("test", test)):
        _write_list(out / "meta" / f"{kind}.txt", chosen)
    return tasks


def _check_targets(tasks: Sequence[Task]) -> None:
    """Refuse to write where the inputs lie."""
    inputs = {task.item.path.resolve(): task.item.path for task in tasks}
    for task in tasks:
        if task.target.resolve() in inputs:
            raise UsageError(f"{inputs[task.target.resolve()]} would be replaced; choose another output folder")


def _write_list(path: Path, names: Iterable[str]) -> None:
    from thermend.io.atomic import whole_file

    text = "".join(f"{name}.png\n" for name in names)
    if path.exists():
        if path.read_bytes() != text.encode("utf-8", "surrogateescape"):
            raise UsageError(f"{path} lists other images already; name another folder")
        return
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))


def _carry_out(tasks: Sequence[Task], job: Job, out: str, say: Callable[[str], None]) -> int:
    workers = min(batch.cores(), len(tasks)) if len(tasks) > 8 else 1
    written, kept, failed = 0, 0, 0
    running = batch.run(tasks, _work, _setup, (job,), workers)
    with closing(running), console.progress(len(tasks), "degrading") as advance:
        for task, outcome in running:
            if not isinstance(outcome, tuple):
                outcome = ("error", f"{task.item.path}: ended the process that worked on it (out of memory?)")
            advance()
            kind, line = outcome
            written, kept, failed = written + (kind == "written"), kept + (kind == "kept"), failed + (kind == "error")
            if kind != "written":
                console.complain(line)
    if written:
        say(f"{written} of {len(tasks)} written to {out}")
    return console.exit_code(written + kept, failed)
