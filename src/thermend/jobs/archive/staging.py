"""One object: fetched, worked on by the job that files are worked on by, and its results put where they belong."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thermend.errors import ExistsError, InputError, ThermendError, renamed
from thermend.estimation import Diagnosis, diagnose
from thermend.image import ThermalImage
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES, side_files, stores
from thermend.jobs.archive.objects import Object
from thermend.jobs.enhance import Enhance
from thermend.jobs.job import Outcome, guarded
from thermend.jobs.observer import Observer
from thermend.jobs.sources import Input
from thermend.restoration.result import Result
from thermend.weights.checkpoints import sha256_of

NOT_OURS = "exists already and is not as the manifest knows it; it is never replaced"


@dataclass(frozen=True)
class Kept:
    """A result as it lies there.

    Attributes
    ----------
    address : str
    sha256 : str
    etag : str
        as :class:`thermend.io.stores.Found`
    """

    address: str
    sha256: str
    etag: str


@dataclass(frozen=True)
class Made:
    """What is known of an object when its work is over.

    Attributes
    ----------
    sha256 : str
        of the input
    outputs : tuple of Kept
        the result, and the pictures and side files that lie beside it
    diagnosis : Diagnosis or None
        of its first image
    seconds : float
        from fetching to the last result
    """

    sha256: str = ""
    outputs: tuple[Kept, ...] = ()
    diagnosis: Diagnosis | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Task:
    """An object, and what of its results may be replaced.

    Attributes
    ----------
    item : Object
    ours : tuple of Kept
        results that a manifest knows
    """

    item: Object
    ours: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class Staged:
    """Work on objects; a job as those on files are.

    Attributes
    ----------
    job : Enhance
        whose ``out`` is not used
    out : str
        address (or path) of the folder of the results, or of the one result
    single : bool
        whether it is that
    recorded : bool
        whether a manifest says which results may be replaced; without one, results that are there are kept, unless
        ``job.overwrite``
    kept : frozenset of str
        inputs that lie where results go
    scratch : str or None
        folder for temporary files
    """

    job: Enhance
    out: str
    single: bool = False
    recorded: bool = False
    kept: frozenset[str] = frozenset()
    scratch: str | None = None

    def source(self, task: Task) -> str:
        """An object, as a line names it."""
        return task.item.address

    def begin(self, seen: Callable[[], None] | None = None) -> Callable[[Task], Outcome]:
        """Load the method, once a process; `seen` is called while an object is worked on, many times."""
        self.job.restorer()

        def work(task: Task) -> Outcome:
            return _Stage(self, task, seen or (lambda: None)).worked()

        return guarded(work, self.source, "mended")


@dataclass(frozen=True)
class Fetched:
    """Work on objects of which nothing is stored: a job on files, each fetched for it.

    Attributes
    ----------
    job : Job
        whose inputs are :class:`thermend.jobs.sources.Input`
    """

    job: Any

    def source(self, task: Task) -> str:
        """An object, as a line names it."""
        return task.item.address

    def begin(self) -> Callable[[Task], Outcome]:
        """Begin the job, once a process."""
        inner = self.job.begin()

        def work(task: Task) -> Outcome:
            item = task.item
            if item.problem:
                return Outcome(item.address, error=f"{item.address}: {item.problem}")
            with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
                file = fetched_with_side_files(item, Path(folder))
                with said_of({str(file): item.address}):
                    outcome: Outcome = inner(Input(file, Path(item.place), item.stem))
                error = None if outcome.error is None else renamed(outcome.error, {str(file): item.address})
                return replace(outcome, source=item.address, error=error)

        return guarded(work, self.source, "read")


def fetched_with_side_files(item: Object, folder: Path) -> Path:
    """An object as a file, with what lies beside it; a file is where it is.

    Raises
    ------
    InputError
        it cannot be read, or was changed meanwhile
    """
    file = stores.fetched(item.address, folder / stores.name_of(item.address))
    if stores.is_address(item.address):
        if item.size and file.stat().st_size != item.size:
            raise InputError(item.address, "was changed while it was read")
        read, named = side_files.belonging(file.name, side_files.by_lower_case(item.beside))
        for name in read:
            stores.fetched(stores.joined(item.address.rpartition("/")[0], name), folder / name)
        for name in named:
            (folder / name).touch()
    return file


@contextmanager
def said_of(names: Mapping[str, str]) -> Iterator[None]:
    """Give warnings of the block when it has ended, in the words of the addresses; none of a block that was interrupted, since
    what it left behind goes with the temporary files.

    Parameters
    ----------
    names : mapping
        what temporary paths stand for
    """
    with warnings.catch_warnings(record=True) as found:
        yield
    for warning in found:
        warnings.warn(renamed(str(warning.message), names), warning.category, stacklevel=3)


class _Stage:
    """One object on its way."""

    def __init__(self, staged: Staged, task: Task, seen: Callable[[], None]) -> None:
        self.staged, self.task, self.item = staged, task, task.item
        self.diagnosis: Diagnosis | None = None
        self.seen = seen

    def worked(self) -> Outcome:
        name = self.item.address
        if self.item.problem:
            return Outcome(name, error=f"{name}: {self.item.problem}")
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="thermend-", dir=self.staged.scratch) as folder:
            place, results = Path(folder) / "in", Path(folder) / "out"
            file = fetched_with_side_files(self.item, place)
            self.seen()
            kept = self._placeholders(results)
            single = results / stores.name_of(self.staged.out) if self.staged.single else None
            job = replace(
                self.staged.job, out=single or results, single=single is not None, overwrite=False, kept=frozenset()
            )
            observer = Observer(images=self._look, progress=lambda *_: self.seen(), frames=lambda *_: self.seen())
            with said_of(self._names(file, results)):
                outcome = job.begin(observer)(Input(file, Path(self.item.place), self.item.stem))
            outcome = self._renamed(outcome, file, results)
            outputs: tuple[Kept, ...] = ()
            if outcome.error is None:
                try:
                    outputs = self._put(results, kept)
                except ThermendError as error:
                    outcome = replace(outcome, error=f"{name}: its result {error}", written=None)
            known = Made(sha256_of(file), outputs, self.diagnosis, round(time.monotonic() - begun, 3))
            return replace(outcome, found=known)

    def _placeholders(self, results: Path) -> frozenset[Path]:
        """Empty files for the results that are there and are to be kept: the job then does not make them."""
        results.mkdir(parents=True)
        if self.staged.recorded or self.staged.job.overwrite:
            return frozenset()
        if self.staged.single:
            folder, prefix = results, self.staged.out.rpartition(".")[0] + "."
        else:
            folder = (results / self.item.place).parent
            prefix = stores.joined(self.staged.out, self.item.place).rpartition("/")[0] + f"/{self.item.stem}."
        names = [stores.name_of(one.address) for one in stores.starting_with(prefix)]
        folder.mkdir(parents=True, exist_ok=True)
        kept = frozenset(folder / name for name in names)
        for path in kept:
            path.touch()
        return kept

    def _look(self, number: int, before: ThermalImage, result: Result) -> None:
        self.seen()
        if self.diagnosis is None and self.staged.recorded and not before.is_empty:
            self.diagnosis = result.diagnosis or diagnose(before)

    def _names(self, file: Path, results: Path) -> dict[str, str]:
        """What temporary paths stand for."""
        out = self.staged.out
        return {str(results): out.rpartition("/")[0] if self.staged.single else out, str(file): self.item.address}

    def _renamed(self, outcome: Outcome, file: Path, results: Path) -> Outcome:
        """An outcome in the words of the addresses."""
        item, names = self.item, self._names(file, results)

        def said(text: str | None) -> str | None:
            return None if text is None else renamed(text, names)

        written = None if outcome.written is None else said(outcome.written)
        return replace(
            outcome, source=item.address, written=written, skipped=said(outcome.skipped), error=said(outcome.error),
            left=tuple(said(text) or "" for text in outcome.left),
        )  # fmt: skip

    def _put(self, results: Path, kept: frozenset[Path]) -> tuple[Kept, ...]:
        """Store all that was made, once it is clear that all of it may be; the result itself last."""
        files = sorted(path for path in results.rglob("*") if path.is_file() and path not in kept)
        main = [path for path in files if self._is_main(path)]
        targets = []
        for path in [p for p in files if p not in main] + main:
            relative = path.relative_to(results).as_posix()
            address = self.staged.out if self.staged.single and path in main else self._address(relative)
            if address in self.staged.kept or address == self.item.address:
                raise InputError(address, "would replace that input; choose another output folder")
            targets.append((path, address, sha256_of(path)))
        if self.staged.recorded:
            decided = [self._decided(address, digest) for _, address, digest in targets]
        else:
            decided = [None] * len(targets)
        put: list[Kept] = []
        for (path, address, digest), there in zip(targets, decided):
            put.append(
                there if isinstance(there, Kept) else self._put_one(path, address, digest, replace=there is not None)
            )
            self.seen()
        return tuple(reversed(put))

    def _decided(self, address: str, digest: str) -> Kept | str | None:
        """What of a place: it holds the result already; something that makes room (a word); or nothing.

        Raises
        ------
        InputError
            it holds what is not ours
        """
        there = stores.found(address)
        if there is None:
            return None
        now = _sha256_there(address)
        if now == digest:
            return Kept(address, digest, there.etag)
        if not any(one.address == address and (one.etag == there.etag or one.sha256 == now) for one in self.task.ours):
            raise InputError(address, NOT_OURS)
        return "ours"

    def _put_one(self, path: Path, address: str, digest: str, replace: bool) -> Kept:
        try:
            there = stores.put(
                path, address, replace=replace or (self.staged.job.overwrite and not self.staged.recorded)
            )
        except ExistsError:  # by a request that was done, though its answer was an error; or by another program
            found = stores.found(address)
            if found is None or _sha256_there(address) != digest:
                raise
            there = found
        return Kept(address, digest, there.etag)

    def _address(self, relative: str) -> str:
        out = self.staged.out
        return stores.joined(out.rpartition("/")[0] if self.staged.single else out, relative)

    def _is_main(self, path: Path) -> bool:
        if self.staged.single:
            return path.name == stores.name_of(self.staged.out)
        return path.stem == self.item.stem and path.suffix.lower() in (*READABLE_SUFFIXES, *RECORDING_SUFFIXES)


def _sha256_there(address: str) -> str:
    with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
        return sha256_of(stores.fetched(address, Path(folder) / "there"))
