"""Tables in Markdown, and their places in pages that are otherwise written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose first column is text and whose others are numbers; an empty line ends it."""
    lines = [list(head), ["---"] + ["---:"] * (len(head) - 1), *(list(r) for r in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def put(page: Path, place: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- place -->` and `<!-- end place -->` of a page."""
    begin, end = f"<!-- {place} -->", f"<!-- end {place} -->"
    text = page.read_text()
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page} has no place {begin} ... {end}")
    page.write_text(before + begin + "\n\n" + "\n".join(lines).strip() + "\n\n" + end + after)
