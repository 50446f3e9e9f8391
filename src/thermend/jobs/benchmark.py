"""Methods compared, as a job: each of them on each image under each condition, measured once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from thermend.evaluation.comparison import Comparison, Item
from thermend.evaluation.measures import Measured, Shown
from thermend.evaluation.records import Case, Record
from thermend.evaluation.report import CLEAN, INPUT, png
from thermend.io.atomic import whole_file
from thermend.jobs.executors import threads
from thermend.jobs.job import Outcome, guarded


@dataclass(frozen=True)
class Found:
    """A measurement, and its pictures where they were asked for: PNG by version."""

    record: Record
    pictures: dict[str, bytes]


@dataclass(frozen=True)
class Benchmark:
    """What is asked for, for every measurement alike.

    Attributes
    ----------
    comparison : Comparison
    shows : bool
        pictures come with the measurement
    folder : Path or None
        where the pictures of all go, as files
    """

    comparison: Comparison
    shows: bool = False
    folder: Path | None = None

    def source(self, item: Item) -> str:
        """A measurement, as a line names it."""
        return f"{item.sample.clean}, {item.case.condition}, {item.case.method}"

    def begin(self) -> Callable[[Item], Outcome]:
        """Load the fusion network, once a process; methods as they come."""
        fused = self.comparison.fusion()

        def work(item: Item) -> Outcome:
            if item.sample.problem is not None:
                return Outcome(self.source(item), error=item.sample.problem)
            found = self.comparison.measured(item, fused, threads())
            record = Record(item.case, found.metrics, found.input_metrics, found.seconds)
            return Outcome(self.source(item), found=Found(record, self._pictures(item.case, found)))

        return guarded(work, self.source, "measured")

    def _pictures(self, case: Case, found: Measured) -> dict[str, bytes]:
        if found.shown is None or not (self.shows or self.folder):
            return {}
        made = versions(case, found.shown)
        if self.folder is None:
            return made
        for name, picture in made.items():
            with whole_file(picture_path(self.folder, case, name), overwrite=True) as temporary:
                temporary.write_bytes(picture)
        return {}


def versions(case: Case, shown: Shown) -> dict[str, bytes]:
    """The pictures of a measurement, PNG, by what they show."""
    return {CLEAN: png(shown.clean), INPUT: png(shown.given), case.method: png(shown.result)}


def picture_path(folder: Path, case: Case, version: str) -> Path:
    """Where a picture lies among those of all."""
    image = PurePosixPath(case.image)
    place = folder.joinpath(*(_plain(part) for part in (case.condition, case.images, *image.parts[:-1])))
    return place / f"{image.name}.{_plain(version)}.png"


def _plain(text: str) -> str:
    """A part of a path: what the name of a method or folder may hold and a file's may not, replaced."""
    made = "".join(c if c.isalnum() or c in "-+._" else "-" for c in text).strip(".-") or "-"
    return made if made == text else f"{made[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
