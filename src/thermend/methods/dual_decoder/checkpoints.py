"""Weights of the generator from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from thermend.methods.dual_decoder.names import WIDTHS
from thermend.methods.dual_decoder.network import CHANNELS, DualDecodingGenerator
from thermend.weights.checkpoints import network_of


def built(facts: Mapping[str, Any]) -> DualDecodingGenerator:
    """The generator that a recipe, or a file of weights, describes.

    Raises
    ------
    ValueError, TypeError
        there can be none such
    """
    return DualDecodingGenerator(
        tuple(facts.get("widths") or WIDTHS["full"]),
        bool(facts.get("dual", True)),
        bool(facts.get("inner", True)),
        bool(facts.get("outer", True)),
        facts.get("attention", "cross-level"),
        _channels(facts.get("channels", CHANNELS)),
    )


def _channels(stated: Any) -> int:
    if stated not in (1, 3):
        raise ValueError(f"channels {stated!r}: expected 1 or 3")
    return int(stated)


def load_network(path: str | os.PathLike[str]) -> DualDecodingGenerator:
    """The generator with the weights of a checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    network = network_of(path, built, "2D-GAN's generator", ignored="num_batches_tracked")
    network.variant = next((name for name, widths in WIDTHS.items() if widths == network.widths), None)
    return network
