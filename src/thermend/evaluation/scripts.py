"""How commands of this floor, ``python -m thermend.evaluation...``, end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

from thermend.errors import ThermendError


def told(line: str) -> None:
    """Say how far the work is, on standard error; a line at a time, whoever else says something."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def exit_code(work: Callable[[], None]) -> int:
    """Carry out the work: 0; 2 after one line on standard error where an expected error ends it, 130 where Ctrl-C does. A
    signal that asks to end is an exception within."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        work()
    except ThermendError as error:
        told(f"thermend: {error}")
        return 2
    except KeyboardInterrupt:
        told("thermend: interrupted")
        return 128 + signal.SIGINT
    return 0


def _leave(number: int, _: Any) -> None:
    raise SystemExit(128 + number)
