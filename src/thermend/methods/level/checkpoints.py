"""Weights of the level network from files."""

from __future__ import annotations

import os

from thermend.methods.level.network import LevelNetwork, built
from thermend.weights.checkpoints import network_of


def load_network(path: str | os.PathLike[str]) -> LevelNetwork:
    """The network with the weights of a checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    return network_of(path, built, "the level network")
