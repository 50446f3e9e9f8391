"""Methods that a chain hands to, found by what they can do."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from thermend.errors import UsageError
from thermend.methods.info import MethodInfo
from thermend.methods.options import Options
from thermend.methods.protocol import CorrectsLevel, MendsDetail, Method, UsesNetworks


class Helpers:
    """The first method of the catalogue that serves a chain for detail, and the first for level.

    Each is opened once it is wanted, since most images do without one or the other.

    Parameters
    ----------
    options : Options
        that they are opened with
    """

    def __init__(self, options: Options) -> None:
        self._options = replace(options, asked="")
        self._opened: dict[str, Method] = {}
        self._lock = threading.Lock()

    def detail(self) -> MendsDetail:
        """Against noise, fixed pattern and blur."""
        method = self._serving("detail")
        if not isinstance(method, MendsDetail):
            raise TypeError(f"{method.info.full_name} mends no detail")
        return method

    def level(self) -> CorrectsLevel:
        """Against lost level and contrast, and vignetting."""
        method = self._serving("level")
        if not isinstance(method, CorrectsLevel):
            raise TypeError(f"{method.info.full_name} corrects no level")
        return method

    def name(self, role: str) -> str:
        """As the catalogue has it, for the provenance."""
        return self._info(role).full_name

    def weights_of(self, names: set[str]) -> dict[str, str]:
        """Of those that are named the SHA-256 of their weights' file, by name."""
        found = {}
        for method in list(self._opened.values()):
            if method.info.full_name in names and isinstance(method, UsesNetworks):
                found[method.info.full_name] = str(method.weights_of([]))
        return found

    def _serving(self, role: str) -> Method:
        with self._lock:
            if role not in self._opened:
                self._opened[role] = self._info(role).open(self._options)
            return self._opened[role]

    @staticmethod
    def _info(role: str) -> MethodInfo:
        from thermend.methods.registry import catalogue  # which lists the chains too

        for row in catalogue():
            if row.serves == role:
                return row
        raise UsageError(f"no method serves a chain for {role}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Helpers, (self._options,)  # what an engine has compiled stays in its process
