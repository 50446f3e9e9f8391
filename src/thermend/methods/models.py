"""The networks as torch modules, to build on: ``thermend.models.load("deal/cascade-2")``. Needs the extra `train`."""

from __future__ import annotations

import os
from typing import Any

from thermend.errors import MissingDependencyError, UsageError
from thermend.methods.registry import find


def load(name: str, *, weights: str | os.PathLike[str] | None = None) -> Any:
    """A method's network with its weights, in evaluation mode.

    Parameters
    ----------
    name : str
        as the catalogue has it, for example ``deal/cascade-2``
    weights : str or PathLike or None
        a checkpoint, or an ONNX file of ours; None takes the weights that ship

    Returns
    -------
    torch.nn.Module
        what it takes and gives, its own ``forward`` says; the first input is (B, 1, H, W) in [0, 1]

    Raises
    ------
    UsageError
        the method has no network of ours, or ships no weights and none are given
    InputError
        the weights cannot be read, or are another network's
    MissingDependencyError
        torch is not installed
    """
    info = find(name)
    if info.network is None:
        raise UsageError(f"{info.full_name} has no network of its own")
    path = info.weights_file(weights, info.forms[0])
    try:
        network = info.load_network()(path)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"models need torch: pip install 'thermend[train]' ({error.name})") from error
    info.of_weights(network.variant, name, path)
    return network


__all__ = ["load"]
