"""Many files on all cores, a few at a time, in processes of their own: memory stays flat and a crash costs one file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from thermend.app.console import stop

Item = TypeVar("Item")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Cores that a network may take: in a worker one, since each of the others has a worker too; else 0, all."""
    return int(multiprocessing.parent_process() is not None)


def _begin(setup: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # One process a core: threads beneath it would only fight. The variables are read when numpy is first imported.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setup(*arguments)


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run(
    items: Iterable[Item],
    work: Callable[[Item], Any],
    setup: Callable[..., None],
    arguments: tuple[Any, ...],
    workers: int,
    *,
    ready: bool = False,
) -> Generator[tuple[Item, Any], None, None]:
    """Yield each item with its result (or the exception that its worker died of) as they come.

    Parameters
    ----------
    work : called with one item; a function of a module; raises nothing
    setup : called once in each worker, with `arguments`
    workers : processes; 1 works in this one
    ready : whether this process is set up already
    """
    if workers <= 1:
        if not ready:
            setup(*arguments)
        for item in items:
            yield item, work(item)
        return
    remaining = iter(items)
    crashed: list[Item] = []
    yield from _share(remaining, work, setup, arguments, workers, crashed)
    while crashed:
        # A worker was killed (out of memory, a decoder's crash): find out by whom, one at a time.
        for item in crashed:
            alone: list[Item] = []
            yield from _share(iter([item]), work, setup, arguments, 1, alone)
            if alone:
                yield item, BrokenProcessPool("its process ended without an answer")
        crashed = []
        yield from _share(remaining, work, setup, arguments, workers, crashed)


def _share(
    remaining: Iterator[Item],
    work: Callable[[Item], Any],
    setup: Callable[..., None],
    arguments: tuple[Any, ...],
    workers: int,
    crashed: list[Item],
) -> Generator[tuple[Item, Any], None, None]:
    """One pool of processes: it takes items until they run out or one of its workers dies; what it had taken and not
    finished by then goes to `crashed`."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (setup, arguments)) as pool:
        pending: dict[Future[Any], Item] = {}
        try:
            yield from _feed(pool, pending, remaining, work, workers, crashed)
        except BaseException:  # stopped from outside: what is being worked on is given up, and leaves nothing behind
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _feed(
    pool: ProcessPoolExecutor,
    pending: dict[Future[Any], Item],
    remaining: Iterator[Item],
    work: Callable[[Item], Any],
    workers: int,
    crashed: list[Item],
) -> Generator[tuple[Item, Any], None, None]:
    while True:
        while not crashed and len(pending) < 2 * workers and (taken := list(islice(remaining, 1))):
            try:
                pending[pool.submit(work, taken[0])] = taken[0]
            except BrokenProcessPool:
                crashed += taken
        if not pending:
            return
        finished, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in finished:
            item = pending.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                crashed.append(item)
            else:
                yield item, result
