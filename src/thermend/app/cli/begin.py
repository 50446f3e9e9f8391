"""The first and the last that runs of the command: an interruption while everything is being imported, or when all is done,
leaves no trace. Between the two a command heeds it itself (:func:`thermend.jobs.interruption.heed`)."""

from __future__ import annotations

import os
import signal
from typing import Any


def run() -> None:
    """Entry point of `thermend`."""
    _leave_at_once()
    from thermend.app.cli.main import run as run_command

    try:
        run_command()
    finally:
        _leave_at_once()


def _leave_at_once() -> None:
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _: Any) -> None:
    os._exit(128 + number)  # there is nothing to put away
