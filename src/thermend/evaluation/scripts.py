"""How commands of this floor, ``python -m thermend.evaluation...``, end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from thermend.errors import ThermendError


def told(line: str) -> None:
    """Say how far the work is, on standard error; a line at a time, whoever else says something."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def exit_code(work: Callable[[], None]) -> int:
    """Carry out the work: 0, or 2 after one line on standard error where an expected error ends it."""
    try:
        work()
    except ThermendError as error:
        told(f"thermend: {error}")
        return 2
    return 0
