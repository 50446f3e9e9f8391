from __future__ import annotations

import os

import pytest

from thermend.app import batch


def _setup(_: str) -> None:
    pass


def _work(item: int) -> int:
    if item == 5:
        os._exit(9)  # as the system does to a process that is out of memory
    return item * item


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_comes_back_once(workers):
    items = [i for i in range(12) if i != 5]
    assert dict(batch.run(items, _work, _setup, ("x",), workers)) == {i: i * i for i in items}


def test_a_worker_that_dies_costs_its_own_item_only():
    results = dict(batch.run(range(12), _work, _setup, ("x",), 2))
    assert isinstance(results.pop(5), Exception)
    assert results == {i: i * i for i in range(12) if i != 5}
