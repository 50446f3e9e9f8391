"""Weights of a wider or deeper network that computes what a smaller one does: a larger run begins where that one ended.

    python recipes/grow.py level-compact.onnx 'widths=[48,96,192,256]' -o grown.safetensors
    thermend train recipes/level.yaml ... 'options.widths=[48,96,192,256]' init_from=grown.safetensors

What a channel of the smaller network computed, one of the larger computes; the others are drawn, and nothing that was there
reads them yet (T. Chen, I. Goodfellow, J. Shlens, Net2Net, ICLR 2016). Blocks that are added begin as the identity.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml
from torch import nn

from thermend.errors import InputError
from thermend.methods.detail import checkpoints as detail
from thermend.methods.detail.network import DetailNetwork
from thermend.methods.detail.network import built as built_detail
from thermend.methods.level import checkpoints as level
from thermend.methods.level.network import GLOBAL, LevelNetwork
from thermend.methods.level.network import built as built_level
from thermend.weights.checkpoints import write_tensors

Network = DetailNetwork | LevelNetwork


def opened(path: Path) -> Network:
    """The network of a file of weights."""
    try:
        return detail.load_network(path)
    except InputError:
        return level.load_network(path)


def larger(small: Network, changes: dict) -> Network:
    """A network with other options that computes what the smaller one does."""
    make = built_detail if isinstance(small, DetailNetwork) else built_level
    network = make({**small.metadata(), **changes})
    with torch.no_grad():
        for name, layer in small.named_modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                embed(name, layer, network.get_submodule(name))
        for name, value in small.named_parameters():
            if value.dim() == 0:
                network.get_parameter(name).copy_(value)
    return network


def embed(name: str, layer: nn.Module, into: nn.Module) -> None:
    """Put a layer's weights where they belong in a larger one; its old outputs read nothing new."""
    own, target = layer.weight, into.weight
    if isinstance(layer, nn.ConvTranspose2d):
        own, target = own.transpose(0, 1), target.transpose(0, 1)
    (out, into_out), (read, into_read) = ((own.shape[axis], target.shape[axis]) for axis in (0, 1))
    rows, columns = places([(out, into_out)]), places([(read, into_read)])
    if name.endswith(".modulation"):  # scale, then shift
        rows = places([(out // 2, into_out // 2)] * 2)
    if name == "whole.0":  # mean and maximum of the features, then what is known
        columns = places([((read - GLOBAL) // 2, (into_read - GLOBAL) // 2)] * 2 + [(GLOBAL, GLOBAL)])
    target[rows] = 0
    target[rows[:, None], columns] = own
    if layer.bias is not None:
        into.bias[rows] = layer.bias


def places(groups: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Where the channels of groups of so many lie among larger ones, one group after another."""
    where, begins = [], 0
    for old, new in groups:
        where.append(begins + torch.arange(old))
        begins += new
    return torch.cat(where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("changes", nargs="+", metavar="KEY=VALUE")
    parser.add_argument("-o", dest="out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if wrong := [word for word in chosen.changes if "=" not in word]:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    torch.manual_seed(chosen.seed)
    small = opened(chosen.weights)
    changes = {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in chosen.changes)}
    network = larger(small, changes)
    name = "detail/compact" if isinstance(small, DetailNetwork) else "level/compact"
    write_tensors(chosen.out, network.state_dict(), {"method": name, **network.metadata()})
    print(f"{chosen.out}: {sum(p.numel() for p in network.parameters()):,} parameters")


if __name__ == "__main__":
    main()
