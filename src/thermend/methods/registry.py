"""The catalogue of methods, read without loading any of them.

A new method is one folder beside this module and one line in :data:`CATALOGUE`. No system imports another; a
classical method may build on another classical one. Other packages bring theirs by entry points (:func:`catalogue`).
"""

from __future__ import annotations

import difflib
import warnings
from functools import cache
from importlib.metadata import entry_points

from thermend.errors import RenamedWarning, ThermendWarning, UsageError
from thermend.methods import auto, classical, deal, detail, dual_decoder, funie_gan, hidra, level, onnx, ppfn
from thermend.methods.info import MethodInfo, todays_name

CATALOGUE: tuple[MethodInfo, ...] = (
    *auto.METHODS,
    *classical.METHODS,
    *deal.METHODS,
    *detail.METHODS,
    *dual_decoder.METHODS,
    *funie_gan.METHODS,
    *ppfn.METHODS,
    *hidra.METHODS,
    *level.METHODS,
    *onnx.METHODS,
)
"""Every method of ours, in the order of `thermend methods`."""

ENTRY_POINTS = "thermend.methods"
"""The group in which other packages name theirs: each entry point a :class:`MethodInfo` with an
``opener``, or several."""


@cache
def catalogue() -> tuple[MethodInfo, ...]:
    """Every method: ours, and those that installed packages bring.

    A package whose methods cannot be loaded, or have names that are taken, is passed over with a warning: it is no
    reason not to mend images.
    """
    found = list(CATALOGUE)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            given = point.load()
            rows = [given] if isinstance(given, MethodInfo) else list(given)
            for row in rows:
                if not isinstance(row, MethodInfo):
                    raise TypeError("expected a MethodInfo, or several")
                if any(row.full_name in (other.full_name, other.name) for other in found):
                    raise ValueError(f"the name {row.full_name!r} is taken")
        except Exception as error:
            warnings.warn(f"methods of {point.value} cannot be used: {error}", ThermendWarning, stacklevel=2)
            continue
        found += rows
    return tuple(found)


def list_methods() -> list[MethodInfo]:
    """Every method, one row a variant: name, what it is, modes, parameters, and what its weights may be used for."""
    return [row for row in catalogue() if not row.part]


def find(name: str) -> MethodInfo:
    """The catalogue's entry for ``name`` or ``name/variant``.

    Raises
    ------
    UsageError
        there is none; the message names the nearest
    """
    if not isinstance(name, str):
        raise UsageError(f"a method is named by text, not by {name!r}")
    if (today := todays_name(name)) != name:
        warnings.warn(f"{name} is called {today} now", RenamedWarning, stacklevel=2)
        name = today
    for entry in catalogue():
        if name in (entry.full_name, entry.name):
            return entry
    near = difflib.get_close_matches(
        name, [e.full_name for e in catalogue()] + [e.name.split(".")[-1] for e in catalogue()], 3, 0.5
    )
    near = [n if any(n == e.full_name for e in catalogue()) else f"classical.{n}" for n in near]
    hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    raise UsageError(f"method {name!r} is not known{hint} (thermend methods lists all)")
