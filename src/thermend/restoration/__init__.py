"""From a thermal image to a better one: normalise, run a method, undo the normalisation, keep the temperatures.

| module | what |
| --- | --- |
| `restorer` | `Restorer`: the whole way from image to image |
| `auto` | the steps that the diagnosis calls for |
| `temperatures` | what a radiometric result owes to the measurement |
| `network`, `tiling`, `engines` | networks on images of any size |
"""

from __future__ import annotations

import importlib.util
import os

from numpy.typing import ArrayLike

from thermend.errors import MissingDependencyError, UsageError
from thermend.image import ThermalImage
from thermend.methods import find
from thermend.restoration.auto import Chain
from thermend.restoration.engines import ENGINES, PRECISIONS
from thermend.restoration.restorer import Restorer


def load(
    method: str,
    weights: str | os.PathLike[str] | None = None,
    engine: str = "auto",
    device: str = "auto",
    tile: int | None = None,
    precision: str = "auto",
    prompts: str | os.PathLike[str] | None = None,
    threads: int = 0,
) -> Restorer:
    """Make a method ready to run.

    Parameters
    ----------
    method : ``auto``, or as the catalogue names it (``thermend methods``)
    weights : file of a network's weights, instead of those that ship: ``.onnx``, or ``.safetensors``, ``.pt``, ``.pth``, which
        need torch
    engine : ``openvino``, ``onnxruntime``, ``torch``; for networks
    device : ``cpu``, or what the engine calls its devices; for networks
    tile : side of a tile, pixels; for networks
    precision : ``float32``, or ``bf16``: several times as fast on CPUs that compute it, and exact to about one grey level.
        ``auto`` takes float32, but for ``ppfn`` and the networks of ``auto``, which in bf16 are exact to a fraction of one
    prompts : file for a prompted network. ``.json``: what to remove, and how much of each prompt, instead of what the network
        would choose, as in ``{"noise": 1, "blur": 0.5, "scenario": "composite"}``. ``.npz``: arrays ``degradation``, (3, 128,
        128), and ``scenario``, (2, 64), that the authors' checkpoints were trained with
    threads : cores that OpenVINO or ONNX Runtime may take on the CPU; 0, all; for networks

    Raises
    ------
    UsageError : an unknown name; an engine, device or precision that is not to be had; weights or prompts for a method that
        has none
    InputError : the weights cannot be read
    """
    description = find(method)
    if tile is not None and tile < 16:
        raise UsageError(f"tile {tile}: expected at least 16 pixels")
    if threads not in range(1025):
        raise UsageError(f"threads {threads}: expected 0 to 1024")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if description.runs_network:
        from thermend.restoration.network import NetworkMethod

        options = {"engine": engine, "device": device, "tile": tile, "precision": precision, "threads": threads}
        return Restorer(NetworkMethod.opened(method, description, weights, prompts=prompts, **options))
    if prompts is not None:
        raise UsageError(f"{description.full_name} takes no prompts")
    if weights is not None:
        raise UsageError(f"{description.full_name} has no weights; --weights is for networks")
    if engine not in ("auto", *ENGINES):
        raise UsageError(f"engine {engine!r}: expected one of auto, {', '.join(ENGINES)}")
    if engine == "torch" and importlib.util.find_spec("torch") is None:
        raise MissingDependencyError("the torch engine needs torch: pip install 'thermend[train]'")
    if description.networks:
        from thermend.restoration.network import Networks

        options = {"engine": engine, "device": device, "tile": tile, "precision": precision, "threads": threads}
        networks = Networks({role: find(name) for role, name in description.networks.items()}, **options)
        if {engine, device, precision} != {"auto"}:
            networks.detail()  # what is not to be had is refused here, and not at the first picture
        return Restorer(Chain(description, networks))
    if device not in ("auto", "cpu"):
        raise UsageError(f"{description.full_name} runs on the cpu; --device {device} is for networks")
    return Restorer(Chain(description) if description.chain else description.open())


def enhance(
    image: ThermalImage | ArrayLike, method: str = "auto", mode: str = "auto", scale: int = 1, contrast: str = "auto"
) -> ThermalImage:
    """Mend one thermal image.

    Parameters
    ----------
    image : a `ThermalImage`, or an (H, W) array: uint8 grey levels, anything else counts
    method : as for :func:`load`
    mode : ``radiometric``, ``display`` or ``auto``, as for :meth:`Restorer.restore`
    scale : 1, 2 or 4
    contrast : ``auto``, ``keep`` or ``stretch``, as for :meth:`Restorer.restore`

    Examples
    --------
    >>> import numpy as np, thermend
    >>> result = thermend.enhance(np.full((48, 64), 20000, np.uint16))
    >>> result.unit, result.shape
    ('counts', (48, 64))
    """
    return load(method).restore(image, mode, scale, contrast)


__all__ = ["Restorer", "enhance", "load"]
