"""Weights of N_E from files: ours, and the authors' in both of their naming schemes, told apart by their keys alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from thermend.methods.deal.blocks import TIME_STEPS
from thermend.methods.deal.network import BlockSpec, DualInteractionNetwork
from thermend.weights.checkpoints import check_fits, no_larger_than, read_metadata, read_tensors

_NAMES = {
    # the authors' two schemes: as released, and with the paper's words
    "conv1": "head.0", "conv2": "head.1", "conv3": "tail.0", "conv4": "tail.1",
    "input_conv": "head.0", "feature_conv": "head.1", "refine_conv": "tail.0", "output_conv": "tail.1",
    "up_conv": "up", "down_conv": "down",
    "up_norm": "norm_up", "down_norm": "norm_down",
    "first_norm": "norm1", "second_norm": "norm2", "upscale_norm": "norm_up", "downscale_norm": "norm_down",
    "snn": "spiking", "spiking_conv": "spiking",
}  # fmt: skip
_MOST_TIME_STEPS = 64
_RELEASED_ORDER = ("scale_block1", "spike_block1", "spike_block2", "scale_block2")
"""The order in which the second scheme runs its blocks; in the first one the numbers say it."""


def load_network(path: str | os.PathLike[str]) -> DualInteractionNetwork:
    """N_E with the weights of a checkpoint, in evaluation mode; its blocks are read off the tensors' names and shapes.

    Parameters
    ----------
    path : str or PathLike
        `.safetensors`, an ONNX file of ours, `.pt` or `.pth` (which is read without unpickling)

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    found = read_tensors(path)
    with no_larger_than(path, found, "DEAL's network"):
        tensors = _renamed(found)
        network = _described(read_metadata(path)) or _inferred(tensors)
    check_fits(path, network.state_dict(), tensors, "DEAL's network", ignored="num_batches_tracked")
    network.load_state_dict(tensors, strict=False)
    return network.eval()


def load_for_running(path: str | os.PathLike[str]) -> DualInteractionNetwork:
    """As :func:`load_network`; the spiking blocks run once, on the mean spike."""
    return load_network(path).use_mean_spike()


def architecture(network: DualInteractionNetwork) -> dict[str, Any]:
    """What our own files say of a network beside its tensors."""
    return {
        "blocks": [list(astuple(spec)) for spec in network.specs],
        "width": network.width,
        "time_steps": network.time_steps,
    }


def _described(metadata: Mapping[str, Any]) -> DualInteractionNetwork | None:
    if not str(metadata.get("method", "")).startswith("deal/"):
        return None
    specs = [BlockSpec(*spec) for spec in metadata["blocks"]]
    if not 0 <= metadata["time_steps"] <= _MOST_TIME_STEPS:
        raise ValueError("time steps without end")
    return DualInteractionNetwork(specs, metadata["width"], metadata["time_steps"])


def _inferred(tensors: Mapping[str, Any]) -> DualInteractionNetwork:
    specs = _specs(tensors)
    width = tensors["head.1.weight"].shape[0]
    if not specs:
        raise ValueError("no blocks")
    spikes = any(".spiking." in name for name in tensors)
    return DualInteractionNetwork(specs, int(width), TIME_STEPS if spikes else 0)


def _renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {_our_name(name): tensor for name, tensor in tensors.items()}


def _our_name(name: str) -> str:
    if name.startswith(("head.", "blocks.", "tail.")):
        return name
    parts = [p for i, p in enumerate(name.split(".")) if p != "conv2d" and not (p == "norm" and i)]
    if numbered := re.fullmatch(r"block(\d+)", parts[0]):
        first = f"blocks.{int(numbered[1]) - 1}"
    elif parts[0] in _RELEASED_ORDER:
        first = f"blocks.{_RELEASED_ORDER.index(parts[0])}"
    else:
        return ".".join([_NAMES.get(parts[0], parts[0]), *parts[1:]])
    inner = parts[1] if parts[1] in ("conv1", "conv2") else _NAMES.get(parts[1], parts[1])
    return ".".join([first, inner, *("norm" if p == "bn" else p for p in parts[2:])])


def _specs(tensors: Mapping[str, Any]) -> tuple[BlockSpec, ...]:
    specs: list[BlockSpec] = []
    while (up := tensors.get(f"blocks.{len(specs)}.up.weight")) is not None:
        prefix = f"blocks.{len(specs)}"
        down = tensors[f"{prefix}.down.weight"]
        scale = f"{prefix}.norm_up.weight" in tensors
        sides = int(up.shape[-1]), int(down.shape[-1])
        specs.append(BlockSpec("scale" if scale else "spiking", *sides, _dilation(scale, sides)))
    return tuple(specs)


def _dilation(scale: bool, sides: tuple[int, int]) -> int:
    """Of the up convolution; checkpoints do not store it, and the authors' layouts have it follow from kind and kernels."""
    if not scale:
        return 2
    return 3 if sides == (11, 7) else 1
