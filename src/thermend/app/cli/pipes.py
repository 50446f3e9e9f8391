"""`-`: standard input and standard output in place of files."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from thermend.errors import InputError, UsageError

STANDARD = "-"


class Files(NamedTuple):
    """What a command is given in place of `-`.

    Attributes
    ----------
    inputs : sequence of str
    out : str
    results : Path or None
        the folder whose one file standard output will get
    """

    inputs: Sequence[str]
    out: str
    results: Path | None = None

    def say(self, text: str) -> None:
        """A command's answer; beside an image on standard output it has no place."""
        if self.results is None:
            print(text)
        else:
            print(text.replace(str(self.results), "standard output"), file=sys.stderr)

    def hand_over(self) -> None:
        """Write the result to standard output, if it goes there and there is one.

        Raises
        ------
        UsageError
            there are several
        """
        if self.results is None:
            return
        written = [path for path in sorted(self.results.rglob("*")) if path.is_file()]
        if len(written) > 1:
            raise UsageError(f"-o {STANDARD}: {len(written)} files were made, and standard output takes one")
        for path in written:
            sys.stdout.buffer.write(path.read_bytes())
            sys.stdout.buffer.flush()


@contextmanager
def files_for(inputs: Sequence[str], out: str = "") -> Iterator[Files]:
    """Temporary files in place of `-`.

    Parameters
    ----------
    inputs : sequence of str
        `-` is standard input, and then the only one
    out : str
        `-` is standard output, which takes the result of one input, in the input's format where that holds it

    Raises
    ------
    UsageError
        there are several inputs, or standard output is a terminal
    InputError
        standard input holds no image
    """
    if STANDARD not in (*inputs, out):
        yield Files(inputs, out)
        return
    if len(inputs) != 1:
        raise UsageError(f"{STANDARD}: standard input and output take one image; {len(inputs)} inputs are named")
    if out == STANDARD and sys.stdout.isatty():
        raise UsageError(f"-o {STANDARD}: standard output is a terminal; send it to a file or to another command")
    if out == STANDARD and Path(inputs[0]).is_dir():
        raise UsageError(f"-o {STANDARD}: {inputs[0]} is a folder, and standard output takes one image")
    with tempfile.TemporaryDirectory(prefix="thermend-") as place:
        results = Path(place) / "results"
        results.mkdir()
        if inputs[0] == STANDARD:
            inputs = [str(_standard_input(Path(place)))]
        yield Files(inputs, str(results), results) if out == STANDARD else Files(inputs, out)


def _standard_input(folder: Path) -> Path:
    from thermend.io.kinds import suffix_of

    path = folder / "stdin"
    path.write_bytes(sys.stdin.buffer.read())
    try:
        return path.rename(path.with_suffix(suffix_of(path)))
    except InputError as error:
        raise InputError("standard input", error.reason) from error
