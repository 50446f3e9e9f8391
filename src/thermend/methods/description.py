"""How the catalogue describes a method, without loading anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

Kind = Literal["filter", "destriper", "sharpener", "shading", "upsampler", "network", "chain"]
Mode = Literal["radiometric", "display"]


@dataclass(frozen=True)
class MethodDescription:
    """One row of the catalogue.

    Attributes
    ----------
    name : as the user types it
    variant : after the slash, if the method has variants
    modes : what its results are for; a method that changes contrast has ``display`` alone
    loader : ``module:attribute``, imported when the method is used; None where the restoration makes it up
    kind : ``filter``: array to array. ``destriper``: a filter against stripes in columns; the restorer turns the image for
        stripes in rows. ``sharpener``: a filter that overshoots; the restorer bounds it where temperatures count.
        ``shading``: a filter against smooth shading, which radiometric mode gives back after any other.
        ``upsampler``: takes the scale. ``network``: runs on an engine, in tiles. ``chain``: made of others.
    title : one line for a list
    parameters : of the network; 0 for a classical method
    macs : multiply-accumulates at 640 x 512; None where they are not counted
    weights : name of the shipped weights, if there are any
    network : ``module:function`` that reads weights from a file into a torch module, (B, 1, H, W) to the same; None where
        there is no network of ours
    tiling : of a network: ``overlap`` of its tiles, their ``side``, what that is a ``multiple`` of, the ``least``, and the
        pixels of an image that goes through ``whole``, where they are not the usual ones
    training : ``module:class``, the method's :class:`thermend.training.module.TrainingModule`; None where nothing is trained
    """

    name: str
    variant: str | None
    modes: tuple[str, ...]
    loader: str | None
    kind: Kind
    title: str
    parameters: int = 0
    macs: int | None = None
    weights: str | None = None
    network: str | None = None
    training: str | None = None
    tiling: Mapping[str, int] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Name and variant as the user types them."""
        return self.name if self.variant is None else f"{self.name}/{self.variant}"

    def load(self) -> Any:
        """Import what the loader names."""
        if self.loader is None:
            raise TypeError(f"{self.full_name} is no single function")
        return _imported(self.loader)

    def load_network(self) -> Any:
        """Import what ``network`` names."""
        return None if self.network is None else _imported(self.network)

    def load_training(self) -> Any:
        """Import what ``training`` names."""
        return None if self.training is None else _imported(self.training)


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
