"""Methods one after another: ``a+b``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from thermend.errors import UsageError
from thermend.image import Metadata, ThermalImage
from thermend.methods.info import MethodInfo
from thermend.methods.protocol import ChoosesContrast, Enlarges, StepRecord, declares
from thermend.methods.watch import Cancel, Progress
from thermend.restoration.restorer import MODES, Restorer
from thermend.restoration.result import Result
from thermend.restoration.verification import Verification

THEN = "+"
"""Between the names of methods that follow one another."""


def described(methods: Sequence[MethodInfo]) -> MethodInfo:
    """The row that methods one after another would have in the catalogue.

    Raises
    ------
    UsageError
        they have no mode in common
    """
    first = methods[0]
    name = THEN.join(info.full_name for info in methods)
    modes = tuple(mode for mode in first.modes if all(mode in info.modes for info in methods))
    if not modes:
        raise UsageError(f"{name}: the methods have no mode in common")
    counts = [info.macs for info in methods if info.parameters]
    licences = dict.fromkeys(part for info in methods for part in info.licence.split(" AND "))
    return replace(
        first,
        name=name,
        variant=None,
        modes=modes,
        title=", then ".join(info.title for info in methods),
        function=None,
        parameters=sum(info.parameters for info in methods),
        macs=None if None in counts else sum(count for count in counts if count is not None),
        licence=" AND ".join(licences),
        weights=None,
        generative=any(info.generative for info in methods),
        network=None,
        recipe=None,
        training=None,
    )


@dataclass(frozen=True)
class RestorerSequence(Restorer):
    """Restorers one after another, each given the other's whole result; provenance tells of each, the last one first.

    The first that makes more pixels itself is asked for the scale, else the first; a choice of contrast goes to those that
    leave one.

    Attributes
    ----------
    method : Method
        of the last
    restorers : tuple of Restorer
        two or more
    """

    restorers: tuple[Restorer, ...] = ()

    @property
    def info(self) -> MethodInfo:
        """The row that they would have in the catalogue."""
        return described([restorer.info for restorer in self.restorers])

    @property
    def weights_sha256(self) -> str | None:
        """Of their files of weights, joined; None where none has one."""
        found = [restorer.weights_sha256 for restorer in self.restorers]
        return THEN.join(each or "" for each in found) if any(found) else None

    @property
    def fills_cores(self) -> bool:
        """Whether one of them keeps all cores busy by itself."""
        return any(restorer.fills_cores for restorer in self.restorers)

    def opened_network(self) -> Any:
        """That of the last that has one; None where none has."""
        found = [network for r in self.restorers if (network := r.opened_network()) is not None]
        return found[-1] if found else None

    def check_contrast(self, contrast: str, mode: str) -> None:
        """Refuse a choice that none of them leaves."""
        leaving = [r for r in self.restorers if declares(r.method, ChoosesContrast)]
        (leaving or self.restorers)[0].check_contrast(contrast, mode)

    def restored(
        self,
        image: ThermalImage | ArrayLike,
        *,
        mode: str = "auto",
        scale: int = 1,
        contrast: str = "auto",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Result:
        """As :meth:`Restorer.restored`; the verdict is the worst of those on their results."""
        image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
        mode = self.mode_for(image, mode)
        choosing = [declares(restorer.method, ChoosesContrast) for restorer in self.restorers]
        self.check_contrast(contrast, mode)
        enlarging = next((n for n, r in enumerate(self.restorers) if isinstance(r.method, Enlarges)), 0)
        steps: list[StepRecord] = []
        verdicts, diagnosis = [], None
        for number, restorer in enumerate(self.restorers):
            asked: dict[str, Any] = {"cancel": cancel, "progress": _share_of(progress, number, len(self.restorers))}
            asked |= {
                "scale": scale if number == enlarging else 1,
                "contrast": contrast if choosing[number] else "auto",
            }
            found = restorer.restored(image, mode=mode, **asked)
            image, diagnosis = found.image, found.diagnosis if number == 0 else diagnosis
            steps += found.steps
            verdicts += [found.verification] if found.verification is not None else []
        worst = max(verdicts, key=lambda verdict: verdict.suspect) if verdicts else None
        return Result(image, tuple(steps), worst, diagnosis)

    def provenance(
        self,
        metadata: Metadata,
        mode: str,
        scale: int,
        steps: Sequence[StepRecord],
        verification: Verification | None = None,
    ) -> dict[str, Any]:
        """The record of what all of them did together, as in a session."""
        found = super().provenance(metadata, mode, scale, steps, verification)
        return found | {"method": self.info.name, "variant": None, "weights_sha256": self.weights_sha256}

    def mode_for(self, image: ThermalImage, mode: str) -> str:
        """The mode in which all of them will restore an image."""
        if mode in MODES and mode != "auto" and mode not in self.info.modes:
            raise UsageError(f"{self.info.full_name} has no {mode} mode in common; use --mode {self.info.modes[0]}")
        return super().mode_for(image, mode)


def _share_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    """What tells a caller how far the whole is, as one of several is worked on."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)
