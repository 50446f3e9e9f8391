"""Weights of the detail network from files."""

from __future__ import annotations

import os

from thermend.errors import InputError
from thermend.methods.detail.network import DetailNetwork, built
from thermend.weights.checkpoints import check_fits, read_metadata, read_tensors


def load_network(path: str | os.PathLike[str]) -> DetailNetwork:
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
        raise InputError(path, "holds no weights of the detail network") from error
    check_fits(path, network.state_dict(), tensors, "the detail network")
    network.load_state_dict(tensors)
    return network.eval()
