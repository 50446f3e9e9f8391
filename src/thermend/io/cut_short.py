"""What is said of a recording of which a part cannot be read."""

from __future__ import annotations

import warnings
from pathlib import Path

from thermend.errors import CutShortWarning
from thermend.io.called import name_of


def warn_of_cut(path: Path, reason: str) -> None:
    """One line, as a warning: what is whole is read all the same."""
    warnings.warn(f"{name_of(path)}: {reason}", CutShortWarning, stacklevel=3)
