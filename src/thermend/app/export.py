"""`thermend export`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from thermend.app import console
from thermend.errors import InputError, UsageError
from thermend.methods import find


def run(method: str, weights: str | None, out: str, overwrite: bool = False, say: Callable[[str], None] = print) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError : the method has no network of ours, or no weights
    InputError : the weights cannot be read, or the file cannot be written
    """
    from thermend.version import __version__
    from thermend.weights.checkpoints import SUFFIXES
    from thermend.weights.onnx_export import write_onnx
    from thermend.weights.shipped import shipped

    console.quieten_libraries()
    description = find(method)
    target = Path(out)
    if description.network is None:
        raise UsageError(f"{description.full_name} has no network that could be exported")
    if target.suffix != ".onnx":
        raise UsageError(f"{out}: expected a name that ends in .onnx")
    if weights is None and description.weights is None:
        raise UsageError(f"{description.full_name} ships no weights and needs --weights FILE")
    if target.exists() and not overwrite:
        raise InputError(target, "exists already and is not overwritten unless asked (--overwrite)")
    source = Path(weights) if weights is not None else shipped(str(description.weights), ".safetensors")
    if source.suffix not in SUFFIXES:
        raise UsageError(f"{source}: expected a checkpoint ({', '.join(SUFFIXES)})")
    network = description.load_network()(source)
    name = f"{description.name}/{network.variant}"
    if method == description.full_name and name != method:
        raise InputError(source, f"holds weights of {name}, not of {method}")
    facts = {
        "method": name,
        "version": __version__,
        "weights_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
    }
    write_onnx(network, target, facts, overwrite=overwrite)
    say(f"{name} written to {target}")
    return console.DONE
