"""Places in pages that are otherwise written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thermend.errors import InputError
from thermend.io.atomic import whole_file


def put(page: Path, place: str, lines: Sequence[str]) -> None:
    """Replace what stands between ``<!-- place -->`` and ``<!-- end place -->`` of a page.

    Raises
    ------
    InputError
        the page cannot be read or written, or has no such place
    """
    begin, end = f"<!-- {place} -->", f"<!-- end {place} -->"
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(page, f"cannot be read: {error.strerror or error}") from error
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise InputError(page, f"has no place {begin} ... {end}")
    with whole_file(page, overwrite=True) as temporary:
        temporary.write_text(
            before + begin + "\n\n" + "\n".join(lines).strip() + "\n\n" + end + after, encoding="utf-8"
        )
