"""What became of every input of an archive: rows in Parquet, in parts that are added and never changed.

A part appears whole or not at all, under a name of its own; of rows about one input the latest counts. pandas and DuckDB read
the folder as it is (docs/archives.md).
"""

from __future__ import annotations

import bisect
import itertools
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from thermend.errors import InputError, first_line
from thermend.estimation import Diagnosis
from thermend.io import stores
from thermend.io.stores import digest
from thermend.jobs.archive.arrow import pa, pc, pq
from thermend.jobs.archive.objects import MANIFEST
from thermend.jobs.archive.staging import Kept

DONE, FAILED = "done", "failed"
"""Outcomes: its result is there; there is none."""
_LATEST = 2**53  # µs; in 2255
MOST_ROWS, MOST_SECONDS = 1000, 60.0
"""After which a part is written: so much is known again only by making it again, where the driver is killed."""

_NUMBERS = (
    "noise_sigma", "stripe_sigma", "crossing_stripe_sigma", "blur_sigma", "nonuniformity", "nonuniformity_share", "contrast",
    "black_level", "noise_kelvin", "stripe_kelvin", "nonuniformity_kelvin", "correlated_noise_sigma", "noise_correlation",
)  # fmt: skip
_DIAGNOSIS = pa.struct(
    [(name, pa.float64()) for name in _NUMBERS]
    + [("stripe_direction", pa.string()), ("dead_pixels", pa.int64()), ("dead_columns", pa.int64())]
    + [("interpolated", pa.bool_()), ("stripe_forms", pa.list_(pa.string()))]
)
_RESULT = pa.struct([("address", pa.string()), ("sha256", pa.string()), ("etag", pa.string())])
SCHEMA = pa.schema(
    [
        ("input", pa.string()), ("size", pa.int64()), ("etag", pa.string()), ("sha256", pa.string()),
        ("outcome", pa.string()), ("reason", pa.string()),
        ("output", pa.string()), ("output_sha256", pa.string()), ("output_etag", pa.string()),
        ("beside", pa.list_(_RESULT)),
        ("method", pa.string()), ("version", pa.string()), ("weights_sha256", pa.string()), ("options", pa.string()),
        ("diagnosis", _DIAGNOSIS), ("frames", pa.int64()), ("suspect", pa.float64()),
        ("seconds", pa.float64()), ("cores", pa.float64()), ("run", pa.string()),
        ("finished", pa.timestamp("us", tz="UTC")),
    ]
)  # fmt: skip
"""Columns of a manifest; docs/archives.md says what each means."""


def row(**values: Any) -> dict[str, Any]:
    """One row, with what it says nothing of left out; ``diagnosis`` may be a :class:`Diagnosis`."""
    diagnosis = values.get("diagnosis")
    if isinstance(diagnosis, Diagnosis):
        said = asdict(diagnosis)
        values["diagnosis"] = {field.name: said[field.name] for field in _DIAGNOSIS}
        values["diagnosis"]["stripe_forms"] = list(said["stripe_forms"])
    outputs: tuple[Kept, ...] = values.pop("outputs", ())
    if outputs:
        first, *others = outputs
        values |= {"output": first.address, "output_sha256": first.sha256, "output_etag": first.etag}
        values["beside"] = [asdict(other) for other in others]
    values.setdefault("finished", datetime.now(timezone.utc))
    return {name: text(value) if isinstance(value, str) else value for name, value in values.items()}


def text(said: str) -> str:
    """A text as a manifest holds it: of a file's name that is not UTF-8, the bytes spelled out."""
    return said.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as Arrow has them."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


class Writer:
    """Adds rows to the manifest of a folder of results.

    Parameters
    ----------
    out : str
        the folder, an address or a path
    """

    def __init__(self, out: str) -> None:
        self.run = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        """Name of what is written by this writer."""
        self._folder = stores.joined(out, MANIFEST)
        self._rows: list[pa.Table] = []
        self._parts = 0
        self._since = time.monotonic()

    def add(self, rows: pa.Table) -> None:
        """Take rows; now and then a part is written."""
        self._rows.append(rows)
        waiting = sum(len(some) for some in self._rows)
        if waiting >= MOST_ROWS or time.monotonic() - self._since >= MOST_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken.

        Raises
        ------
        InputError
            the store refuses; the rows are still held
        """
        rows = pa.concat_tables(self._rows) if self._rows else None
        self._since = time.monotonic()
        if rows is None or not len(rows):
            return
        name = f"part-{self.run}-{self._parts:06d}.parquet"
        with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
            part = Path(folder) / name
            pq.write_table(rows, part, compression="zstd")
            stores.put(
                part, stores.joined(self._folder, name), replace=True
            )  # of the same rows, by an answer that was lost
        self._parts += 1
        self._rows = []


def parts(out: str) -> list[str]:
    """The parts of a manifest, in the order in which they were begun."""
    found = (stores.name_of(there.address) for there in stores.listed(stores.joined(out, MANIFEST)))
    return [
        stores.joined(out, MANIFEST, name)
        for name in sorted(found)
        if name.startswith("part-") and name.endswith(".parquet")
    ]


def read(out: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a manifest, part by part.

    Raises
    ------
    InputError
        a part cannot be read, or is none
    """
    for address in parts(out):
        with tempfile.TemporaryDirectory(prefix="thermend-") as folder:
            path = stores.fetched(address, Path(folder) / "part.parquet")
            try:
                found = pq.read_table(path, columns=columns)
                rows = found.cast(pa.schema([SCHEMA.field(name) for name in found.column_names]))
                rows.validate(full=True)  # of a text, say, that is none
                _check(rows)
            except (pa.ArrowException, KeyError, ValueError, OSError) as error:
                raise InputError(address, f"is no part of a manifest ({first_line(error)})") from error
            yield rows


def _check(rows: pa.Table) -> None:
    """Refuse rows without an input, or of a time that no calendar has.

    Raises
    ------
    ValueError
        so they are
    """
    if rows.column("input").null_count:
        raise ValueError("a row without its input")
    if "finished" in rows.column_names and len(rows):
        when = pc.min_max(rows["finished"].cast(pa.int64())).as_py()
        if rows["finished"].null_count or not 0 <= when["min"] <= when["max"] < _LATEST:
            raise ValueError("a row without its time")


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest says of an input.

    Attributes
    ----------
    outcome, size, etag, options
        as the columns, of its latest row
    outputs : tuple of Kept
        of that row
    ours : tuple of Kept
        of all its rows
    """

    outcome: str
    size: int
    etag: str
    options: str
    outputs: tuple[Kept, ...]
    ours: tuple[Kept, ...]


_WANTED = [
    "input",
    "outcome",
    "size",
    "etag",
    "options",
    "output",
    "output_sha256",
    "output_etag",
    "beside",
    "finished",
]


class Ledger:
    """All inputs that a manifest knows.

    It is held as the columns that Arrow reads, with an index of eight bytes an input: some 400 bytes an input.

    Parameters
    ----------
    out : str
        folder of the results
    """

    def __init__(self, out: str) -> None:
        self._tables = list(read(out, _WANTED))
        self._index: dict[int, int | list[int]] = {}
        """Numbers of an input's rows, over all tables; a list where there are several."""
        number = 0
        for some in self._tables:
            for name in some["input"].to_pylist():
                key = digest(name)
                before = self._index.get(key)
                if before is None:
                    self._index[key] = number
                elif isinstance(before, int):
                    self._index[key] = [before, number]
                else:
                    before.append(number)
                number += 1
        self._ends = list(itertools.accumulate(len(some) for some in self._tables))

    def __len__(self) -> int:
        return len(self._index)

    def get(self, name: str) -> Known | None:
        """What is known of an input."""
        places = self._index.get(digest(text(name)))
        if places is None:
            return None
        rows = sorted(
            (self._row(n) for n in ([places] if isinstance(places, int) else places)), key=lambda r: r["finished"]
        )
        latest = rows[-1]
        ours = dict.fromkeys(kept for said in rows for kept in _outputs(said))
        return Known(
            latest["outcome"],
            latest["size"] or 0,
            latest["etag"] or "",
            latest["options"] or "",
            _outputs(latest),
            tuple(ours),
        )

    def _row(self, number: int) -> dict[str, Any]:
        at = bisect.bisect_right(self._ends, number)
        found: dict[str, Any] = self._tables[at].slice(number - (self._ends[at - 1] if at else 0), 1).to_pylist()[0]
        return found


def _outputs(said: dict[str, Any]) -> tuple[Kept, ...]:
    if not said["output"]:
        return ()
    first = Kept(said["output"], said["output_sha256"], said["output_etag"])
    return (first, *(Kept(**other) for other in said["beside"] or ()))
