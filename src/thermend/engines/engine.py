"""What an engine is, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError

FASTEST = "fastest"
"""Takes bf16 where OpenVINO's device computes it, else float32."""
NONE: Mapping[str, bool] = {}


class Engine(Protocol):
    """A network, ready to run.

    Attributes
    ----------
    name : str
        of the engine
    device : str
        that it runs on
    precision : str
        ``float32`` or ``bf16``
    fixed_size : tuple or None
        height and width, where the network takes no other
    channels : int
        of the input: 1, or 3 that all get the same
    """

    name: str
    device: str
    precision: str
    fixed_size: tuple[int, int] | None
    channels: int

    def run(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """From (B, C, H, W) float32 to (B, C', s H, s W) float32, which is the first output.

        Parameters
        ----------
        others : array of float32
            further inputs by their names; those that the network does not have are left out
        """
        ...


def fixed_size(shape: list[Any]) -> tuple[int, int] | None:
    """Height and width of an (N, C, H, W) input, where both are numbers."""
    height, width = shape[2:4]
    return (height, width) if isinstance(height, int) and isinstance(width, int) and height > 0 < width else None


FLOATS = ("float", "float32", "f32", "tensor(float)")
"""What engines call numbers of 32 bits."""


def check_numbers(path: Path, kinds: Mapping[str, str]) -> None:
    """Refuse a network whose inputs or outputs are other numbers than float32: an image of whole numbers would be black.

    Parameters
    ----------
    kinds : mapping
        of its inputs and outputs by name, as the engine calls them
    """
    for name, kind in kinds.items():
        if kind not in FLOATS:
            kind = kind.removeprefix("tensor(").rstrip(")")
            raise InputError(path, f"takes or gives {name!r} as {kind}; expected float32")


def check_layout(
    path: Path, inputs: Mapping[str, list[Any]], outputs: int, others: Mapping[str, bool]
) -> tuple[str, int]:
    """Name and channels of the (N, C, H, W) input of a network from one image to one image; refuse all others.

    Parameters
    ----------
    inputs : mapping
        shapes by name
    others : mapping
        names of inputs that it may have beside, and whether their height and width have to be free
    """
    images = [name for name in inputs if name not in others]
    if len(images) != 1 or len(inputs[images[0]]) != 4 or (outputs != 1 and not others):
        raise InputError(path, "is not a network from one image (N, C, H, W) to one image")
    channels = inputs[images[0]][1]
    if channels not in (1, 3):
        raise InputError(path, f"takes {channels} channels; expected 1, or 3 for three times the same")
    for name, free in others.items():
        if free and name in inputs and fixed_size(inputs[name]) is not None:
            raise InputError(path, f"takes {name} in one size alone; only the image's size may be fixed")
    return images[0], int(channels)
