"""Methods compared: each of them on each image under each condition, measured once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from thermend.datasets.samples import Sample
from thermend.errors import UsageError
from thermend.evaluation.measures import Measured, Preset, Shown, measure, require
from thermend.evaluation.records import UNDAMAGED, Case, Record
from thermend.evaluation.report import CLEAN, INPUT, png
from thermend.image import ThermalImage
from thermend.io.atomic import whole_file
from thermend.jobs.executors import threads
from thermend.jobs.job import Outcome, guarded
from thermend.restoration import Restorer, load
from thermend.version import __version__
from thermend.weights.checkpoints import sha256_of


class Asked(NamedTuple):
    """A method as it is asked for: NAME, or NAME=FILE with weights of its own."""

    name: str
    weights: str | None

    @classmethod
    def of(cls, text: str) -> Asked:
        """From what was typed."""
        name, _, weights = text.partition("=")
        return cls(name, weights or None)

    @property
    def text(self) -> str:
        """The same again, in tables."""
        return self.name if self.weights is None else f"{self.name}={self.weights}"


class Item(NamedTuple):
    """One measurement to make."""

    case: Case
    sample: Sample
    preset: str | None


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
    engine, device, precision
        as for :func:`thermend.load`
    seed : int
        of the presets
    scale : int
        the degraded images are so many times smaller
    fuse_weights : str or None
        of the fusion network, where fused images are measured too
    learned : tuple of str
        further measures
    shows : bool
        pictures come with the measurement
    folder : Path or None
        where the pictures of all go, as files
    """

    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    seed: int = 0
    scale: int = 1
    fuse_weights: str | None = None
    learned: tuple[str, ...] = ()
    shows: bool = False
    folder: Path | None = None

    def source(self, item: Item) -> str:
        """A measurement, as a line names it."""
        return f"{item.sample.clean}, {item.case.condition}, {item.case.method}"

    def restorer(self, asked: Asked) -> Restorer:
        """A method, ready to run in this process."""
        return load(
            asked.name, weights=asked.weights, engine=self.engine, device=self.device, precision=self.precision,
            threads=threads(),
        )  # fmt: skip

    def check(self, methods: Sequence[str], presets: Sequence[str]) -> dict[str, str]:
        """Find wrong names, weights, engines and measures before the first image.

        Returns
        -------
        dict
            by method what its numbers depend on, for :attr:`thermend.evaluation.records.Case.setting`

        Raises
        ------
        ThermendError
            one is wrong
        """
        for name in self.learned:
            require(name)
        for name in presets:
            if name != UNDAMAGED:
                from thermend import degradations

                degradations.preset(name)
        fusion = "" if self.fuse_weights is None else f"reco {sha256_of(Path(self.fuse_weights))}"
        if self.fuse_weights is not None:
            from thermend.evaluation.reco import load_reco

            load_reco(self.fuse_weights)
        found = {}
        for text in methods:
            restorer = self.restorer(Asked.of(text))
            of_weights = restorer.weights_sha256 or ""
            found[text] = "; ".join([__version__, of_weights, self.precision, ",".join(self.learned), fusion])
        return found

    def begin(self) -> Callable[[Item], Outcome]:
        """Load the fusion network, once a process; methods as they come."""
        fused = None
        if self.fuse_weights is not None:
            from thermend.evaluation.reco import fuse, load_reco

            network = load_reco(self.fuse_weights)
            fused = lambda infrared, visible: fuse(network, infrared, visible)  # noqa: E731
        if threads():
            self._one_thread()

        def work(item: Item) -> Outcome:
            if item.sample.problem is not None:
                raise UsageError(item.sample.problem)
            restorer = self.restorer(Asked.of(item.case.method))

            def restore(image: ThermalImage, scale: int) -> ThermalImage:
                return restorer.restored(image, scale=scale).image

            degrade = None if item.preset in (None, UNDAMAGED) else Preset(item.preset, self.seed)
            found = measure(item.sample, restore, degrade, self.scale, fused, self.learned)
            record = Record(item.case, found.metrics, found.input_metrics, found.seconds)
            return Outcome(self.source(item), found=Found(record, self._pictures(item.case, found)))

        return guarded(work, self.source, "measured")

    def _one_thread(self) -> None:
        try:
            import torch
        except ImportError:
            return
        torch.set_num_threads(1)

    def _pictures(self, case: Case, found: Measured) -> dict[str, bytes]:
        if found.shown is None or not (self.shows or self.folder):
            return {}
        made = versions(case, found.shown)
        if self.folder is None:
            return made
        for name, picture in made.items():
            path = picture_path(self.folder, case, name)
            if not path.exists() or name == case.method:
                with whole_file(path, overwrite=True) as temporary:
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
