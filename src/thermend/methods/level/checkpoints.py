"""Weights of the level network from files."""

from __future__ import annotations

import os

from thermend.errors import InputError
from thermend.methods.level.network import LevelNetwork, built
from thermend.weights.checkpoints import check_fits, read_metadata, read_tensors


def load_network(path: str | os.PathLike[str]) -> LevelNetwork:
    """The network with the weights of a checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    tensors, facts = read_tensors(path), read_metadata(path)
    try:
        network = built(facts)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(path, "holds no weights of the level network") from error
    check_fits(path, network.state_dict(), tensors, "the level network")
    network.load_state_dict(tensors)
    return network.eval()
