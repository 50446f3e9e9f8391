"""What looks on while a method works: how far it is, and whether it is to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thermend.errors import Cancelled

Progress = Callable[[int, int], None]
Cancel = Callable[[], bool]
_PARTS = 100


@dataclass(frozen=True)
class Watch:
    """Tells a caller how far the work is, in hundredths, and asks whether to go on.

    Attributes
    ----------
    progress : callable or None
        called with ``(done, total)``; what is done never falls
    cancel : callable or None
        answers True where the work is to end
    low, high : float
        the part of the whole work that is looked on, 0 to 1
    """

    progress: Progress | None = None
    cancel: Cancel | None = None
    low: float = 0.0
    high: float = 1.0

    def at(self, done: int, total: int) -> None:
        """So many of so many parts are done.

        Raises
        ------
        Cancelled
            the caller wants no more of it
        """
        if self.cancel is not None and self.cancel():
            raise Cancelled("cancelled")
        if self.progress is not None:
            share = self.low + (self.high - self.low) * done / max(total, 1)
            self.progress(int(_PARTS * share), _PARTS)

    def within(self, number: int, count: int) -> Watch:
        """Of the part ``number`` (from 0) of ``count`` parts of the same size."""
        size = (self.high - self.low) / max(count, 1)
        return Watch(self.progress, self.cancel, self.low + number * size, self.low + (number + 1) * size)


UNWATCHED = Watch()
