"""What all commands say, and how they end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from thermend.jobs.executors import complain

DONE, SOME_FAILED, WRONG_USE = 0, 1, 2


@contextlib.contextmanager
def progress(total: int, title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing in a pipe; the given function is told how many files are done, and of how many."""
    if not sys.stderr.isatty() or total < 2:
        yield lambda done, total: None
        return
    with _bar() as bar:
        task = bar.add_task(title, total=total)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def frames() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A bar a recording on a terminal, with speed and time left; None in a pipe. The given function is told the recording, how
    many frames are done, and of how many."""
    if not sys.stderr.isatty():
        yield None
        return
    with _bar("{task.fields[speed]}") as bar:
        tasks: dict[str, Any] = {}

        def seen(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total, speed="")
            speed = bar.tasks[tasks[name]].speed
            bar.update(tasks[name], completed=done, total=total, speed=f"{speed:.1f} frames/s" if speed else "")
            if done == total:
                bar.remove_task(tasks[name])

        yield seen


def _bar(*fields: str) -> Any:
    """A bar of rich: title, how much of how much, further fields, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    more = (TextColumn(text) for text in fields)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *more, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def show(table: Any) -> None:
    """Print a rich table, as wide as it needs to be where there is no terminal to fit it into."""
    from rich.console import Console

    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=200)).print(table)


def exit_code(done: int, failed: int) -> int:
    """0 where all was done, 1 where something failed, 2 where nothing could be done at all."""
    if failed == 0:
        return DONE
    return SOME_FAILED if done else WRONG_USE


__all__ = ["DONE", "SOME_FAILED", "WRONG_USE", "complain", "exit_code", "frames", "progress", "show"]
