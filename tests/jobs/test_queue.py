"""The standing queue, its process and its pictures, without a server."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import thermend
from thermend.jobs.enhance import Enhance
from thermend.jobs.queue import FullError, Queue, Ticket
from thermend.jobs.sources import Input
from thermend.jobs.standing import Limits, Order, StandingProcess, resident
from thermend.jobs.views import Views, frames_in, path_of

pytestmark = pytest.mark.slow


def ordered(ticket: Ticket, pixels: np.ndarray, **asked) -> None:
    """Put a file into a ticket's folder, and say what is to be done."""
    path = ticket.folder / "input.npy"
    np.save(path, pixels)
    job = Enhance(ticket.folder / "result", False, method="classical.dct", **asked)
    ticket.order = Order(job, Input(path, Path(path.name), path.stem), "roof.npy")


def waited(ticket: Ticket, *states: str) -> Ticket:
    until = time.monotonic() + 120
    while ticket.state not in states:
        assert time.monotonic() < until, ticket
        time.sleep(0.02)
    return ticket


@pytest.fixture
def queue(tmp_path):
    made = Queue(tmp_path, Limits(seconds=60), waiting=2, keep=60)
    yield made
    made.close()


def test_files_are_mended_in_order(queue, scene):
    tickets = []
    for _ in range(2):
        with queue.arrival() as ticket:
            ordered(ticket, (20000 + 2000 * scene).astype(np.uint16))
        tickets.append(ticket)
    first, second = (waited(ticket, "done") for ticket in tickets)
    assert first.ended < second.ended
    assert first.progress == 1
    assert first.diagnosis == thermend.diagnose(np.load(first.folder / "input.npy"))
    assert first.outcome.source == "roof.npy"


def test_no_more_wait_than_may(queue, scene):
    with queue.arrival(), queue.arrival():
        with pytest.raises(FullError) as found, queue.arrival():
            pass
        assert found.value.retry_after >= 1
    with queue.arrival():
        pass


def test_what_never_arrives_leaves_nothing(queue, tmp_path):
    with queue.arrival() as ticket:
        (ticket.folder / "input.npy").write_bytes(b"half")
    assert list(tmp_path.iterdir()) == []
    assert queue.find(ticket.id) is None
    assert queue.counts() == {"queued": 0, "running": 0, "kept": 0}


def test_what_waits_is_removed_at_once_and_what_runs_ends(queue, tmp_path, rng):
    recording = rng.integers(0, 999, (400, 120, 160)).astype(np.uint16)
    with queue.arrival() as running:
        ordered(running, recording)
    with queue.arrival() as waiting:
        ordered(waiting, recording[0])
    waited(running, "running")
    assert queue.ahead(waiting) == 0
    assert queue.remove(waiting.id)
    assert not waiting.folder.exists()
    assert queue.remove(running.id)
    assert running.state == "cancelled"
    assert not queue.remove(running.id)
    until = time.monotonic() + 60
    while running.folder.exists():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_process_that_is_killed_costs_one_file(tmp_path, scene, rng):
    process = StandingProcess(Limits())
    np.save(tmp_path / "a.npy", rng.integers(0, 999, (500, 120, 160)).astype(np.uint16))
    job = Enhance(tmp_path / "out", False, method="classical.dct")
    order = Order(job, Input(tmp_path / "a.npy", Path("a.npy"), "a"), "flight.npy")

    def told(kind, _):
        if kind == "frames":
            os.kill(process._process.pid, signal.SIGKILL)

    outcome = process.carry_out(order, told, lambda: False)
    assert outcome.error == "flight.npy: ended the process that worked on it (out of memory?)"
    np.save(tmp_path / "b.npy", (20000 + 2000 * scene).astype(np.uint16))
    order = Order(job, Input(tmp_path / "b.npy", Path("b.npy"), "b"), "b.npy")
    assert process.carry_out(order, lambda *_: None, lambda: False).error is None
    process.end()


def test_a_process_that_nobody_listens_to_ends_without_a_word(tmp_path, rng, capfd):
    process = StandingProcess(Limits())
    np.save(tmp_path / "a.npy", rng.integers(0, 999, (500, 120, 160)).astype(np.uint16))
    job = Enhance(tmp_path / "out", False, method="classical.dct")
    process._connection.send(Order(job, Input(tmp_path / "a.npy", Path("a.npy"), "a"), "flight.npy"))
    assert process._connection.recv() == ("begun", None)
    process._connection.close()
    process._process.join(60)
    assert process._process.exitcode == 0
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system tells no memory")
def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path, rng):
    process = StandingProcess(Limits(megabytes=10))
    np.save(tmp_path / "a.npy", rng.integers(0, 999, (500, 120, 160)).astype(np.uint16))
    job = Enhance(tmp_path / "out", False, method="classical.dct")
    order = Order(job, Input(tmp_path / "a.npy", Path("a.npy"), "a"), "flight.npy")
    outcome = process.carry_out(order, lambda *_: None, lambda: False)
    assert outcome.error == "flight.npy: takes more than the 10 MB of memory that a file may take here"
    process.end()


def test_memory_is_read_where_the_system_tells_it():
    assert resident(2**30) == 0
    if Path("/proc/self/statm").exists():
        assert resident(os.getpid()) > 10


def test_of_many_frames_some_are_kept(tmp_path):
    views = Views(tmp_path)
    views_of = thermend.ThermalImage.from_array(np.zeros((4, 5), np.uint8))
    restorer = thermend.load("classical.dct")
    result = restorer.restored(views_of)
    for number in range(500):
        views.add(number, views_of, result)
    kept = frames_in(tmp_path)
    assert kept == list(range(0, 500, 8))
    assert len(list(tmp_path.iterdir())) == 2 * len(kept)
    assert np.load(path_of(tmp_path, "after", 8)).dtype == np.float32
