"""The first that runs of the command: an interruption while everything else is still being imported leaves no trace."""

from __future__ import annotations

import os
import signal
from typing import Any


def run() -> None:
    """Entry point of `thermend`."""
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    from thermend.app.cli.main import run as run_command

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_command()


def _leave(number: int, _: Any) -> None:
    os._exit(128 + number)  # nothing is begun yet that would have to be put away
