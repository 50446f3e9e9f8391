"""Where a job runs: here, or in processes of its own, so that memory stays flat and a crash costs one input."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

from thermend.errors import Cancelled, ThermendError, ThermendWarning, renamed
from thermend.jobs.interruption import held_back, stop
from thermend.jobs.job import Job, Outcome

Item = TypeVar("Item")

DIED = "ended the process that worked on it (out of memory?)"
_ENDS = 5.0  # s that a worker is given to end by itself
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_starting = threading.Lock()


def threads() -> int:
    """Cores that a network may take: in a worker one, since each of the others has a worker too; else 0, all."""
    return int(multiprocessing.parent_process() is not None)


def quieten_libraries() -> None:
    """Keep decoders from writing lines of their own about files that we complain about already."""
    for name in ("tifffile", "PIL", "python_multipart", "s3fs", "gcsfs", "adlfs", "fsspec", "azure", "google"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    warnings.simplefilter("ignore")
    warnings.filterwarnings("once", category=ThermendWarning)
    warnings.showwarning = complain  # type: ignore[assignment]


_called: dict[str, str] = {}


@contextlib.contextmanager
def called(names: dict[str, str]) -> Iterator[None]:
    """In lines, what begins with one of these paths is called by another name: that of which it is a copy."""
    _called.update(names)
    yield
    _called.clear()  # (not where an error goes on to its line)


def as_called(text: str) -> str:
    """A text with the names of :func:`called`."""
    return renamed(text, _called)


def complain(message: Warning | str, *_: object) -> None:
    """One line on standard error; also what shows a warning (``warnings.showwarning``)."""
    message = as_called(str(message))
    print("thermend: " + printable(" ".join(str(message).split())), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """A text as a terminal may have it: what would steer it (in a file's name, say) is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def run(
    job: Job[Item],
    items: Iterable[Item],
    workers: int = 1,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    work: Callable[[Item], Outcome] | None = None,
) -> Generator[tuple[Item, Outcome], None, None]:
    """Carry out a job; each input comes back with what became of it, as they come.

    Parameters
    ----------
    job : Job
    items : iterable
        inputs; taken a few at a time
    workers : int
        processes; 1 works in this one
    progress : callable or None
        called with the number of inputs that are done, and of all as far as they are known
    cancel : callable or None
        asked before each input is begun, and while processes work; where it answers True nothing more is begun, and what
        processes are working on is given up
    work : callable or None
        what ``job.begin()`` gave in this process already

    Raises
    ------
    Cancelled
        ``cancel`` answered True
    """
    total = len(items) if isinstance(items, Sized) else 0
    wanted = _until(items, cancel)
    running = inline(job, wanted, work) if workers <= 1 else processes(job, wanted, workers, cancel)
    try:
        for done, answer in enumerate(running, 1):
            if progress is not None:
                progress(done, max(total, done))
            yield answer
    finally:
        running.close()


def _until(items: Iterable[Item], cancel: Callable[[], bool] | None) -> Iterator[Item]:
    """The inputs, until a caller wants no more."""
    for item in items:
        if cancel is not None and cancel():
            raise Cancelled("cancelled")
        yield item


def inline(
    job: Job[Item], items: Iterable[Item], work: Callable[[Item], Outcome] | None = None
) -> Generator[tuple[Item, Outcome], None, None]:
    """In this process, one after another."""
    work = work or job.begin()
    for item in items:
        yield item, work(item)


def begun(job: Job[Item]) -> Callable[[Item], Outcome]:
    """A job's work; where it cannot be begun, each input is told why."""
    try:
        return job.begin()
    except ThermendError as error:
        reason = str(error)
        return lambda item: Outcome(job.source(item), error=f"{job.source(item)}: {reason}")
    except Exception as error:  # a fault of ours
        reason = f"could not be begun ({type(error).__name__}: {error}); please report this"
        return lambda item: Outcome(job.source(item), error=f"{job.source(item)}: {reason}")


@contextlib.contextmanager
def worker_environment() -> Iterator[None]:
    """What a process is started in: a thread for each library, since each of the other cores has a process too, and no folder
    of the user's on its path. Python would put the current one first, and run a ``multiprocessing.py`` that lies there. A
    signal waits until it has been started whole, since half of one complains at length; Ctrl-C is its parent's to heed."""
    changed = dict.fromkeys((*_ONE_THREAD, "PYTHONSAFEPATH"), "1")
    with _starting, held_back():
        before = {name: os.environ.get(name) for name in changed}
        here = Path.cwd() if sys.version_info < (3, 11) else None  # which does not know PYTHONSAFEPATH
        os.environ.update(changed)
        if here is not None:
            os.chdir(Path(os.__file__).parent)
        try:
            with _without_interruptions():  # only now: it begins a process itself
                yield
        finally:
            if here is not None:
                os.chdir(here)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _without_interruptions() -> Iterator[None]:
    """What is started within never hears Ctrl-C, which a terminal sends to every process there is."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # whose own start would let them in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """One process, and what it is working on; `serve` is what the process does."""

    def __init__(self, job: Job[Any], context: Any, serve: Callable[[Any, Connection], None] | None = None) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve or _serve, args=(job, theirs), daemon=True)
        with worker_environment():
            self.process.start()
        theirs.close()
        self.item: Any = None
        self.is_busy = False

    def give(self, item: Any) -> bool:
        """Whether it took it; one that died did not."""
        try:
            self.connection.send(item)
        except OSError:
            return False
        self.item, self.is_busy = item, True
        return True

    def answer(self) -> Outcome | None:
        """What became of its input; None where the process died of it."""
        self.is_busy = False
        try:
            found: Outcome = self.connection.recv()
        except (EOFError, OSError):
            return None
        return found

    def end(self, at_once: bool = False) -> None:
        if at_once:
            self.process.terminate()
        self.connection.close()
        wait_for_end(self.process, _ENDS)


def wait_for_end(process: Any, seconds: float) -> None:
    """Give a process so long to end by itself, and then no more."""
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()


def processes(
    job: Job[Item], items: Iterable[Item], count: int, cancel: Callable[[], bool] | None = None
) -> Generator[tuple[Item, Outcome], None, None]:
    """In processes of their own. One that dies costs the input that it worked on; another takes its place."""
    context = multiprocessing.get_context("spawn")
    remaining: Iterator[Item] = iter(items)
    workers: list[Worker] = []
    ended = False
    try:
        while True:
            for worker in [w for w in workers if not w.is_busy]:
                ended = ended or not _fed(worker, remaining, workers, job, context)
            while not ended and len(workers) < count:
                worker = Worker(job, context)
                workers.append(worker)
                ended = not _fed(worker, remaining, workers, job, context)
            busy = {w.connection: w for w in workers if w.is_busy}
            if not busy:
                return
            if cancel is not None and cancel():
                raise Cancelled("cancelled")
            for connection in wait(list(busy), 0.5):
                worker = busy[connection]  # type: ignore[index]
                item, outcome = worker.item, worker.answer()
                if outcome is None:
                    worker.end(at_once=True)
                    workers.remove(worker)
                    outcome = Outcome(job.source(item), error=f"{job.source(item)}: {DIED}")
                yield item, outcome
    except BaseException:  # stopped from outside: what is being worked on is given up, and leaves nothing behind
        for worker in workers:
            worker.process.terminate()
        raise
    finally:
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.end()


def _fed(worker: Worker, remaining: Iterator[Any], workers: list[Worker], job: Job[Any], context: Any) -> bool:
    """Give a worker the next input, or its place to another if it has died; False where there are no more."""
    for item in remaining:
        while not worker.give(item):
            worker.end(at_once=True)
            workers.remove(worker)
            worker = Worker(job, context)
            workers.append(worker)
        return True
    return False


def _serve(job: Job[Any], connection: Connection) -> None:
    """What a process does: begin, then answer for each input until nobody asks."""
    settle()
    answer(begun(job), connection)


def answer(work: Callable[[Any], Outcome], connection: Connection) -> None:
    """Work on what is asked for, until nobody asks."""
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            sys.exit(0)
        tell(connection, work(item))


def tell(connection: Connection, found: object) -> None:
    """Send to who asked; once nobody listens there is nobody to work for, and the process ends without a word."""
    try:
        connection.send(found)
    except OSError:
        sys.exit(0)


def settle() -> None:
    """Make a process that has just begun one that works for another: one thread, no lines of libraries, its parent's end."""
    import cv2

    cv2.setNumThreads(1)
    quieten_libraries()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers in order
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
