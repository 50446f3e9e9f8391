"""Tables in Markdown, and their places in pages that are otherwise written by hand: the package's own, for scripts.

python benchmarks/pages.py REPORT.md PAGE PLACE    # a report's summary, as `thermend benchmark` writes it, into a page
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("place")
    given = parser.parse_args()
    lines = given.report.read_text(encoding="utf-8").splitlines()
    put(given.page, given.place, [line for line in lines if not line.startswith(("<!--", "# "))])


if __name__ == "__main__":
    main()
