"""How the catalogue describes a method, without loading anything of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thermend.errors import InputError, UsageError
from thermend.weights.shipped import shipped

if TYPE_CHECKING:
    from thermend.methods.protocol import Method

RESEARCH_ONLY = "LicenseRef-research AND LicenseRef-non-commercial"
"""Of weights that learned from RoadScene (for research) and LLVIP (non-commercial)."""

Mode = Literal["radiometric", "display"]


@dataclass(frozen=True)
class MethodDescription:
    """One row of the catalogue.

    Attributes
    ----------
    name : as the user types it
    variant : after the slash, if the method has variants
    modes : what its results are for; a method that changes contrast has ``display`` alone
    loader : ``module:attribute``, a function on arrays, imported when the method is used; None for networks and chains
    adapter : ``module:class`` that makes a method of what ``loader`` names; None where an opener does
    title : one line for a list
    parameters : of the network; 0 for a classical method
    macs : multiply-accumulates at 640 x 512; None where they are not counted
    weights : name of the shipped weights, if there are any
    forms : in which those ship: ONNX, to run on engines and to train on, or what only torch reads
    licence : SPDX expression for the use of the weights that ship
    network : ``module:function`` that reads weights from a file into a torch module, (B, 1, H, W) to the same; None where
        there is no network of ours
    tiling : of a network: ``overlap`` of its tiles, their ``side``, what that is a ``multiple`` of, the ``least``, and the
        pixels of an image that goes through ``whole``, where they are not the usual ones
    preparation : ``module:function``: from what a file of weights says of itself to what its network wants done to an image
        first, (H, W) float32 in [0, 1] to the same, or to None; None where no weights want anything
    passes : ``module:class``: made from what a file of weights says of itself, it runs a network several times, with further
        inputs, as :class:`thermend.restoration.network.NetworkFunction` calls it; None where one run is all
    opener : makes the method; for methods of other packages
    runs_network : whether it is a network, with weights of its own, which :mod:`thermend.restoration.network` opens
    chain : whether it chooses among other methods, image by image
    networks : of a chain: what it hands to networks, ``detail`` and ``level``, and their full names
    takes_prompts : whether a file can say what is to be removed, or hold what a checkpoint was trained with
    invents : whether it generates: each result is held against what was measured (:mod:`thermend.restoration.trust`)
    quick : whether it runs in bf16 where OpenVINO's device computes that, unless a precision is asked for: its networks give
        what is added to the image, and the sum is float32
    recipe : ``module:class``, the :class:`thermend.training.recipe.Recipe` that its training follows; loads no torch
    training : ``module:class``, the method's :class:`thermend.training.module.TrainingModule`; None where nothing is trained
    """

    name: str
    variant: str | None
    modes: tuple[str, ...]
    loader: str | None
    title: str
    adapter: str | None = None
    opener: Callable[[], Method] | None = field(default=None, compare=False)
    parameters: int = 0
    macs: int | None = None
    weights: str | None = None
    forms: tuple[str, ...] = (".onnx",)
    licence: str = "Apache-2.0"
    network: str | None = None
    preparation: str | None = None
    passes: str | None = None
    recipe: str | None = None
    training: str | None = None
    runs_network: bool = False
    chain: bool = False
    networks: Mapping[str, str] = field(default_factory=dict)
    invents: bool = False
    takes_prompts: bool = False
    quick: bool = False
    tiling: Mapping[str, int] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Name and variant as the user types them."""
        return self.name if self.variant is None else f"{self.name}/{self.variant}"

    def load(self) -> Any:
        """Import the function that the loader names."""
        if self.loader is None:
            raise TypeError(f"{self.full_name} is no single function")
        return _imported(self.loader)

    def open(self) -> Method:
        """The method, where it is a function on arrays or another package's."""
        if self.opener is not None:
            return self.opener()
        if self.adapter is None:
            raise TypeError(f"{self.full_name} is no single function")
        method: Method = _imported(self.adapter)(self, self.load())
        return method

    def load_network(self) -> Any:
        """Import what ``network`` names."""
        return None if self.network is None else _imported(self.network)

    def load_preparation(self, facts: Mapping[str, Any]) -> Any:
        """What ``preparation`` makes of what a file of weights says of itself."""
        return None if self.preparation is None else _imported(self.preparation)(facts)

    def load_passes(self, facts: Mapping[str, Any]) -> Any:
        """What ``passes`` makes of what a file of weights says of itself."""
        return None if self.passes is None else _imported(self.passes)(facts)

    def weights_file(self, given: str | os.PathLike[str] | None, suffix: str) -> Path:
        """The file of a network's weights: the one that is given, or the one that ships, with a suffix if it ships so.

        Raises
        ------
        UsageError : none is given and none ships
        InputError : no such file
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

    def of_weights(self, variant: str | None, asked: str, path: Path | str) -> MethodDescription:
        """The description with the variant that weights are of.

        Parameters
        ----------
        asked : the method as the user typed it; with a variant in it, that has to be the weights'

        Raises
        ------
        InputError : they are of another variant
        """
        if variant == self.variant:
            return self
        if asked == self.full_name:
            raise InputError(path, f"holds weights of {self.name}/{variant}, not of {asked}")
        return replace(self, variant=variant)

    def load_recipe(self) -> Any:
        """Import what ``recipe`` names."""
        return None if self.recipe is None else _imported(self.recipe)

    def load_training(self) -> Any:
        """Import what ``training`` names."""
        return None if self.training is None else _imported(self.training)


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
