"""What a method is opened with."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thermend.engines import ENGINES, PRECISIONS
from thermend.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from thermend.methods.info import MethodInfo

_LEAST_TILE, _MOST_THREADS = 16, 1024


@dataclass(frozen=True)
class Options:
    """What a method is opened with; :func:`thermend.load` says what each means.

    Attributes
    ----------
    asked : str
        the method as the user typed it; with a variant in it, weights have to be of that one
    weights, engine, device, tile, precision, prompts, threads, estimator, prior, features
        as for :func:`thermend.load`

    Raises
    ------
    UsageError
        a number that is out of range, or a precision that there is not
    """

    asked: str = ""
    weights: str | os.PathLike[str] | None = None
    engine: str = "auto"
    device: str = "auto"
    tile: int | None = None
    precision: str = "auto"
    prompts: str | os.PathLike[str] | None = None
    threads: int = 0
    estimator: str | os.PathLike[str] | None = None
    prior: str | os.PathLike[str] | None = None
    features: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.tile is not None and self.tile < _LEAST_TILE:
            raise UsageError(f"tile {self.tile}: expected at least {_LEAST_TILE} pixels")
        if self.threads not in range(_MOST_THREADS + 1):
            raise UsageError(f"threads {self.threads}: expected 0 to {_MOST_THREADS}")
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision {self.precision!r}: expected one of {', '.join(PRECISIONS)}")

    @property
    def asks_for_an_engine(self) -> bool:
        """Whether anything but the usual was asked for."""
        return {self.engine, self.device, self.precision} != {"auto"}

    @property
    def parts(self) -> dict[str, str | os.PathLike[str]]:
        """Further files or models that were given for a network that is made of several."""
        named = {"estimator": self.estimator, "prior": self.prior, "features": self.features}
        return {name: given for name, given in named.items() if given is not None}

    def refuse_parts(self, info: MethodInfo, takes: tuple[str, ...] = ()) -> None:
        """For methods that are not made of such parts; raises UsageError where one was given."""
        for name in self.parts:
            if name not in takes:
                raise UsageError(f"{info.full_name} takes no {name}")

    def refuse_weights(self, info: MethodInfo) -> None:
        """For methods without weights of their own.

        Raises
        ------
        UsageError
            weights or prompts were given, or an engine that there is not
        MissingDependencyError
            the engine is not installed
        """
        self.refuse_parts(info)
        if self.prompts is not None:
            raise UsageError(f"{info.full_name} takes no prompts")
        if self.weights is not None:
            raise UsageError(f"{info.full_name} has no weights; --weights is for networks")
        if self.engine not in ("auto", *ENGINES):
            raise UsageError(f"engine {self.engine!r}: expected one of auto, {', '.join(ENGINES)}")
        if self.engine == "torch" and importlib.util.find_spec("torch") is None:
            raise MissingDependencyError("the torch engine needs torch: pip install 'thermend[train]'")

    def refuse_all(self, info: MethodInfo) -> None:
        """For methods without a network.

        Raises
        ------
        UsageError
            anything was given that is for networks
        """
        self.refuse_weights(info)
        if self.device not in ("auto", "cpu"):
            raise UsageError(f"{info.full_name} runs on the cpu; --device {self.device} is for networks")
