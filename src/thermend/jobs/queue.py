"""A bounded queue of files to mend, for whoever asks one by one: who waits, and what became of each, for how long."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from thermend.errors import ThermendError
from thermend.estimation import Diagnosis
from thermend.jobs.job import Outcome
from thermend.jobs.standing import Limits, Order, StandingProcess

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
_SWEEPS = 1.0  # s between two looks for what is to be removed


class FullError(ThermendError):
    """Nothing more is taken at present.

    Attributes
    ----------
    retry_after : int
        seconds after which to ask again
    """

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass
class Ticket:
    """One file from its arrival until it is forgotten.

    Attributes
    ----------
    id : str
        nobody guesses it
    folder : Path
        for all that belongs to it; goes when the ticket does
    order : Order or None
        what is to be done; None while the file arrives
    state : State
    progress : float
        0 to 1
    frames : tuple or None
        of a recording: how many are done, and of how many, if that is known
    diagnosis : Diagnosis or None
    views : dict or None
        what can be shown (:func:`thermend.jobs.views.facts_of`)
    outcome : Outcome or None
        once it has ended
    ended : float or None
        time of day (:func:`time.time`)
    version : int
        grows with every change
    """

    id: str
    folder: Path
    order: Order | None = None
    state: State = "queued"
    progress: float = 0.0
    frames: tuple[int, int | None] | None = None
    diagnosis: Diagnosis | None = None
    views: dict[str, Any] | None = None
    outcome: Outcome | None = None
    ended: float | None = None
    version: int = 0
    unwanted: bool = field(default=False, repr=False)

    def told(self, kind: str, found: Any) -> None:
        """Take in what is said while it is worked on."""
        if kind == "progress":
            done, total = found
            self.progress = max(self.progress, done / total) if self.frames is None else self.progress
        elif kind == "frames":
            done, total = found
            self.frames = found
            self.progress = done / total if total else 0.0
        elif kind == "diagnosis":
            self.diagnosis = found
        elif kind == "views":
            self.views = found
        self.version += 1


class Queue:
    """Files are mended in the order in which they came.

    Parameters
    ----------
    folder : Path
        where each ticket gets a folder of its own
    limits : Limits
        of one file
    workers : int
        processes, each with its methods loaded
    waiting : int
        files that may wait, those that are arriving included
    keep : float
        seconds that an ended ticket is kept
    storage : int
        bytes that all of them may take; what comes then is refused
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits = Limits(),  # noqa: B008 (immutable)
        *,
        workers: int = 1,
        waiting: int = 64,
        keep: float = 1800.0,
        storage: int = 16 * 2**30,
    ) -> None:
        self.folder, self.limits, self.waiting, self.keep, self.storage = folder, limits, waiting, keep, storage
        self._tickets: dict[str, Ticket] = {}
        self._order: deque[Ticket] = deque()
        self._arriving = self._expected = 0
        self._seconds = 1.0  # that a file takes, by those that were done
        self._stored = 0
        self._changed = threading.Condition()
        self._closed = False
        threads = 0 if workers == 1 else 1
        self._threads = [
            threading.Thread(target=self._work, args=(StandingProcess(limits, threads),), daemon=True)
            for _ in range(workers)
        ]
        self._threads.append(threading.Thread(target=self._sweep, daemon=True))
        for thread in self._threads:
            thread.start()

    @contextlib.contextmanager
    def arrival(self, size: int = 0) -> Iterator[Ticket]:
        """Hold a place while a file arrives: a ticket, with its folder; if the block ends without an order, both go.

        Parameters
        ----------
        size : int
            bytes that may come

        Raises
        ------
        FullError
            so many wait, or so much is stored, that nothing more is taken
        """
        with self._changed:
            if len(self._order) + self._arriving >= self.waiting:
                # By then half of them are done: who asks sooner sends a whole file for nothing.
                raise FullError(f"{self.waiting} files wait already", math.ceil(self._seconds * self.waiting / 2))
            if self._stored + self._expected + size > self.storage:
                raise FullError("the space for files and results is used up", self._until_one_goes())
            self._arriving += 1
            self._expected += size
        ticket = Ticket(secrets.token_urlsafe(16), self.folder)
        try:
            ticket.folder = self.folder / ticket.id
            ticket.folder.mkdir(mode=0o700)
            yield ticket
        finally:
            with self._changed:
                self._arriving -= 1
                self._expected -= size
                self._stored += size_of(ticket.folder)
                if ticket.order is not None and not self._closed:
                    self._tickets[ticket.id] = ticket
                    self._order.append(ticket)
                    self._changed.notify_all()
            if ticket.id not in self._tickets:
                shutil.rmtree(ticket.folder, ignore_errors=True)

    def find(self, identity: str) -> Ticket | None:
        """A ticket that is still kept."""
        return self._tickets.get(identity)

    def ahead(self, ticket: Ticket) -> int:
        """How many wait before it."""
        with self._changed:
            return next((n for n, other in enumerate(self._order) if other is ticket), 0)

    def counts(self) -> dict[str, int]:
        """How many wait and how many are worked on."""
        with self._changed:
            running = sum(ticket.state == "running" for ticket in self._tickets.values())
            return {"queued": len(self._order) + self._arriving, "running": running, "kept": len(self._tickets)}

    def remove(self, identity: str) -> bool:
        """Give a file up, or forget its result; False where there is none."""
        with self._changed:
            ticket = self._tickets.pop(identity, None)
            if ticket is None:
                return False
            is_running = ticket.state == "running"
            ticket.unwanted = True
            if ticket.state not in ENDED:
                ticket.state, ticket.version = "cancelled", ticket.version + 1
            with contextlib.suppress(ValueError):
                self._order.remove(ticket)
        if not is_running:  # else its folder goes when the work has ended
            shutil.rmtree(ticket.folder, ignore_errors=True)
        return True

    def close(self) -> None:
        """Give everything up and end the processes."""
        with self._changed:
            self._closed = True
            for ticket in self._tickets.values():
                ticket.unwanted = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, process: StandingProcess) -> None:
        """Mend file after file."""
        while (ticket := self._next()) is not None:
            begun = time.monotonic()
            assert ticket.order is not None
            try:
                outcome = process.carry_out(ticket.order, ticket.told, lambda t=ticket: t.unwanted)  # type: ignore[misc]
            except Exception as error:  # a fault of ours: the queue goes on
                outcome = ticket.order.failed(f"could not be mended ({type(error).__name__}); please report this")
            self._seconds += 0.2 * (time.monotonic() - begun - self._seconds)
            if self._stored > self.storage and not outcome.error:
                outcome = ticket.order.failed("the space for files and results is used up")
                shutil.rmtree(ticket.folder, ignore_errors=True)
            with self._changed:
                ticket.outcome, ticket.ended = outcome, time.time()
                if not ticket.unwanted:
                    ticket.state = "failed" if outcome.error else "done"
                    ticket.progress = ticket.progress if outcome.error else 1.0
                ticket.version += 1
            if ticket.unwanted:
                shutil.rmtree(ticket.folder, ignore_errors=True)
        process.end(at_once=True)

    def _next(self) -> Ticket | None:
        """The file whose turn it is; waits for one. None when nothing more is done."""
        with self._changed:
            while not self._order and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            ticket = self._order.popleft()
            ticket.state, ticket.version = "running", ticket.version + 1
            return ticket

    def _sweep(self) -> None:
        """Remove what has been kept for long enough, and add up what is stored."""
        while True:
            with self._changed:
                if self._closed or self._changed.wait_for(lambda: self._closed, _SWEEPS):
                    return
                now = time.time()
                old = [t.id for t in self._tickets.values() if t.ended is not None and now > t.ended + self.keep]
            for identity in old:
                self.remove(identity)
            self._stored = size_of(self.folder)

    def _until_one_goes(self) -> int:
        ended = [ticket.ended for ticket in self._tickets.values() if ticket.ended is not None]
        return max(1, round(min(ended) + self.keep - time.time())) if ended else max(1, round(self._seconds))


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder; of those that go meanwhile none."""
    found = 0
    for place, _, names in os.walk(folder):  # which passes over folders that go
        for name in names:
            with contextlib.suppress(OSError):
                found += os.stat(os.path.join(place, name)).st_size  # noqa: PTH116, PTH118
    return found
