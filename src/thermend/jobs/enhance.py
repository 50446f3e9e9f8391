"""Images mended, file by file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import numpy as np

from thermend import io
from thermend.errors import ExistsError, InputError, UsageError
from thermend.image import ThermalImage
from thermend.io import ReadOptions, palettes, side_files
from thermend.jobs.compare import side_by_side
from thermend.jobs.executors import threads
from thermend.jobs.job import Outcome, guarded
from thermend.jobs.observer import NOBODY, Observer
from thermend.jobs.recordings import DEPTHS, RecordingFile, is_recording
from thermend.jobs.sinks import check_inside, is_input, output_path
from thermend.jobs.sources import Input
from thermend.rendering import rendered
from thermend.restoration import Restorer, Verification, load, verify
from thermend.restoration.loading import info_of
from thermend.restoration.restorer import CONTRASTS, MODES, SCALES
from thermend.restoration.session.pattern import load as load_pattern

TRUST_LEVELS = 25
"""Grey levels of a trust map to one unit of noise: white is ten and more."""


@dataclass(frozen=True)
class Enhance:
    """What is asked for, for every file alike.

    Attributes
    ----------
    out : Path
        folder for the results, or the one result's file
    single : bool
        whether it is that
    reading : ReadOptions
        what is stated of the inputs
    method, weights, engine, device, precision, prompts, tile, estimator, prior, features
        as for :func:`thermend.load`
    mode, contrast, scale
        as for :meth:`thermend.Restorer.restore`
    palette : str or None
        of display results, and of a picture beside radiometric ones
    depth : int or None
        bits a pixel of the results; None keeps the input's
    compare, trust_map : bool
        whether those pictures are wanted
    overwrite : bool
        whether results that exist are made anew
    kept : frozenset of str
        inputs that lie where results go (:func:`thermend.jobs.sinks.inputs_within`)
    each_frame : bool
        whether the frames of a recording are mended one by one, without a session
    pattern, save_pattern : str or None
        files of a camera's fixed pattern: to take off, and to write
    look_ahead : int
        frames of a recording that the camera's pattern is learned from before the first is mended
    resume : bool
        whether recordings that were interrupted are gone on with
    threads : int or None
        cores that a network may take; 0, all; None, all, and in a worker process one
    """

    out: Path
    single: bool
    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (immutable)
    method: str = "auto"
    weights: str | None = None
    mode: str = "auto"
    contrast: str = "auto"
    scale: int = 1
    palette: str | None = None
    depth: int | None = None
    compare: bool = False
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    prompts: str | None = None
    estimator: str | None = None
    prior: str | None = None
    features: str | None = None
    tile: int | None = None
    trust_map: bool = False
    overwrite: bool = False
    kept: frozenset[str] = frozenset()
    each_frame: bool = False
    pattern: str | None = None
    save_pattern: str | None = None
    look_ahead: int = 0
    resume: bool = False
    threads: int | None = None

    @property
    def kinds(self) -> list[str]:
        """The pictures that may lie beside a result."""
        coloured = [] if self.palette is None else [self.palette]
        return coloured + ["compare"] * self.compare + ["trust"] * self.trust_map

    def source(self, item: Input) -> str:
        """An input, as a line names it."""
        return str(item.path)

    def restorer(self) -> Restorer:
        """The method, ready to run in this process."""
        return load(
            self.method,
            weights=self.weights,
            engine=self.engine,
            device=self.device,
            tile=self.tile,
            precision=self.precision,
            prompts=self.prompts,
            threads=threads() if self.threads is None else self.threads,
            estimator=self.estimator,
            prior=self.prior,
            features=self.features,
        )

    def check(self) -> None:
        """Refuse what makes no sense whatever the file, before anything is loaded.

        Raises
        ------
        UsageError
            a method, mode, contrast, scale or depth that there is not, or that the method does not have
        """
        info = info_of(self.method)
        if self.mode not in ("auto", *info.modes):
            if self.mode not in MODES:
                raise UsageError(f"mode {self.mode!r}: expected auto, radiometric or display")
            raise UsageError(f"{info.full_name} changes contrast and has no {self.mode} mode; use --mode display")
        if self.contrast not in CONTRASTS:
            raise UsageError(f"contrast {self.contrast!r}: expected one of {', '.join(CONTRASTS)}")
        if self.scale not in SCALES:
            raise UsageError(f"--scale {self.scale}: expected 1, 2 or 4")
        if self.depth not in (None, *DEPTHS):
            raise UsageError(f"--depth {self.depth}: expected 8, 16 or 32")
        if self.look_ahead and (self.each_frame or self.pattern is not None):
            with_it = "--each-frame has no session" if self.each_frame else "--pattern names a pattern already"
            raise UsageError(f"--look-ahead learns the pattern for a session; {with_it}")
        if self.palette is not None:
            palettes.table(self.palette)

    def without_pattern(self, image: ThermalImage) -> ThermalImage:
        """An image without the camera's fixed pattern, where that is known."""
        return image if self.pattern is None else load_pattern(self.pattern).taken_off(image)

    def begin(self, observer: Observer = NOBODY) -> Callable[[Input], Outcome]:
        """Load the method, once a process; the observer looks on."""
        restorer = self.restorer()

        def enhanced(item: Input) -> Outcome:
            if not item.problem and is_recording(item):
                return RecordingFile(self, item, restorer, observer).enhanced()
            return _File(self, item, restorer, observer).enhanced()

        return guarded(enhanced, self.source, "mended")


def check_names(inputs: Sequence[Input], job: Enhance) -> None:
    """Refuse inputs whose results would lie where the pictures beside another's result go.

    Raises
    ------
    UsageError
        so it is
    """
    names = {item.place.with_name(item.stem) for item in inputs}
    for item in inputs:
        for kind in job.kinds:
            if item.place.with_name(f"{item.stem}.{kind}") in names:
                raise UsageError(
                    f"{item.path}: its {kind} picture would meet another input's result; enhance them apart"
                )


class _File:
    """One file on its way."""

    def __init__(self, job: Enhance, item: Input, restorer: Restorer, observer: Observer) -> None:
        self.job, self.item, self.restorer, self.observer = job, item, restorer, observer
        self.first: ThermalImage | None = None  # of its results
        self.map: ThermalImage | None = None
        self.worst: Verification | None = None
        self.steps: tuple[str, ...] = ()

    def enhanced(self) -> Outcome:
        """Mend the file, unless its result exists."""
        job, item = self.job, self.item
        name = str(item.path)
        if item.problem:
            return Outcome(name, error=f"{item.path}: {item.problem}")
        pages = io.count_pages(item.path)
        images: Iterator[ThermalImage] = io.read_pages(item.path, job.reading)
        first = next(images)
        # What the result will be is known before it is made: a result that exists costs no work.
        mode = self.restorer.mode_for(first, job.mode)
        target, colour = self._target(first, mode, pages)
        if target.resolve() == item.path.resolve():
            raise InputError(item.path, "would be replaced by its own result; choose another output folder")
        wanted = {target: None, **self._companions(target, coloured=colour is not None)}
        check_inside(target, job.out, single=job.single)
        for place in wanted:
            if is_input(place, job.kept):
                raise InputError(item.path, f"its result would replace the input {place}; choose another output folder")
        missing = {t: kind for t, kind in wanted.items() if job.overwrite or not os.path.exists(t)}
        if not missing:
            return Outcome(name, skipped=f"{target} exists already and is kept (--overwrite replaces it)")
        results = self._results(first, images, mode)
        if target in missing:
            stored = None if job.depth is None else DEPTHS[job.depth]
            try:
                io.write(results, target, depth=stored, palette=colour, overwrite=job.overwrite, pages=pages)
            except ExistsError:  # another process has been quicker
                missing.pop(target)
        else:
            next(results)  # only its pictures are missing
        for companion, kind in missing.items():
            if kind is not None:
                picture, palette = self._picture(kind, first)
                with contextlib.suppress(ExistsError):
                    io.write(picture, companion, palette=palette, overwrite=job.overwrite)
        left = self._accompany(target)
        kept = f"{target} exists already and is kept; what was missing beside it is written"
        return Outcome(
            name,
            written=str(target) if target in missing else None,
            skipped=None if target in missing else kept,
            steps=self.steps,
            suspect=None if self.worst is None else self.worst.suspect,
            unsupported=self.worst is not None and not self.worst.supported,
            left=(*first.metadata.left, *left),
        )

    def _accompany(self, target: Path) -> list[str]:
        """What lies beside the input goes along with a result; the names of what does not."""
        found, left = side_files.beside(self.item.path, target, self.job.scale)
        folders = {os.path.realpath(os.path.dirname(path)) for path in self.job.kept}  # noqa: PTH120
        among_inputs = os.path.realpath(target.parent) in folders  # whose own side files are never replaced
        return left + side_files.write(found, overwrite=self.job.overwrite and not among_inputs)

    def _target(self, first: ThermalImage, mode: str, pages: int) -> tuple[Path, str | None]:
        """Where the result goes, and the palette that it is coloured with."""
        job = self.job
        unit = "display" if mode == "display" else first.unit
        depth = first.depth if unit == first.unit or first.depth == "uint16" else "uint8"
        target = output_path(self.item, job.out, unit, depth, single=job.single)
        colour = job.palette if unit == "display" and pages == 1 else None
        if colour is not None and target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            # A folder's result may become a PNG; a name that the user gave is kept, and the colours lie beside it.
            target, colour = (target, None) if job.single else (target.with_suffix(".png"), colour)
        if job.palette is not None and target.suffix.lower() in (".jpg", ".jpeg"):
            colour = job.palette  # whatever the unit: a JPEG holds nothing but a picture
        return target, colour

    def _results(self, first: ThermalImage, others: Iterator[ThermalImage], mode: str) -> Iterator[ThermalImage]:
        job, observer = self.job, self.observer
        asked: dict[str, Any] = {"mode": mode, "scale": job.scale, "contrast": job.contrast}
        image: ThermalImage | None = first
        while image is not None:
            given = job.without_pattern(image)
            result = self.restorer.restored(given, **asked, progress=observer.progress, cancel=observer.cancel)
            found = result.verification
            if found is None and job.trust_map:
                found = verify(image, result.image)
            if self.first is None:
                if observer.images is not None:
                    observer.images(0, image, replace_fields(result, verification=found))
                self.first, self.steps = result.image, tuple(step.method for step in result.steps)
                self.map = None if found is None else trust_map(found)
            if found is not None and (self.worst is None or found.suspect > self.worst.suspect):
                self.worst = found
            yield result.image
            image = next(others, None)

    def _companions(self, target: Path, *, coloured: bool) -> dict[Path, str]:
        """The pictures that lie beside a result, and their kind."""
        kinds = [kind for kind in self.job.kinds if not (coloured and kind == self.job.palette)]
        return {target.with_name(f"{target.stem}.{kind}.png"): kind for kind in kinds}

    def _picture(self, kind: str, before: ThermalImage) -> tuple[ThermalImage, str | None]:
        """A companion, and the palette to write it in."""
        after = self.first
        assert after is not None
        if kind == "trust":
            assert self.map is not None
            return self.map, None
        if kind != "compare":
            return _picture_of(after), kind
        palette = self.job.palette or "white-hot"
        beside = side_by_side(before, after, palette)
        return replace_fields(beside, metadata=_picture_of(after).metadata), palette


def trust_map(found: Verification) -> ThermalImage:
    """As a picture: a unit of noise is :data:`TRUST_LEVELS` grey levels (docs/trust.md)."""
    grey = np.rint(np.minimum(found.departure * TRUST_LEVELS, 255)).astype(np.float32)
    return ThermalImage(grey, "display", "uint8")


def _picture_of(image: ThermalImage) -> ThermalImage:
    """An image as grey levels, without the metadata that tells where its numbers came from."""
    metadata = replace_fields(image.metadata, geotiff={})
    return ThermalImage(rendered(image).astype(np.float32), "display", "uint8", metadata=metadata)
