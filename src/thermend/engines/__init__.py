"""What computes a network: OpenVINO, ONNX Runtime, torch, behind one small interface.

| module | what |
| --- | --- |
| `engine` | that interface |
| `openvino`, `onnxruntime`, `torch` | the engines |
| `network`, `tiling` | networks on images of any size |

Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thermend.engines.engine import FASTEST, NONE, Engine
from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.weights.checkpoints import SUFFIXES as CHECKPOINT_SUFFIXES
from thermend.weights.onnx_external import external_files

ENGINES = ("openvino", "onnxruntime", "torch")
PRECISIONS = ("auto", "float32", "bf16")


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
    others : mapping
        names of further inputs that it may have, and whether their height and width have to be free; a network that may have
        none has one input and one output
    engine : str
        ``auto`` takes OpenVINO where it is installed, else ONNX Runtime
    device : str
        ``auto``, ``cpu``, or what the engine calls its devices
    precision : str
        ``float32``, which ``auto`` takes, ``bf16``, or :data:`FASTEST`
    threads : int
        cores that it may take; 0 leaves it all

    Raises
    ------
    InputError
        the file is no ONNX network, or one whose input and output are not single images
    UsageError
        the engine does not run ONNX files, or the device or the precision is not to be had
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
                from thermend.engines.openvino import OpenVINOEngine as Chosen
            else:
                from thermend.engines.onnxruntime import ONNXRuntimeEngine as Chosen  # type: ignore[assignment]
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
    external_files(path)  # those that do not lie beside it are refused


__all__ = ["ENGINES", "FASTEST", "PRECISIONS", "Engine", "open_onnx"]
