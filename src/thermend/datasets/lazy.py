"""Many things of which few are held: made when they are asked for, and kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A sequence whose items are made when they are asked for; those that were used last are kept.

    Parameters
    ----------
    make : callable
        from a number to its item
    count : int
        of all items
    size : callable
        of an item, bytes
    budget : callable
        how many bytes may be held now
    """

    def __init__(
        self, make: Callable[[int], T], count: int, size: Callable[[T], int], budget: Callable[[], int]
    ) -> None:
        self._make, self._count, self._size, self._budget = make, count, size, budget
        self._kept: OrderedDict[int, T] = OrderedDict()
        self.held = 0

    def __getstate__(self) -> dict[str, Any]:
        """Another process makes its own."""
        return {**self.__dict__, "_kept": OrderedDict(), "held": 0}

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def __getitem__(self, number: int) -> T:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        if not 0 <= number < self._count:
            raise IndexError(number)
        item = self._make(number)
        self._kept[number] = item
        self.held += self._size(item)
        while self.held > self._budget() and len(self._kept) > 1:
            self.held -= self._size(self._kept.popitem(last=False)[1])
        return item

    def __iter__(self) -> Iterator[T]:
        return (self[number] for number in range(self._count))

    def fill(self) -> None:
        """Make items as long as there is room for them."""
        for number in range(self._count):
            if self.held >= self._budget():
                return
            _ = self[number]
