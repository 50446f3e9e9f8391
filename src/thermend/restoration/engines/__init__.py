"""What computes a network: OpenVINO, ONNX Runtime, torch, behind one small interface."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.weights.checkpoints import SUFFIXES as CHECKPOINT_SUFFIXES

ENGINES = ("openvino", "onnxruntime", "torch")
PRECISIONS = ("auto", "float32", "bf16")
FASTEST = "fastest"
"""Takes bf16 where OpenVINO's device computes it, else float32."""


NONE: Mapping[str, bool] = {}


class Engine(Protocol):
    """A network, ready to run.

    Attributes
    ----------
    name : of the engine
    device : that it runs on
    precision : ``float32`` or ``bf16``
    fixed_size : height and width, where the network takes no other
    channels : of the input: 1, or 3 that all get the same
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
        others : further inputs by their names; those that the network does not have are left out
        """
        ...


def open_onnx(
    path: str | os.PathLike[str],
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    others: Mapping[str, bool] = NONE,
    threads: int = 0,
) -> Engine:
    """Open an ONNX network with an engine.

    Parameters
    ----------
    others : names of further inputs that it may have, and whether their height and width have to be free; a network that may
        have none has one input and one output
    engine : ``auto`` takes OpenVINO where it is installed, else ONNX Runtime
    device : ``auto``, ``cpu``, or what the engine calls its devices
    precision : ``float32``, which ``auto`` takes, ``bf16``, or :data:`FASTEST`
    threads : cores that it may take; 0 leaves it all

    Raises
    ------
    InputError : the file is no ONNX network, or one whose input and output are not single images
    UsageError : the engine does not run ONNX files, or the device or the precision is not to be had
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    if engine not in ("auto", *ENGINES):
        raise UsageError(f"engine {engine!r}: expected one of auto, {', '.join(ENGINES)}")
    if engine == "torch":
        raise UsageError(
            "the torch engine runs methods that come as torch modules; an ONNX file needs openvino or onnxruntime"
        )
    _check_is_onnx(path)
    opened: Any = None
    problem: Exception | None = None
    for name in ("openvino", "onnxruntime") if engine == "auto" else (engine,):
        try:
            if name == "openvino":
                from thermend.restoration.engines.openvino import OpenVINOEngine as Chosen
            else:
                from thermend.restoration.engines.onnxruntime import ONNXRuntimeEngine as Chosen  # type: ignore[assignment]
        except ImportError as error:
            problem = MissingDependencyError(f"the engine {name} is not installed: pip install {name}")
            problem.__cause__ = error
            continue
        try:
            opened = Chosen(path, device, precision, others, threads)
        except (InputError, UsageError) as error:
            problem = problem or error  # with `auto`, the next engine may know the network or the device
            continue
        break
    if opened is None:
        raise problem or UsageError("no engine is installed")
    result: Engine = opened
    return result


def _check_is_onnx(path: Path) -> None:
    """Refuse what cannot be one before a parser writes its own lines about it."""
    if path.suffix in CHECKPOINT_SUFFIXES:
        raise InputError(path, "holds weights without their network; export the network as ONNX")
    with path.open("rb") as file:
        if file.read(1) != b"\x08":  # the field `ir_version`, with which every ONNX file begins
            raise InputError(path, "is not an ONNX network")


def fixed_size(shape: list[Any]) -> tuple[int, int] | None:
    """Height and width of an (N, C, H, W) input, where both are numbers."""
    height, width = shape[2:4]
    return (height, width) if isinstance(height, int) and isinstance(width, int) and height > 0 < width else None


def check_layout(
    path: Path, inputs: Mapping[str, list[Any]], outputs: int, others: Mapping[str, bool]
) -> tuple[str, int]:
    """Name and channels of the (N, C, H, W) input of a network from one image to one image; refuse all others.

    Parameters
    ----------
    inputs : shapes by name
    others : names of inputs that it may have beside, and whether their height and width have to be free
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
