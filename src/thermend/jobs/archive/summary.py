"""What a manifest says: of every input its latest row, and the runs that made them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from thermend.errors import UsageError
from thermend.io import stores
from thermend.jobs.archive import manifest
from thermend.jobs.archive.arrow import pa, pc
from thermend.jobs.archive.objects import MANIFEST

COLUMNS = [
    "input", "size", "outcome", "reason", "output", "method", "version", "weights_sha256", "options", "diagnosis", "frames",
    "suspect", "seconds", "cores", "run", "finished",
]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Attributes
    ----------
    name : str
    first, last : datetime
        when its first and its last input were finished
    inputs, failed : int
    core_hours : float
        that workers spent on inputs
    """

    name: str
    first: datetime
    last: datetime
    inputs: int
    failed: int
    core_hours: float

    @property
    def per_minute(self) -> float | None:
        """Inputs a minute, between its first and its last; None for a single one."""
        minutes = (self.last - self.first).total_seconds() / 60
        return self.inputs / minutes if minutes > 0 else None


@dataclass(frozen=True)
class Summary:
    """Of an archive.

    Attributes
    ----------
    latest : pyarrow.Table
        a row an input, its latest; columns are :data:`COLUMNS`
    runs : list of Run
        the oldest first
    """

    latest: pa.Table
    runs: list[Run]

    @property
    def outcomes(self) -> Counter[str]:
        """How many inputs ended how."""
        return Counter(self.latest["outcome"].to_pylist())

    @property
    def reasons(self) -> Counter[str]:
        """How many failed for which reason, numbers and names aside."""
        rows = zip(self.latest["outcome"].to_pylist(), self.latest["reason"].to_pylist())
        return Counter(_kind_of(reason or "") for outcome, reason in rows if outcome == manifest.FAILED)

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Inputs that failed, and why, by name."""
        columns = (self.latest[name].to_pylist() for name in ("input", "outcome", "reason"))
        return sorted((name, reason or "") for name, outcome, reason in zip(*columns) if outcome == manifest.FAILED)

    @property
    def core_hours(self) -> float:
        """That workers spent, over all runs."""
        return sum(run.core_hours for run in self.runs)

    def made_by(self) -> Counter[tuple[str, str, str]]:
        """Method, version and weights of the results that are there."""
        columns = [self.latest[name].to_pylist() for name in ("outcome", "method", "version", "weights_sha256")]
        rows = zip(*columns)
        return Counter((m or "", v or "", (w or "")[:12]) for outcome, m, v, w in rows if outcome != manifest.FAILED)

    def diagnosis(self, name: str) -> Any:
        """One number of the diagnoses, (inputs,), NaN where there is none."""
        found = pc.struct_field(self.latest["diagnosis"], name).combine_chunks()
        return np.asarray(found.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False), float)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "inputs": len(self.latest),
            "outcomes": dict(self.outcomes),
            "reasons": dict(self.reasons.most_common()),
            "made_by": [
                {"method": m, "version": v, "weights": w, "inputs": n} for (m, v, w), n in self.made_by().most_common()
            ],
            "core_hours": round(self.core_hours, 4),
            "runs": [
                {
                    "run": run.name, "first": run.first.isoformat(), "last": run.last.isoformat(), "inputs": run.inputs,
                    "failed": run.failed, "core_hours": round(run.core_hours, 4),
                    "per_minute": None if run.per_minute is None else round(run.per_minute, 1),
                }
                for run in self.runs
            ],
        }  # fmt: skip


def summary_of(out: str) -> Summary:
    """Read a manifest.

    Parameters
    ----------
    out : str
        folder of the results, an address or a path

    Raises
    ------
    UsageError
        there is no manifest
    InputError
        a part of it cannot be read
    """
    tables = list(manifest.read(stores.checked(out), COLUMNS))
    if not tables:
        raise UsageError(f"{out}: holds no {MANIFEST}; `thermend enhance SRC -o {out} --on ray` writes one")
    rows = pa.concat_tables(tables).sort_by("finished")
    place = {name: number for number, name in enumerate(rows["input"].to_pylist())}  # the last of each
    return Summary(rows.take(sorted(place.values())), _runs(rows))


def _runs(rows: pa.Table) -> list[Run]:
    grouped: dict[str, list[tuple[datetime, bool, float]]] = {}
    names = ("run", "finished", "outcome", "seconds", "cores")
    for run, finished, outcome, seconds, taken in zip(*(rows[name].to_pylist() for name in names)):
        hours = (seconds or 0.0) * (taken or 0.0) / 3600
        grouped.setdefault(run or "", []).append((finished, outcome == manifest.FAILED, hours))
    found = []
    for name, some in grouped.items():
        times, failed, hours = zip(*some)
        found.append(Run(name, min(times), max(times), len(some), sum(failed), sum(hours)))
    return sorted(found, key=lambda run: run.first)


def _kind_of(reason: str) -> str:
    """A reason without what differs from file to file."""
    return re.sub(r"\d+", "N", re.sub(r"\S*(/|://)\S*", "…", reason))[:200]
