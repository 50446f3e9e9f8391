"""A process beside a worker, in which a file may do its worst: one that ends it is tried once more, then passed over."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from thermend.jobs import executors
from thermend.jobs.archive.staging import Staged, Task
from thermend.jobs.job import Outcome

TRIES = 2
_SILENCE = 1800.0
"""s in which nothing is heard of a file (a frame, a tile, a request to a store), after which it is given up."""
_BEATS = 5.0  # s between two signs of life


class Isolated:
    """Work on objects in a process of its own; the process outlives the objects, until one ends it.

    Parameters
    ----------
    staged : Staged
    silence : float
        s without a sign of life after which an object is given up
    """

    def __init__(self, staged: Staged, silence: float = _SILENCE) -> None:
        self._staged, self._silence = staged, silence
        self._worker: executors.Worker | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __call__(self, task: Task) -> Outcome:
        """What became of an object; raises nothing of its own."""
        name = task.item.address
        reason = ""
        for _ in range(TRIES):
            worker = self._ready()
            if not worker.give(task):
                self.end()
                reason = executors.DIED
                continue
            outcome, reason = self._heard(worker)
            if outcome is not None:
                return outcome
            self.end()
        return Outcome(name, error=f"{name}: {reason}, {TRIES} times")

    def _ready(self) -> executors.Worker:
        if self._worker is None:
            self._scratch = _scratch()  # which goes with a process that is killed
            staged = replace(self._staged, scratch=self._scratch.name)
            self._worker = executors.Worker(staged, multiprocessing.get_context("spawn"), _serve)
        return self._worker

    def _heard(self, worker: executors.Worker) -> tuple[Outcome | None, str]:
        """The answer, or why there is none."""
        while worker.connection.poll(self._silence):
            try:
                said = worker.connection.recv()
            except (EOFError, OSError):
                return None, executors.DIED
            if isinstance(said, Outcome):
                worker.is_busy = False
                return said, ""
        return None, f"nothing was heard of it for {self._silence:.0f} s"

    def end(self) -> None:
        """End the process; the next object gets another."""
        if self._worker is not None:
            self._worker.process.kill()
            self._worker.end()
            self._worker = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


_PREFIX = "thermend-worker-"


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for temporary files, named after this process; those of processes that are gone are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = left.name[len(_PREFIX) :].partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")


def _lives(process: int) -> bool:
    if sys.platform == "win32":  # where the question would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _serve(staged: Staged, connection: Connection) -> None:
    """What the process does: begin, then answer for each object until nobody asks, with signs of life between."""
    executors.settle()
    # Where memory runs out it is this process that ends, and not the worker beside it.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    last = 0.0

    def seen() -> None:
        nonlocal last
        if time.monotonic() - last > _BEATS:
            last = time.monotonic()
            executors.tell(connection, None)

    executors.answer(executors.begun(_Watched(staged, seen)), connection)


class _Watched:
    """The job, which tells that it lives."""

    def __init__(self, staged: Staged, seen: Callable[[], None]) -> None:
        self._staged, self._seen = staged, seen

    def source(self, task: Task) -> str:
        return self._staged.source(task)

    def begin(self) -> Callable[[Task], Outcome]:
        return self._staged.begin(self._seen)
