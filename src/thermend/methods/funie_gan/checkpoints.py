"""Weights of the U-Net from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from thermend.methods.funie_gan.network import WIDTHS, UNet
from thermend.weights.checkpoints import network_of


def built(facts: Mapping[str, Any]) -> UNet:
    """The network that a recipe, or a file of weights, describes.

    Raises
    ------
    ValueError, TypeError
        there can be none such
    """
    return UNet(tuple(facts.get("widths") or WIDTHS))


def load_network(path: str | os.PathLike[str]) -> UNet:
    """The network with the weights of a checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    return network_of(path, built, "FUnIE-GAN's generator", ignored="num_batches_tracked")
