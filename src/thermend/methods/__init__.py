"""The catalogue of methods, read without loading any of them.

A new method is one folder here and one line in :data:`CATALOGUE`. No system imports another; a classical method may build on
another classical one. Other packages bring theirs by entry points (:func:`catalogue`).
"""

from __future__ import annotations

import difflib
import warnings
from functools import cache
from importlib.metadata import entry_points

from thermend.errors import UsageError
from thermend.methods import classical, deal, detail, dual_decoder, hidra, level, ppfn
from thermend.methods.description import MethodDescription

_BOTH = ("radiometric", "display")

CATALOGUE: tuple[MethodDescription, ...] = (
    MethodDescription(
        "auto",
        None,
        _BOTH,
        None,
        "what the diagnosis asks for: classical methods, then networks for detail and for level",
        licence="CC-BY-4.0 AND CC0-1.0",
        chain=True,
        networks={"detail": "detail/compact", "level": "level/compact"},
    ),
    MethodDescription(
        "classical.chain",
        None,
        _BOTH,
        None,
        "the classical chain that the diagnosis asks for",
        chain=True,
    ),
    *classical.METHODS,
    *deal.METHODS,
    *detail.METHODS,
    *dual_decoder.METHODS,
    *ppfn.METHODS,
    *hidra.METHODS,
    *level.METHODS,
    MethodDescription(
        "onnx",
        None,
        _BOTH,
        None,
        "any one-channel network in an ONNX file (--weights)",
        runs_network=True,
    ),
)


ENTRY_POINTS = "thermend.methods"
"""The group in which other packages name theirs: each entry point a :class:`MethodDescription` with an
``opener``, or several."""


@cache
def catalogue() -> tuple[MethodDescription, ...]:
    """Every method: ours, and those that installed packages bring.

    A package whose methods cannot be loaded, or have names that are taken, is passed over with a warning: it is no
    reason not to mend images.
    """
    found = list(CATALOGUE)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            given = point.load()
            rows = [given] if isinstance(given, MethodDescription) else list(given)
            for row in rows:
                if not isinstance(row, MethodDescription) or row.opener is None:
                    raise TypeError("expected a MethodDescription with an opener, or several")
                if any(row.full_name in (other.full_name, other.name) for other in found):
                    raise ValueError(f"the name {row.full_name!r} is taken")
        except Exception as error:
            warnings.warn(f"methods of {point.value} cannot be used: {error}", stacklevel=2)
            continue
        found += rows
    return tuple(found)


def list_methods() -> list[MethodDescription]:
    """Every method, one row a variant: name, what it is, modes, parameters, and what its weights may be used for."""
    return list(catalogue())


def find(name: str) -> MethodDescription:
    """The catalogue's entry for ``name`` or ``name/variant``.

    Raises
    ------
    UsageError : there is none; the message names the nearest
    """
    if not isinstance(name, str):
        raise UsageError(f"a method is named by text, not by {name!r}")
    for entry in catalogue():
        if name in (entry.full_name, entry.name):
            return entry
    near = difflib.get_close_matches(
        name, [e.full_name for e in catalogue()] + [e.name.split(".")[-1] for e in catalogue()], 3, 0.5
    )
    near = [n if any(n == e.full_name for e in catalogue()) else f"classical.{n}" for n in near]
    hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    raise UsageError(f"method {name!r} is not known{hint} (thermend methods lists all)")


__all__ = ["CATALOGUE", "MethodDescription", "catalogue", "find", "list_methods"]
