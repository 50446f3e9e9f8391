"""What a job is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from thermend.errors import ThermendError, UsageError

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes
    ----------
    source : str
        the input, as a line names it
    written : str or None
        where the result lies, if it was written now
    skipped : str or None
        the line that says why nothing was written, where that is no failure
    error : str or None
        the line that says what went wrong
    steps : tuple of str
        methods that had a part in it
    suspect : float or None
        share of the result that the input does not support, of the worst page, where that was looked for
    unsupported : bool
        whether the result as a whole is not what was measured
    left : tuple of str
        what says something of the input and could not go along with the result
    found : Any
        what was found out, for jobs that write nothing
    frames : int or None
        of a recording, how many its result has
    """

    source: str
    written: str | None = None
    skipped: str | None = None
    error: str | None = None
    steps: tuple[str, ...] = ()
    suspect: float | None = None
    unsupported: bool = False
    left: tuple[str, ...] = ()
    found: Any = None
    frames: int | None = None


Work = Callable[[Item], Outcome]


class Job(Protocol[Item_contra]):
    """What is done to every input alike; it can be pickled."""

    def begin(self) -> Callable[[Any], Outcome]:
        """Load what is needed, once a process, and give what is called for each input; that raises nothing."""
        ...

    def source(self, item: Item_contra) -> str:
        """An input, as a line names it."""
        ...


def guarded(work: Callable[[Item], Outcome], source: Callable[[Item], str], verb: str) -> Callable[[Item], Outcome]:
    """Work whose every failure becomes a line.

    Parameters
    ----------
    work : callable
        may raise
    source : callable
        names an input
    verb : str
        what could not be done, as in ``could not be mended``
    """

    def carry_out(item: Item) -> Outcome:
        name = source(item)
        try:
            return work(item)
        except UsageError as error:
            return Outcome(name, error=f"{name}: {error}")
        except ThermendError as error:
            return Outcome(name, error=str(error))
        except MemoryError:
            return Outcome(name, error=f"{name}: needs more memory than there is")
        except Exception as error:  # a fault of ours; the others are worked on all the same
            reason = f"{type(error).__name__}: {error}"
            return Outcome(name, error=f"{name}: could not be {verb} ({reason}); please report this")

    return carry_out
