"""Docstrings name things by roles (``:func:`load```), which Markdown knows nothing of: on the site they are code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ROLE = re.compile(r":(?:py:)?(?:func|meth|class|mod|data|attr|exc):`~?([^`]+)`")


class Roles(Extension):
    """Turn roles into code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for everything that is documented."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda m: f"`{m[1].removeprefix('thermend.')}`", obj.docstring.value)
