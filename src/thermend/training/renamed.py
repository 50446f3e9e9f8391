"""Keys of recipes that had other names: those are still read, since they stand in saved runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

RENAMED: dict[str, dict[str, str]] = {
    "": {
        "average": "ema_decay",
        "batch": "batch_size",
        "crop": "patch_size",
        "images": "max_images",
        "rate": "learning_rate",
        "start": "init_from",
        "warmup": "warmup_steps",
    },
    "solver": {"inner": "every"},
    "generator": {"noise": "gumbel_scale", "rate": "learning_rate"},
    "validation": {"images": "max_images"},
}
"""By section, "" at the top: what a key was called, and what it is called now."""


def with_todays_names(
    values: Mapping[str, Any], say: Callable[[str], None] | None = None, section: str = ""
) -> dict[str, Any]:
    """Keys and values with today's names.

    Parameters
    ----------
    values : mapping
        of a recipe, or of one of its sections
    say : callable or None
        called with a line for every old name
    section : str
        which section it is; "" for the recipe itself

    Raises
    ------
    ValueError
        a key stands there by both of its names
    """
    names = RENAMED.get(section, {})
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = names.get(key, key)
        if name != key:
            if name in values:
                raise ValueError(f"{key} is the old name of {name}; give one of them")
            if say is not None:
                before = f"{section}." if section else ""
                say(f"{before}{key} is called {before}{name} now")
        inner = not section and key in RENAMED and isinstance(value, Mapping)
        result[name] = with_todays_names(value, say, key) if inner else value
    return result
