"""Images diagnosed, file by file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermend import io
from thermend.errors import UsageError
from thermend.estimation import diagnose, normalised
from thermend.image import ThermalImage
from thermend.io import ReadOptions
from thermend.jobs.job import Outcome, guarded
from thermend.jobs.sources import Input
from thermend.methods.protocol import EstimatesDegradations
from thermend.restoration import load
from thermend.weights.checkpoints import SUFFIXES


@dataclass(frozen=True)
class Diagnose:
    """What is asked for, for every file alike.

    Attributes
    ----------
    reading : ReadOptions
        what is stated of the inputs
    by : str or None
        a method whose opinion is asked for too
    weights : str or None
        of that method
    """

    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (immutable)
    by: str | None = None
    weights: str | None = None

    def source(self, item: Input) -> str:
        """An input, as a line names it."""
        return str(item.path)

    def begin(self) -> Callable[[Input], Outcome]:
        """Load the method whose opinion is asked for, once a process."""
        opinion = second_opinion(self.by, self.weights) if self.by is not None else None

        def work(item: Input) -> Outcome:
            if item.problem:
                return Outcome(str(item.path), error=f"{item.path}: {item.problem}")
            image = next(io.read_pages(item.path, self.reading))
            found = {"file": str(item.path), **diagnose(image).as_dict()}
            if opinion is not None:
                found["second_opinion"] = opinion(image)
            return Outcome(str(item.path), found=found)

        return guarded(work, self.source, "diagnosed")


def second_opinion(by: str, weights: str | None = None) -> Callable[[ThermalImage], dict[str, Any]]:
    """What a method takes to be wrong with an image, beside the diagnosis.

    Parameters
    ----------
    by : str
        the method
    weights : str or None
        its weights; None takes those that ship

    Returns
    -------
    callable
        from an image to questions and the chance of each answer, and whose opinion it is (``by``)

    Raises
    ------
    UsageError
        the method has no opinion, or no weights ship
    InputError
        the weights cannot be read, or hold none
    """
    if weights is not None and Path(weights).suffix not in SUFFIXES:
        raise UsageError(f"{weights}: --by takes weights with a probe, {' or '.join(SUFFIXES)}")
    method = load(by, weights=weights, engine="torch").method
    if not isinstance(method, EstimatesDegradations):
        raise UsageError(f"--by {by}: {method.info.full_name} has no opinion of what is wrong with an image; hidra has")
    asked: EstimatesDegradations = method
    asked.questions()  # weights that know none are refused before the first image

    def of(image: ThermalImage) -> dict[str, Any]:
        return {"by": by, **asked.opinion(normalised(image).pixels)}

    return of
