"""Which images are for training and which are for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from thermend.io.folders import stem_of

_TEST_SHARE = 0.2


def split(names: Iterable[str], seed: int) -> tuple[list[str], list[str]]:
    """Training and test names: a fifth is for tests, by a hash of the name, and at least one."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    tests = set(ranked[: max(1, round(_TEST_SHARE * len(ranked)))])
    return sorted(set(ranked) - tests), sorted(tests)


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """A name for each file that no other has: its stem, or its whole name where the stem is taken."""
    stems = [p.stem for p in paths]
    return [stem if stems.count(stem) == 1 else path.name for stem, path in zip(stems, paths)]


def listed_stems(path: Path) -> set[str]:
    """The stems that a list names, one name a line, with or without folder and suffix."""
    names = [line.strip() for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")]
    return {stem_of(name) for name in names if name}
