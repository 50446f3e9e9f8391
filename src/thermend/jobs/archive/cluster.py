"""The executor on Ray: workers that load a method once take batches of an archive, as many at once as there are cores or GPUs.

Ray Data brings the batches to the workers, holds back what they cannot take yet, begins workers anew that ended, and gives
their batches to others. What a file does to the process that mends it stays in one beside the worker (:mod:`.isolation`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from thermend.errors import MissingDependencyError, ThermendError, UsageError, first_line
from thermend.jobs.archive import manifest
from thermend.jobs.archive.arrow import pa
from thermend.jobs.archive.isolation import Isolated
from thermend.jobs.archive.staging import Made, Staged, Task
from thermend.jobs.job import Outcome
from thermend.machine import cores

PREFIX = "ray://"
_ATTEMPTS, _PAUSE = 3, 2.0  # to connect, and seconds between them
_ON_THE_WAY = 100  # blocks that are sent to a cluster before it is asked whether it has them


@dataclass(frozen=True)
class Facts:
    """What is the same in all rows of a run.

    Attributes
    ----------
    method, version, weights_sha256, options, run
        as the columns of a manifest
    """

    method: str
    version: str
    weights_sha256: str | None
    options: str
    run: str


def row_of(task: Task, outcome: Outcome, facts: Facts, taken: float) -> dict[str, Any]:
    """What a manifest says of an object that was worked on; `taken` are its cores."""
    made = outcome.found if isinstance(outcome.found, Made) else Made()
    item = task.item
    reason = outcome.error or "; ".join(outcome.left)
    return manifest.row(
        input=item.address, size=item.size, etag=item.etag, sha256=made.sha256 or None,
        outcome=manifest.FAILED if outcome.error else manifest.DONE,
        reason=reason.removeprefix(f"{item.address}: ") or None, outputs=made.outputs if not outcome.error else task.ours,
        method=facts.method, version=facts.version, weights_sha256=facts.weights_sha256, options=facts.options,
        diagnosis=made.diagnosis, frames=outcome.frames, suspect=outcome.suspect, seconds=made.seconds, cores=taken,
        run=facts.run,
    )  # fmt: skip


class _Actor:
    """A worker; Ray begins as many as fit."""

    def __init__(self, staged: Staged, facts: Facts) -> None:
        self._isolated, self._facts = Isolated(staged), facts

    def __call__(self, batch: pa.Table) -> pa.Table:
        tasks: list[Task] = [pickle.loads(one) for one in batch["task"].to_pylist()]
        return manifest.table(row_of(task, self._isolated(task), self._facts, 1.0) for task in tasks)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Ray, connected: to a cluster, or one that is begun on this machine and ends with the block.

    Parameters
    ----------
    address : str
        ``ray://HOST:PORT``; or ``ray``: the cluster that ``RAY_ADDRESS`` names, where it does, else one on this machine

    Raises
    ------
    UsageError
        there is none
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault(
        "RAY_ENABLE_AUTO_CONNECT", "0"
    )  # its threads, when all is over, to whatever cluster they find
    there = address if address.startswith(PREFIX) else os.environ.get("RAY_ADDRESS")
    for name in ("ray", "ray.data", "ray.serve"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            f"--on ray needs more packages ({error.name} is missing): pip install 'thermend[cluster]'"
        ) from error
    asked: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    if there:
        asked |= {"address": there}
    else:
        # Where memory runs out, the system ends the process beside a worker, which is counted; Ray would end the worker.
        asked |= {"_system_config": {"memory_monitor_refresh_ms": 0}}
        asked |= {"address": "local", "num_cpus": cores(), "include_dashboard": False}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with _without_lines():
            _connect(ray, asked)
    except Exception as error:
        hint = "" if "RAY_AUTH_MODE" in os.environ else "; one that asks for a token needs RAY_AUTH_MODE=token"
        raise UsageError(f"--on {address}: no cluster answers ({_reason_of(error)}){hint}") from error
    try:
        with contextlib.suppress(ValueError):  # not in the main thread
            for number, handler in handlers.items():
                signal.signal(number, handler)
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, asked: dict[str, Any]) -> None:
    """A client port answers at once, and begins a server for each client, which now and then does not come up (it is forked
    beside threads, and has half a minute, which is little on a busy machine): then another is asked for."""
    for _ in range(_ATTEMPTS - 1):
        try:
            ray.init(**asked)
            return
        except ConnectionAbortedError:
            time.sleep(_PAUSE)
    ray.init(**asked)


def _reason_of(error: BaseException) -> str:
    """What an error of Ray says in one line: the last, where it carries what was raised in another process."""
    lines = str(error).strip().splitlines()
    from_afar = any(line.startswith("  File ") for line in lines)
    return lines[-1].strip() if from_afar else first_line(error)


@contextlib.contextmanager
def _without_lines() -> Iterator[None]:
    """Nothing on standard error: Ray's core says there, from C++, at which level it logs."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def on_ray(
    ray: Any, staged: Staged, facts: Facts, batches: Iterable[list[Task]], gpus: int | None = None
) -> Iterator[pa.Table]:
    """Carry out batches of tasks; rows of a manifest come back, as they are done.

    Parameters
    ----------
    ray : module
        connected
    staged : Staged
    facts : Facts
    batches : iterable of list of Task
    gpus : int or None
        of the cluster that are to be used, a worker each; None works on cores

    Raises
    ------
    UsageError
        the cluster has too few, or is lost
    """
    has = ray.cluster_resources()
    most = int(has.get("CPU", 0)) if gpus is None else gpus
    if gpus is not None and has.get("GPU", 0) < gpus:
        raise UsageError(f"--gpus {gpus}: the cluster has {has.get('GPU', 0):.0f}")
    if most < 1:
        raise UsageError("the cluster has no core for a worker")
    blocks = (pa.table({"task": pa.array([pickle.dumps(t) for t in batch], pa.binary())}) for batch in batches)
    try:
        if ray.util.client.ray.is_connected():
            yield from _from_afar(ray, staged, facts, blocks, most, gpus)
        else:
            yield from _rows(ray, staged, facts, [ray.put(block) for block in blocks], most, gpus)
    except ThermendError:
        raise
    except Exception as error:  # of Ray, of its client, of what is beneath that
        raise UsageError(f"the cluster is lost ({_reason_of(error)}); the same command goes on") from error


def _rows(ray: Any, staged: Staged, facts: Facts, blocks: list[Any], most: int, gpus: int | None) -> Iterator[pa.Table]:
    """By Ray Data, in a process of the cluster."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = data.from_arrow_refs(blocks).map_batches(
        _Actor,
        fn_constructor_args=(staged, facts),
        batch_size=None,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=min(most, len(blocks))),
        num_cpus=1,
        num_gpus=None if gpus is None else 1,
    )
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


class _Conductor:
    """Ray Data does not run in a client: of a cluster that is reached as one, this actor runs it, and ends with the client."""

    def __init__(self) -> None:
        self._blocks: list[Any] = []
        self._rows: Iterator[pa.Table] = iter(())

    def add(self, block: pa.Table) -> None:
        import ray

        self._blocks.append(ray.put(block))

    def begin(self, staged: Staged, facts: Facts, most: int, gpus: int | None) -> None:
        import ray

        self._rows = _rows(ray, staged, facts, self._blocks, most, gpus)

    def next(self) -> pa.Table | None:
        return next(self._rows, None)


def _from_afar(
    ray: Any, staged: Staged, facts: Facts, blocks: Iterable[pa.Table], most: int, gpus: int | None
) -> Iterator[pa.Table]:
    conductor = ray.remote(_Conductor).options(num_cpus=0).remote()
    sent: list[Any] = []
    for block in blocks:
        sent.append(conductor.add.remote(block))
        if len(sent) == _ON_THE_WAY:
            ray.get(sent)
            sent = []
    ray.get(sent)
    ray.get(conductor.begin.remote(staged, facts, most, gpus))
    while (rows := ray.get(conductor.next.remote())) is not None:
        yield rows
