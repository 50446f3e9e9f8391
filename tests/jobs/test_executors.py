from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass

import pytest

from thermend import Cancelled
from thermend.jobs.executors import Worker, run
from thermend.jobs.job import Outcome, guarded


@dataclass(frozen=True)
class Squares:
    """A job that squares numbers, dies of some, fails at others, and notes which process worked."""

    deadly: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()

    def source(self, item: int) -> str:
        return f"number {item}"

    def begin(self):
        def work(item: int) -> Outcome:
            if item in self.deadly:
                os._exit(9)  # as the system does to a process that is out of memory
            if item in self.wrong:
                raise RuntimeError("no")
            return Outcome(self.source(item), found=(item * item, os.getpid()))

        return guarded(work, self.source, "squared")


@dataclass(frozen=True)
class Sleeps:
    """A job that takes as many seconds as it is given."""

    def source(self, item: float) -> str:
        return f"{item} s"

    def begin(self):
        def work(item: float) -> Outcome:
            time.sleep(item)
            return Outcome(self.source(item))

        return work


def _found(outcomes) -> dict[int, int]:
    return {item: outcome.found[0] for item, outcome in outcomes if outcome.found is not None}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_comes_back_once(workers):
    seen = []
    answers = list(run(Squares(), range(12), workers, progress=lambda *given: seen.append(given)))
    assert sorted(item for item, _ in answers) == list(range(12))
    assert _found(answers) == {i: i * i for i in range(12)}
    assert seen == [(n, 12) for n in range(1, 13)]


@pytest.mark.parametrize("deadly", [(5,), (0, 1, 2, 11), tuple(range(12))])
def test_a_worker_that_dies_costs_its_own_item_only(deadly):
    answers = dict(run(Squares(deadly), range(12), 2))
    assert set(answers) == set(range(12))
    assert [i for i in range(12) if answers[i].error] == list(deadly)
    assert all("ended the process" in answers[i].error for i in deadly)
    assert all(answers[i].error.startswith(f"number {i}: ") for i in deadly)


def test_a_worker_that_nobody_listens_to_ends_without_a_word(capfd):
    worker = Worker(Sleeps(), multiprocessing.get_context("spawn"))
    assert worker.give(0.5)
    worker.connection.close()
    worker.process.join(60)
    assert worker.process.exitcode == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_becomes_a_line(workers):
    answers = dict(run(Squares(wrong=(3,)), range(6), workers))
    assert "could not be squared (RuntimeError: no); please report this" in answers[3].error
    assert len(_found(answers.items())) == 5


@pytest.mark.parametrize("workers", [1, 2])
def test_work_ends_where_nobody_wants_more(workers):
    answers = []
    running = run(Squares(), range(200), workers, cancel=lambda: len(answers) >= 3)
    with pytest.raises(Cancelled):
        answers.extend(running)
    assert 3 <= len(answers) < 20
    assert not multiprocessing.active_children()


def test_items_are_taken_as_they_are_needed():
    taken = []
    running = run(Squares(), (taken.append(i) or i for i in range(1000)), 2)
    for _ in range(5):
        next(running)
    running.close()
    assert len(taken) < 20
    assert not multiprocessing.active_children()
