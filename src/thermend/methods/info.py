"""What the catalogue says of a method, without loading anything of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermend.errors import InputError, UsageError
from thermend.weights.shipped import shipped

if TYPE_CHECKING:
    from thermend.methods.options import Options
    from thermend.methods.protocol import Method

RENAMED = {"hidra/embedded": "hidra/tiny"}
"""What methods were called, and what they are called now; the earlier names stand in saved runs, weights and scripts."""

RESEARCH_ONLY = "LicenseRef-research AND LicenseRef-non-commercial"
"""Of weights that learned from RoadScene (for research) and LLVIP (non-commercial)."""


@dataclass(frozen=True)
class MethodInfo:
    """One row of the catalogue.

    Attributes
    ----------
    name : str
        as the user types it
    variant : str or None
        after the slash, if the method has variants
    modes : tuple of str
        what its results are for; a method that changes contrast has ``display`` alone
    title : str
        one line for a list
    opener : str or callable
        makes the method, from this row and :class:`thermend.methods.options.Options`; ``module:attribute`` is imported when the
        method is used
    function : str or None
        of a classical method, ``module:attribute``: (H, W) float32 in [0, 1] to the same, for its opener
    parameters : int
        of the network; 0 where there is none
    macs : int or None
        multiply-accumulates at 640 x 512; None where they are not counted
    licence : str
        SPDX expression for the use of the weights that ship
    weights : str or None
        name of the weights that ship
    forms : tuple of str
        suffixes in which those ship: ONNX, to run on engines and to train on, or what only torch reads
    generative : bool
        whether it draws what is likely: each of its results is held against what was measured
    part : bool
        whether it is a part of another method's network, that is trained and exported by itself and mends no images
    serves : str or None
        what a chain may hand to it: ``detail`` (:class:`~thermend.methods.protocol.MendsDetail`) or ``level``
        (:class:`~thermend.methods.protocol.CorrectsLevel`)
    network : str or None
        ``module:function`` that reads weights from a file into a torch module, (B, 1, H, W) to the same
    recipe : str or None
        ``module:class``, the :class:`thermend.training.recipe.Recipe` that its training follows; loads no torch
    training : str or None
        ``module:class``, the method's :class:`thermend.training.module.TrainingModule`
    """

    name: str
    variant: str | None
    modes: tuple[str, ...]
    title: str
    opener: str | Callable[[MethodInfo, Options], Method] = field(compare=False)
    function: str | None = None
    parameters: int = 0
    macs: int | None = None
    licence: str = "Apache-2.0"
    weights: str | None = None
    forms: tuple[str, ...] = (".onnx",)
    generative: bool = False
    part: bool = False
    serves: str | None = None
    network: str | None = None
    recipe: str | None = None
    training: str | None = None

    @property
    def full_name(self) -> str:
        """Name and variant as the user types them."""
        return self.name if self.variant is None else f"{self.name}/{self.variant}"

    def open(self, options: Options | None = None) -> Method:
        """The method, ready to run.

        Parameters
        ----------
        options : Options or None
            weights, engine and the like; None takes the usual ones

        Raises
        ------
        UsageError
            an option that the method does not have
        InputError
            weights that cannot be read
        """
        from thermend.methods.options import Options

        opener = imported(self.opener) if isinstance(self.opener, str) else self.opener
        method: Method = opener(self, options or Options())
        return method

    def load_function(self) -> Any:
        """Import what ``function`` names."""
        if self.function is None:
            raise TypeError(f"{self.full_name} is no function on arrays")
        return imported(self.function)

    def load_network(self) -> Any:
        """Import what ``network`` names."""
        return None if self.network is None else imported(self.network)

    def weights_file(self, given: str | os.PathLike[str] | None, suffix: str) -> Path:
        """The file of a network's weights: the one that is given, or the one that ships, with a suffix if it ships so.

        Raises
        ------
        UsageError
            none is given and none ships
        InputError
            no such file
        """
        if given is None:
            if self.weights is None:
                made = "; `thermend train` makes them" if self.training else ""
                raise UsageError(f"{self.full_name} ships no weights and needs --weights FILE{made}")
            return shipped(self.weights, suffix if suffix in self.forms else self.forms[0])
        path = Path(given)
        if not path.is_file():
            raise InputError(path, "no such file")
        return path

    def of_weights(self, variant: str | None, asked: str, path: Path | str) -> MethodInfo:
        """The description with the variant that weights are of.

        Parameters
        ----------
        asked : str
            the method as the user typed it; with a variant in it, that has to be the weights'

        Raises
        ------
        InputError
            they are of another variant
        """
        if variant == self.variant:
            return self
        if asked == self.full_name:
            raise InputError(path, f"holds weights of {self.name}/{variant}, not of {asked}")
        return replace(self, variant=variant)

    def load_recipe(self) -> Any:
        """Import what ``recipe`` names."""
        return None if self.recipe is None else imported(self.recipe)

    def load_training(self) -> Any:
        """Import what ``training`` names."""
        return None if self.training is None else imported(self.training)


def todays_name(name: str) -> str:
    """Of a method, by whatever name it is known."""
    return RENAMED.get(name, name)


def imported(place: str) -> Any:
    """What ``module:attribute`` names."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
