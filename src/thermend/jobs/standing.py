"""A process that stays, with its methods loaded, and mends one file after another within limits."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from thermend import io
from thermend.errors import InputError, ThermendError
from thermend.estimation import diagnose
from thermend.image import MAX_PIXELS, ThermalImage
from thermend.jobs import executors, interruption
from thermend.jobs.enhance import Enhance
from thermend.jobs.job import Outcome, guarded
from thermend.jobs.observer import Observer
from thermend.jobs.recordings import is_recording
from thermend.jobs.sources import Input
from thermend.jobs.views import Views, facts_of
from thermend.machine import cores
from thermend.restoration import load
from thermend.restoration.result import Result

Told = Callable[[str, Any], None]
"""Told ``progress``: (done, total); ``frames``: (done, total or None); ``diagnosis``: its numbers; ``views``: what is shown."""

CANCELLED = "cancelled"
_LOOKS = 0.1  # s between two looks at limits
_TELLS = 0.1  # s between two lines of progress
_STARTS = 60.0  # s that a process may take until it begins
_PATIENCE = 2.0  # s that a process has to end a file by itself


@dataclass(frozen=True)
class Limits:
    """What one file may take.

    Attributes
    ----------
    seconds : float
        from the moment that it is begun
    megabytes : int
        of the process that works on it, resident; where the system tells (Linux)
    pixels : int
        of an image, before it is decoded, and of its result
    """

    seconds: float = 600.0
    megabytes: int = 4096
    pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Order:
    """One file to mend.

    Attributes
    ----------
    job : Enhance
        what is asked for
    item : Input
    name : str
        what the file is called in lines that say what is wrong with it
    views : Path or None
        a folder for the pixels of both (:mod:`thermend.jobs.views`)
    """

    job: Enhance
    item: Input
    name: str
    views: Path | None = None

    def failed(self, reason: str) -> Outcome:
        """What became of it."""
        return Outcome(self.name, error=f"{self.name}: {reason}")


class StandingProcess:
    """Mends one file at a time, in a process of its own; one that dies or takes too much is replaced.

    Parameters
    ----------
    limits : Limits
    threads : int
        cores that a network may take; 0, all
    """

    def __init__(self, limits: Limits, threads: int = 0) -> None:
        self.limits, self.threads = limits, threads
        self._context = multiprocessing.get_context("spawn")
        self._cancel = self._context.Value("b", 0, lock=False)
        self._start()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        arguments = (theirs, self._cancel, self.limits.pixels, self.threads)
        self._process = self._context.Process(target=_stay, args=arguments, daemon=True)
        with executors.worker_environment():
            self._process.start()
        theirs.close()

    def carry_out(self, order: Order, told: Told, cancelled: Callable[[], bool]) -> Outcome:
        """Mend a file.

        Parameters
        ----------
        order : Order
        told : callable
            while it is worked on
        cancelled : callable
            answers True where it is to be given up
        """
        try:
            return self._carried_out(order, told, cancelled)
        except BaseException:
            self._replace()  # whatever it is at, the next file is not to get its answer
            raise

    def _carried_out(self, order: Order, told: Told, cancelled: Callable[[], bool]) -> Outcome:
        self._cancel.value = 0
        try:
            self._connection.send(order)
        except OSError:  # it died since
            self._replace()
            self._connection.send(order)
        begun = time.monotonic() + _STARTS  # a process that has just been started loads its methods first
        reason, end = None, 0.0
        while True:
            if self._connection.poll(_LOOKS):
                try:
                    kind, found = self._connection.recv()
                except (EOFError, OSError):
                    self._replace()
                    return order.failed(reason or executors.DIED)
                if kind == "done":
                    if resident(self._process.pid) > self.limits.megabytes / 2:
                        self._replace()  # what it did not give back would be counted as the next one's
                    return found if reason is None else order.failed(reason)
                if kind == "begun":
                    begun = time.monotonic()
                else:
                    told(kind, found)
            if reason is None:
                reason, patience = self._reason(begun, cancelled)
                if reason is not None:
                    self._cancel.value = 1
                    end = time.monotonic() + patience
            elif time.monotonic() > end:
                self._replace()
                return order.failed(reason)

    def _reason(self, begun: float, cancelled: Callable[[], bool]) -> tuple[str | None, float]:
        """Why the work is to end, if it is, and how long it may take to."""
        if cancelled():
            return CANCELLED, _PATIENCE
        if time.monotonic() - begun > self.limits.seconds:
            return f"takes longer than the {self.limits.seconds:g} s that a file may take here", _PATIENCE
        if resident(self._process.pid) > self.limits.megabytes:
            return f"takes more than the {self.limits.megabytes} MB of memory that a file may take here", 0.0
        return None, 0.0

    def _replace(self) -> None:
        self.end(at_once=True)
        self._start()

    def end(self, at_once: bool = False) -> None:
        """End the process."""
        started = self._process.pid is not None  # else the system had no room to
        if started and at_once:
            self._process.terminate()
        self._connection.close()
        if started:
            executors.wait_for_end(self._process, _PATIENCE)


def resident(process: int | None) -> float:
    """Memory of a process, MB; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0


def _stay(connection: Connection, cancel: Any, pixels: int, threads: int) -> None:
    """What the process does: mend, file by file, until nobody asks."""
    import cv2

    cv2.setNumThreads(threads or cores())
    executors.quieten_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it in order
    threading.Thread(target=executors.end_with_parent, daemon=True).start()
    with contextlib.suppress(ThermendError):
        load("auto", threads=threads)  # what most ask for is there when they ask
    signal.signal(signal.SIGTERM, interruption.stop)  # from here on there is something to put away
    while True:
        try:
            order: Order = connection.recv()
        except (EOFError, OSError):
            sys.exit(0)
        executors.tell(connection, ("begun", None))
        executors.tell(connection, ("done", _Bench(order, connection, cancel, pixels).outcome()))


class _Bench:
    """One file, in the process that works on it."""

    def __init__(self, order: Order, connection: Connection, cancel: Any, pixels: int) -> None:
        self.order, self.connection, self.cancel, self.pixels = order, connection, cancel, pixels
        self.views = None if order.views is None else Views(order.views)
        self.told: dict[str, float] = {}
        self.is_known = False

    def outcome(self) -> Outcome:
        """What became of it; its name is the one that its owner knows."""
        order = self.order
        found = guarded(self._mended, lambda item: str(item.path), "mended")(order.item)
        error, skipped = _renamed(found.error, order), _renamed(found.skipped, order)
        return replace(found, source=order.name, error=error, skipped=skipped)

    def _mended(self, item: Input) -> Outcome:
        height, width = io.shape_of(item.path)
        if height * width * self.order.job.scale**2 > self.pixels:
            raise InputError(item.path, f"{width} x {height} pixels are more than are taken here")
        observer = Observer(self._progress, self._frames, self._images, lambda: bool(self.cancel.value))
        job = self.order.job
        if job.trust_map and is_recording(item):
            job = replace(job, trust_map=False)  # who asks for it means the single images among the files
        return job.begin(observer)(item)

    def _progress(self, done: int, total: int) -> None:
        self._tell("progress", (done, total), done == total)

    def _frames(self, _: str, done: int, total: int | None) -> None:
        self._tell("frames", (done, total), done == total)

    def _tell(self, kind: str, found: Any, last: bool) -> None:
        now = time.monotonic()
        if last or now - self.told.get(kind, 0.0) > _TELLS:
            self.told[kind] = now
            executors.tell(self.connection, (kind, found))

    def _images(self, number: int, before: ThermalImage, result: Result) -> None:
        if self.views is not None:
            self.views.add(number, before, result)
        if not self.is_known:
            self.is_known = True
            diagnosis = result.diagnosis or diagnose(before)
            executors.tell(self.connection, ("diagnosis", diagnosis))
            executors.tell(self.connection, ("views", facts_of(before, result)))


def _renamed(line: str | None, order: Order) -> str | None:
    """A line that says nothing of where the file lies."""
    if line is None:
        return None
    places = {order.item.path: order.name, order.job.out: "its result"}
    for path, name in places.items():
        line = line.replace(str(path), name)
    return line
