"""Signals that ask to end: how a process leaves, and what it finishes before."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop(number: int, _: Any) -> None:
    """Handle a signal that asks to end: leave by way of every clean-up."""
    raise SystemExit(128 + number)


def heed() -> None:
    """From here on, there is something to put away: a signal that asks to end is an exception, which every clean-up sees.

    Before, while a command is still being imported, it ends the process at once (``app.cli.begin``): an exception within an
    import reaches nobody as what it is.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stop)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """What is within is one step: a signal that comes meanwhile is heeded after it, and a second one at once."""
    if threading.current_thread() is not threading.main_thread():  # which signals never interrupt
        yield
        return
    before = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
    came: list[int] = []

    def remember(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > 1:
            before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if len(came) == 1:
            signal.raise_signal(came[0])
