"""A comparison as one HTML file that asks nothing of any host, and as Markdown."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thermend.errors import ExistsError
from thermend.evaluation import tables
from thermend.evaluation.records import Record

MOST_BYTES = 20_000_000
"""Of the HTML file."""
MARK = '<meta name="generator" content="thermend benchmark">'
"""By which a report is known as one, and may be made anew."""
MARKDOWN_MARK = "<!-- made by thermend benchmark -->"
_DETAILS = 6_000_000
"""Bytes of the table by image; where it would be larger, only its main measures stand in it."""
CLEAN, INPUT = "clean", tables.INPUT


@dataclass(frozen=True)
class Picture:
    """One image of a condition, as it is shown.

    Attributes
    ----------
    condition, images, image : str
        as in :class:`thermend.evaluation.records.Case`
    versions : mapping
        by :data:`CLEAN`, :data:`INPUT` and the methods, a PNG each, or the address of one relative to the report
    """

    condition: str
    images: str
    image: str
    versions: Mapping[str, bytes | str]


@dataclass(frozen=True)
class Facts:
    """What a report says of itself.

    Attributes
    ----------
    title : str
    command : str
        that makes it again
    ran_on : sequence of (str, str)
        name and value
    failures : sequence of str
        lines of what could not be measured
    """

    title: str
    command: str
    ran_on: Sequence[tuple[str, str]]
    failures: Sequence[str] = ()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture, (H, W) uint8, lossless."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def check_ours(path: Path, mark: str) -> None:
    """Refuse to make anew what is no report of ours.

    Raises
    ------
    ExistsError
        the file is there and is something else
    """
    if path.exists() and (not path.is_file() or mark not in path.read_text("utf-8", "replace")[:2000]):
        raise ExistsError(path, "exists already and is no report of thermend benchmark; name another")


def as_markdown(records: Sequence[Record], facts: Facts, names: Sequence[str] = ()) -> str:
    """The summary, what it ran on, and the command."""
    lines = [MARKDOWN_MARK, f"# {facts.title}", "", *tables.summary(records, names)]
    lines += [f"- {name}: {value}" for name, value in facts.ran_on]
    lines += [f"- not measured: {line}" for line in facts.failures]
    return "\n".join([*lines, "", "    " + facts.command, ""])


def as_html(records: Sequence[Record], facts: Facts, pictures: Iterable[Picture], most: int = MOST_BYTES) -> str:
    """The report. Pictures come in as long as they fit, in turn from each condition; a line says how many did not.

    Parameters
    ----------
    records : sequence of Record
    facts : Facts
    pictures : iterable of Picture
        the most telling of each condition first
    most : int
        bytes that the file may have
    """
    names = tables.measured(records)
    rows = tables.rows(records)
    best = {name: tables.winners(rows, name) for name in names}
    data = {
        "measures": [
            {"name": n, **tables.of(n)._asdict()} for n in names
        ],
        "summary": [
            {
                "condition": tables.named(row.condition), "method": row.method, "images": row.images,
                "seconds": row.seconds and round(row.seconds, 4), "values": _short(row.means, names),
                "best": [n for n in names if (row.condition, row.method) in best[n]],
            }
            for row in rows
        ],
        "images": _by_image(records, names),
    }  # fmt: skip
    folder = files("thermend.evaluation") / "report_page"
    page = (folder / "page.html").read_text("utf-8")
    fixed = {
        "mark": MARK, "title": html.escape(facts.title), "command": html.escape(facts.command),
        "style": (folder / "page.css").read_text("utf-8"), "script": (folder / "page.js").read_text("utf-8"),
        "ran_on": "".join(f"<dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd>" for n, v in facts.ran_on),
        "failures": _failures(facts.failures), "winners": _winners(rows, best), "data": _script(data),
    }  # fmt: skip
    shown, left = _within(pictures, most - len(page) - sum(len(v.encode()) for v in fixed.values()) - 1000)
    note = f"{left} more pictures would have made this file larger than {most // 10**6} MB." if left else ""
    fixed |= {"pictures": "[" + ",".join(shown) + "]", "left": note}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fixed[found[1]], page)


def _by_image(records: Sequence[Record], names: Sequence[str]) -> list[dict[str, object]]:
    for chosen in (names, [n for n in tables.MAIN if n in names]):
        found: list[dict[str, object]] = [
            {
                "condition": tables.named(r.case.condition), "set": r.case.images, "image": r.case.image,
                "method": r.case.method,
                "seconds": round(r.seconds, 4), "values": _short(r.metrics, chosen), "before": _short(r.input_metrics, chosen),
            }
            for r in records
        ]  # fmt: skip
        if len(json.dumps(found)) <= _DETAILS:
            break
    return found


def _short(values: Mapping[str, float | None], names: Sequence[str]) -> dict[str, float]:
    """Five digits of each that is there."""
    return {name: float(f"{value:.5g}") for name in names if (value := values.get(name)) is not None}


def _winners(rows: Sequence[tables.Row], ahead: Mapping[str, set[tuple[str, str]]]) -> str:
    """Who is ahead by each measure in how many conditions, in words."""
    lines = []
    for name, best in ahead.items():
        if not best:
            continue
        count: dict[str, list[str]] = {}
        for condition in dict.fromkeys(row.condition for row in rows):
            for row in rows:
                if (row.condition, row.method) in best and row.condition == condition:
                    count.setdefault(row.method, []).append(tables.named(condition))
        ordered = sorted(count.items(), key=lambda each: -len(each[1]))
        told = "; ".join(
            f"<b>{html.escape(method)}</b> {len(where)} <span>({html.escape(', '.join(where))})</span>"
            for method, where in ordered
        )
        lines.append(f"<dt>{html.escape(tables.of(name).title)}</dt><dd>{told}</dd>")
    return "".join(lines)


def _failures(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    told = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<details open><summary>{len(lines)} could not be measured</summary><ul>{told}</ul></details>"


def _script(data: object) -> str:
    """JSON that cannot end the element that it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _within(pictures: Iterable[Picture], room: int) -> tuple[list[str], int]:
    """As many as there is room for, and how many there was none for."""
    shown: list[tuple[int, str]] = []
    left = 0
    for number, picture in _in_turn(pictures):
        made = _script(_described(picture))
        if len(made) + 1 > room:
            left += 1
            continue
        room -= len(made) + 1
        shown.append((number, made))
    return [made for _, made in sorted(shown, key=lambda each: each[0])], left


def _in_turn(pictures: Iterable[Picture]) -> Iterator[tuple[int, Picture]]:
    """The first of each condition, then the second of each, and so on, numbered as they came."""
    by_condition: dict[str, list[tuple[int, Picture]]] = {}
    for number, picture in enumerate(pictures):
        by_condition.setdefault(picture.condition, []).append((number, picture))
    for turn in range(max(map(len, by_condition.values()), default=0)):
        for ones in by_condition.values():
            if turn < len(ones):
                yield ones[turn]


def _described(picture: Picture) -> dict[str, object]:
    versions = {
        name: given if isinstance(given, str) else "data:image/png;base64," + base64.b64encode(given).decode()
        for name, given in picture.versions.items()
    }
    return {
        "condition": tables.named(picture.condition), "set": picture.images, "image": picture.image, "versions": versions,
    }  # fmt: skip
