"""`thermend enhance`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermend.app import batch, console
from thermend.app.inputs import Input, collect
from thermend.app.outputs import output_path, resolve_target
from thermend.errors import InputError, ThermendError, UsageError

if TYPE_CHECKING:
    from thermend.image import ThermalImage
    from thermend.restoration.trust import Trust


@dataclass(frozen=True)
class Job:
    """What is asked for, for every file alike; the fields are the command's options."""

    out: Path
    single: bool
    method: str = "auto"
    weights: str | None = None
    mode: str = "auto"
    contrast: str = "auto"
    scale: int = 1
    unit: str | None = None
    palette: str | None = None
    input_palette: str | None = None
    depth: int | None = None
    emissivity: float | None = None
    reflected_temperature: float | None = None
    distance: float | None = None
    compare: bool = False
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    prompts: str | None = None
    tile: int | None = None
    trust_map: bool = False
    overwrite: bool = False

    @property
    def kinds(self) -> list[str]:
        """The pictures that may lie beside a result."""
        coloured = [] if self.palette is None else [self.palette]
        return coloured + ["compare"] * self.compare + ["trust"] * self.trust_map


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its result, a reason for skipping it, or an error; and the share of the result that the input
    does not support, of the worst page, where that was looked for."""

    written: str | None = None
    skipped: str | None = None
    error: str | None = None
    steps: tuple[str, ...] = ()
    suspect: float | None = None


TRUST_LEVELS = 25
"""Grey levels of a trust map to one unit of noise: white is ten and more."""

_state: dict[str, Any] = {}


def _setup(job: Job) -> None:
    """Load the method once a process."""
    from thermend.io import ReadOptions
    from thermend.restoration import load

    console.quieten_libraries()
    _state["job"] = job
    _state["options"] = ReadOptions(
        job.unit,  # type: ignore[arg-type]
        job.input_palette,
        job.emissivity,
        job.reflected_temperature,
        job.distance,
    )
    _state["restorer"] = load(
        job.method, job.weights, job.engine, job.device, job.tile, job.precision, job.prompts, batch.threads()
    )


def _work(item: Input) -> Outcome:
    """Mend one file; every failure becomes a line."""
    if item.problem:
        return Outcome(error=f"{item.path}: {item.problem}")
    try:
        return _enhance_one(item, _state["job"], _state["restorer"], _state["options"])
    except UsageError as error:
        return Outcome(error=f"{item.path}: {error}")
    except ThermendError as error:
        return Outcome(error=str(error))
    except MemoryError:
        return Outcome(error=f"{item.path}: needs more memory than there is")
    except Exception as error:  # a fault of ours; the batch goes on all the same
        return Outcome(error=f"{item.path}: could not be mended ({type(error).__name__}: {error}); please report this")


def _enhance_one(item: Input, job: Job, restorer: Any, options: Any) -> Outcome:
    from thermend import io

    pages = io.count_pages(item.path)
    images: Iterator[ThermalImage] = io.read_pages(item.path, options)
    first = next(images)
    # What the result will be is known before it is made: a result that exists costs no work.
    mode = restorer.mode_for(first, job.mode)
    unit = "display" if mode == "display" else first.unit
    depth = first.depth if unit == first.unit or first.depth == "uint16" else "uint8"
    target = output_path(item, job.out, unit, depth, single=job.single)
    colour = job.palette if unit == "display" and pages == 1 else None
    if colour is not None and target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        # A folder's result may become a PNG; a name that the user gave is kept, and the colours lie beside it.
        target, colour = (target, None) if job.single else (target.with_suffix(".png"), colour)
    if job.palette is not None and target.suffix.lower() in (".jpg", ".jpeg"):
        colour = job.palette  # whatever the unit: a JPEG holds nothing but a picture
    if target.resolve() == item.path.resolve():
        raise InputError(item.path, "would be replaced by its own result; choose another output folder")
    wanted = {target: None, **_companions(target, job, coloured=colour is not None)}
    missing = {t: kind for t, kind in wanted.items() if job.overwrite or not os.path.exists(t)}
    if not missing:
        return Outcome(skipped=f"{target} exists already and is kept (--overwrite replaces it)")
    stored = None if job.depth is None else {8: "uint8", 16: "uint16", 32: "float32"}[job.depth]
    mended: list[ThermalImage] = []
    maps: list[ThermalImage] = []
    suspect: float | None = None

    def results() -> Iterator[ThermalImage]:
        nonlocal suspect
        image: ThermalImage | None = first
        while image is not None:
            result = restorer.restore(image, mode, job.scale, job.contrast)
            if job.trust_map or restorer.info.invents:
                judged = _judged(image, result)
                suspect = max(judged.suspect, suspect or 0.0)
                if not mended:
                    maps.append(_trust_map(judged))
            if not mended:
                mended.append(result)
            yield result
            image = next(images, None)

    if target in missing:
        io.write(
            results(),
            target,
            depth=stored,  # type: ignore[arg-type]
            palette=colour,
            overwrite=job.overwrite,
            pages=pages,
        )
    else:
        next(results())  # only its pictures are missing
    for companion, kind in missing.items():
        if kind is not None:
            picture, palette = _picture(kind, first, mended[0], job) if kind != "trust" else (maps[0], None)
            io.write(picture, companion, palette=palette, overwrite=job.overwrite)
    provenance = mended[0].metadata.provenance or {}
    steps = tuple(s["method"] for s in provenance.get("steps", ()))
    if target in missing:
        return Outcome(written=str(target), steps=steps, suspect=suspect)
    kept = f"{target} exists already and is kept; what was missing beside it is written"
    return Outcome(skipped=kept, steps=steps, suspect=suspect)


def _judged(before: ThermalImage, after: ThermalImage) -> Trust:
    """How far the result departs from what was measured."""
    from thermend.restoration.trust import trust

    return trust(before, after)


def _trust_map(judged: Trust) -> ThermalImage:
    """As a picture: a unit of noise is :data:`TRUST_LEVELS` grey levels (docs/trust.md)."""
    import numpy as np

    from thermend.image import ThermalImage

    grey = np.rint(np.minimum(judged.departure * TRUST_LEVELS, 255)).astype(np.float32)
    return ThermalImage(grey, "display", "uint8")


def _check_names(inputs: Sequence[Input], job: Job) -> None:
    """Refuse inputs whose results would lie where the pictures beside another's result go."""
    names = {item.place.with_name(item.stem) for item in inputs}
    for item in inputs:
        for kind in job.kinds:
            if item.place.with_name(f"{item.stem}.{kind}") in names:
                raise UsageError(
                    f"{item.path}: its {kind} picture would meet another input's result; enhance them apart"
                )


def _companions(target: Path, job: Job, *, coloured: bool) -> dict[Path, str]:
    """The pictures that lie beside a result, and their kind."""
    kinds = [kind for kind in job.kinds if not (coloured and kind == job.palette)]
    return {target.with_name(f"{target.stem}.{kind}.png"): kind for kind in kinds}


def _picture(kind: str, before: ThermalImage, after: ThermalImage, job: Job) -> tuple[ThermalImage, str]:
    """A companion, and the palette to write it in."""
    if kind != "compare":
        return _picture_of(after), kind
    from thermend.app.compare import side_by_side

    palette = job.palette or "white-hot"
    return replace_fields(side_by_side(before, after, palette), metadata=_picture_of(after).metadata), palette


def _picture_of(image: ThermalImage) -> ThermalImage:
    """An image as grey levels, without the metadata that tells where its numbers came from."""
    import numpy as np

    from thermend.image import ThermalImage
    from thermend.io.raster import rendered

    return ThermalImage(
        rendered(image).astype(np.float32), "display", "uint8", metadata=replace_fields(image.metadata, geotiff={})
    )


def run(
    patterns: Sequence[str],
    out: str,
    options: dict[str, Any],
    say: Callable[[str], None] = print,
    as_json: bool = False,
) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError : nothing could be started
    """
    from thermend.io import palettes
    from thermend.methods import find
    from thermend.restoration.restorer import check_contrast
    from thermend.restoration.trust import MOST_SUSPECT

    inputs = collect(patterns, skip=Path(out))
    target, single = resolve_target(out, inputs)
    job = Job(target, single, **options)
    _check_names(inputs, job)
    description = find(job.method)
    if job.mode not in ("auto", *description.modes):
        if job.mode not in ("radiometric", "display"):
            raise UsageError(f"mode {job.mode!r}: expected auto, radiometric or display")
        raise UsageError(f"{description.full_name} changes contrast and has no {job.mode} mode; use --mode display")
    check_contrast(description, job.contrast, job.mode)
    if job.scale not in (1, 2, 4):
        raise UsageError(f"--scale {job.scale}: expected 1, 2 or 4")
    if job.depth not in (None, 8, 16, 32):
        raise UsageError(f"--depth {job.depth}: expected 8, 16 or 32")
    if job.palette is not None:
        palettes.table(job.palette)
    _setup(job)  # wrong names, weights and engines are found before the first file
    workers = 1 if description.runs_network else min(batch.cores(), len(inputs))
    if len(inputs) <= 2:
        workers = 1  # starting a second process costs more than it saves
    done, failed, report = 0, 0, []
    running = batch.run(inputs, _work, _setup, (job,), workers, ready=True)
    with closing(running), console.progress(len(inputs), "mending") as advance:
        for item, outcome in running:
            if not isinstance(outcome, Outcome):
                outcome = Outcome(error=f"{item.path}: ended the process that worked on it (out of memory?)")
            advance()
            if outcome.error:
                failed += 1
                console.complain(outcome.error)
            else:
                done += 1
                if outcome.skipped:
                    console.complain(outcome.skipped)
                if outcome.suspect is not None and outcome.suspect > MOST_SUSPECT:
                    console.complain(
                        f"{item.path}: {outcome.suspect:.0%} of its result is not supported by what was measured"
                        + " (--trust-map shows where)" * (not job.trust_map)
                    )
            report.append(
                {"file": str(item.path), "result": outcome.written, "steps": list(outcome.steps), "error": outcome.error,
                 "skipped": outcome.skipped, "suspect": outcome.suspect}
            )  # fmt: skip
    if as_json:
        import json

        say(json.dumps(report, indent=1))
    else:
        written = [r for r in report if r["result"]]
        if written:
            say(f"{len(written)} of {len(inputs)} written to {target}")
    return console.exit_code(done, failed)
