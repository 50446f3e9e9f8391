"""`thermend methods`."""

from __future__ import annotations

import json
from collections.abc import Callable

from thermend.methods import CATALOGUE


def run(as_json: bool, say: Callable[[str], None] = print) -> int:
    """Carry out the command; returns its exit code."""
    if as_json:
        keys = ("name", "variant", "parameters", "macs", "weights", "modes")
        say(json.dumps([{key: getattr(entry, key) for key in keys} for entry in CATALOGUE], indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("method", "modes", "parameters", "what it is"):
        table.add_column(title, justify="right" if title == "parameters" else "left", overflow="fold")
    for entry in CATALOGUE:
        table.add_row(
            entry.full_name, ", ".join(entry.modes), f"{entry.parameters:,}" if entry.parameters else "", entry.title
        )
    Console().print(table)
    return 0
