"""Weights of the detail network from files."""

from __future__ import annotations

import os

from thermend.methods.detail.network import DetailNetwork, built
from thermend.weights.checkpoints import network_of


def load_network(path: str | os.PathLike[str]) -> DetailNetwork:
    """The network with the weights of a checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    return network_of(path, built, "the detail network")
