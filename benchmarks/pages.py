"""Tables in Markdown, and their places in pages that are otherwise written by hand: the package's own, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thermend import InputError
from thermend.evaluation.reproduction import page as pages
from thermend.evaluation.tables import markdown as table

__all__ = ("put", "table")


def put(page: Path, place: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- place -->` and `<!-- end place -->` of a page."""
    try:
        pages.put(page, place, lines)
    except InputError as error:
        raise SystemExit(str(error)) from None
