"""`thermend methods`."""

from __future__ import annotations

import json
from collections.abc import Callable

from thermend.app.cli import console
from thermend.methods import list_methods


def run(as_json: bool, say: Callable[[str], None] = print) -> int:
    """Carry out the command; returns its exit code."""
    if as_json:
        keys = ("name", "variant", "parameters", "macs", "weights", "modes", "licence")
        say(json.dumps([{key: getattr(entry, key) for key in keys} for entry in list_methods()], indent=1))
        return 0
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("method", no_wrap=True)
    table.add_column("what it is")
    table.add_column("modes")
    if counted := any(entry.parameters for entry in list_methods()):
        table.add_column("parameters", justify="right")
    table.add_column("use of the weights")
    for entry in list_methods():
        limits = (
            entry.licence.replace("LicenseRef-", "").replace(" AND ", ", ") if "LicenseRef" in entry.licence else ""
        )
        modes = "both" if len(entry.modes) > 1 else entry.modes[0]
        parameters = [f"{entry.parameters:,}" if entry.parameters else ""] if counted else []
        table.add_row(entry.full_name, entry.title, modes, *parameters, limits)
    console.show(table)
    return 0
