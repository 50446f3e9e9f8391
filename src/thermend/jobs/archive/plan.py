"""What of an archive is missing: by what the manifest says, and by what lies there."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from thermend.io import stores
from thermend.io.stores import digest
from thermend.jobs.archive.manifest import DONE, Ledger
from thermend.jobs.archive.objects import MANIFEST, Object
from thermend.jobs.archive.staging import Task
from thermend.jobs.enhance import Enhance
from thermend.weights.checkpoints import sha256_of

BATCH_FILES, BATCH_BYTES = 32, 64_000_000
"""Of what a worker is given at once: so much is made again where it is lost."""
_NOT_OPTIONS = ("out", "single", "overwrite", "kept", "resume", "save_pattern", "threads")
_FILES = ("weights", "prompts", "pattern", "estimator")


def options_of(job: Enhance, weights: str | None) -> str:
    """A hash of all that decides on a result, the input aside; files by their content.

    Parameters
    ----------
    job : Enhance
    weights : str or None
        the hash of the method's weights
    """
    # What is as usual says nothing: an option that comes later then changes no hash.
    usual = asdict(Enhance(job.out, job.single))
    said = {
        name: str(value) for name, value in asdict(job).items() if name not in _NOT_OPTIONS and value != usual[name]
    }
    said["method"] = job.method
    for name in _FILES:
        path = getattr(job, name)
        if path is not None and Path(path).is_file():
            said[name] = sha256_of(Path(path))
    return hashlib.sha256(json.dumps([said, weights], sort_keys=True).encode()).hexdigest()[:16]


class Present:
    """The results that lie in a folder, as eight bytes each.

    Parameters
    ----------
    out : str
        folder of the results
    """

    def __init__(self, out: str) -> None:
        manifest = stores.joined(out, MANIFEST) + "/"
        self._there = {digest(one.address) for one in stores.listed(out) if not one.address.startswith(manifest)}

    def __contains__(self, address: str) -> bool:
        return digest(address) in self._there


@dataclass
class Counts:
    """Of inputs.

    Attributes
    ----------
    found, done, kept, failed, written : int
        in all; done before; kept of other options; failed; made now
    """

    found: int = 0
    done: int = 0
    kept: int = 0
    failed: int = 0
    written: int = 0


@dataclass
class Plan:
    """Decides on each input.

    Attributes
    ----------
    ledger : Ledger
    present : Present
    options : str
        as :func:`options_of`
    overwrite : bool
        whether results of other options are made anew
    counts : Counts
        of what has been decided
    """

    ledger: Ledger
    present: Present
    options: str
    overwrite: bool
    counts: Counts

    def missing(self, objects: Iterable[Object]) -> Iterator[Task]:
        """The objects that there is something to do for."""
        for item in objects:
            self.counts.found += 1
            known = self.ledger.get(item.address)
            if known is None or known.outcome != DONE or not known.outputs:
                yield Task(item, known.ours if known is not None else ())
                continue
            changed = (known.size, known.etag) != (item.size, item.etag)
            lost = any(one.address not in self.present for one in known.outputs)
            if changed or lost:
                yield Task(item, known.ours)
            elif known.options == self.options:
                self.counts.done += 1
            elif self.overwrite:
                yield Task(item, known.ours)
            else:
                self.counts.kept += 1


def batches(tasks: Iterable[Task], workers: int) -> Iterator[list[Task]]:
    """Tasks by the handful: many small files, or one large one; the last ones in ever smaller handfuls, so that no worker has
    much left when the others have nothing.

    Parameters
    ----------
    tasks : iterable of Task
    workers : int
        that there may be
    """
    last: deque[Task] = deque()
    yield from _by_size(_held_back(tasks, last, 2 * BATCH_FILES * workers), BATCH_FILES)
    while last:
        most = max(1, len(last) // (2 * workers))
        yield from _by_size([last.popleft() for _ in range(most)], most)


def _held_back(tasks: Iterable[Task], last: deque[Task], number: int) -> Iterator[Task]:
    """All but the last ones, which are left in `last`."""
    for task in tasks:
        last.append(task)
        if len(last) > number:
            yield last.popleft()


def _by_size(tasks: Iterable[Task], most: int) -> Iterator[list[Task]]:
    batch: list[Task] = []
    size = 0
    for task in tasks:
        if batch and (len(batch) == most or size + task.item.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += task.item.size
    if batch:
        yield batch
