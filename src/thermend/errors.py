"""What can go wrong, in words that a user can act on.

Every error that thermend raises on purpose derives from :class:`ThermendError`; the command line prints its message as
one line and never a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def first_line(error: BaseException) -> str:
    """What a library's error says, as far as it fits into one line of ours."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A text in which each path is called by its name."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text


class ThermendError(Exception):
    """Base of all errors that thermend raises on purpose."""


class InputError(ThermendError):
    """A file that cannot be read, or written, or makes no sense as a thermal image.

    Parameters
    ----------
    path : str or PathLike
        path of the file; the message begins with it
    reason : str
        what is wrong with it, and where it helps, what to do
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = os.fspath(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.path, self.reason)


class ExistsError(InputError):
    """A file that is there already, and is not replaced."""


class UsageError(ThermendError, ValueError):
    """A call that cannot be carried out as asked: a wrong option, an unknown name, a mode that a method does not have."""


class NotFiniteError(UsageError):
    """A method made numbers that are none (NaN or infinite): weights that are broken, or pixels that no arithmetic holds."""


class MissingDependencyError(UsageError):
    """Something optional is not installed; the message holds the line that installs it."""


class Cancelled(ThermendError):  # noqa: N818 (no error: it was asked for)
    """The caller's ``cancel`` answered that the work is to end; nothing was made."""


class ThermendWarning(UserWarning):
    """Base of what is said, once, and goes on all the same."""


class ImplausibleWarning(ThermendWarning):
    """Numbers that a file, or the user, states make no sense."""


class CutShortWarning(ThermendWarning):
    """A part of a recording cannot be read; its other frames are."""


class RenamedWarning(ThermendWarning, FutureWarning):
    """Something was asked for by an earlier name; the message has today's."""
