"""Degradation-guided LoRA: W' = W + U Σ(P) V (HiDRA, key design 3)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import nn

_ATTENTION = re.compile(r"\b(to_q|to_k|to_v|to_out\.0|proj_in|proj_out)$")
_FEED_FORWARD = re.compile(r"\bff\.net\.(0\.proj|2)$")


class GuidedLora(nn.Module):
    """A frozen linear layer or convolution, and what is added to its weights.

    V takes the layer's input to r channels (with the layer's own kernel, stride and padding), Σ mixes them, U takes them to the
    layer's output; U begins as zeros, so that the layer begins as it was.

    Parameters
    ----------
    base : nn.Linear or nn.Conv2d
        of which nothing is trained
    rank : int
        r
    scale : float
        of what is added

    Attributes
    ----------
    sigma : Σ, (B, r, r), of the images that come next; None is the identity, plain LoRA
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int, scale: float = 1.0) -> None:
        super().__init__()
        self.base, self.rank, self.scale = base.requires_grad_(False), rank, scale
        self.sigma: torch.Tensor | None = None
        if isinstance(base, nn.Conv2d):
            if base.groups != 1:
                raise ValueError("a convolution of several groups has no low-rank addition here")
            self.down: nn.Module = nn.Conv2d(
                base.in_channels, rank, base.kernel_size, base.stride, base.padding, base.dilation, bias=False,
                padding_mode=base.padding_mode,
            )  # fmt: skip
            self.up: nn.Module = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            self.down = nn.Linear(base.in_features, rank, bias=False)
            self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """As the layer's own."""
        result: torch.Tensor = self.base(features)
        if not torch.is_autocast_enabled(features.device.type):
            features = features.to(self.down.weight.dtype)  # float32 beside a backbone of half precision
        low = self.down(features)
        if self.sigma is not None:
            sigma = self.sigma.to(low.dtype)
            low = (sigma @ low.flatten(2)).view_as(low) if low.ndim == 4 else low @ sigma.transpose(1, 2)
        added = self.up(low)
        return result + (added if self.scale == 1 else self.scale * added).to(result.dtype)


class Modulation(nn.Module):
    """Σ of several layers from P, by a two-layer MLP: Σ = 1 + MLP(P, e), where e is an embedding of the layer (assumed: one MLP
    for all layers of one rank; the embedding tells them apart). It begins as the identity.

    Parameters
    ----------
    layers : sequence of GuidedLora
        that it serves
    width : of P
    hidden : int
        of the MLP
    """

    def __init__(self, layers: Sequence[GuidedLora], width: int, hidden: int = 64) -> None:
        super().__init__()
        ranks = {layer.rank for layer in layers}
        if len(ranks) != 1:
            raise ValueError(f"layers of ranks {sorted(ranks)}: expected one rank")
        self.rank = ranks.pop()
        self.first = nn.Linear(width, hidden)
        self.embedding = nn.Parameter(torch.randn(len(layers), hidden) * 0.5)
        self.second = nn.Linear(hidden, self.rank**2)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        self.register_buffer("identity", torch.eye(self.rank), persistent=False)

    identity: torch.Tensor

    def forward(self, degradation: torch.Tensor) -> torch.Tensor:
        """P, (B, width), to (layers, B, r, r)."""
        hidden = torch.nn.functional.gelu(self.first(degradation)[None] + self.embedding[:, None])
        return self.second(hidden).unflatten(-1, (self.rank, self.rank)) + self.identity


def add_lora(
    model: nn.Module,
    rank: int,
    within: Sequence[str] = ("",),
    *,
    feed_forward: bool = False,
    aside: Sequence[str] = (),
    scale: float = 1.0,
) -> dict[str, GuidedLora]:
    """Replace a model's convolutions and the linear layers of its attention by :class:`GuidedLora`, in place.

    Parameters
    ----------
    within : sequence of str
        beginnings of the names of those to replace
    feed_forward : bool
        the linear layers after the attention too
    aside : sequence of str
        names of layers that are not replaced
    scale : float
        of what is added

    Returns
    -------
    names to what stands there now, in the order of the model
    """
    found = {}
    for name, module in list(model.named_modules()):
        linear = _ATTENTION.search(name) or (feed_forward and _FEED_FORWARD.search(name))
        wanted = isinstance(module, nn.Conv2d) or (isinstance(module, nn.Linear) and linear)
        if not wanted or name in aside or not any(name.startswith(part) for part in within):
            continue
        place, _, last = name.rpartition(".")
        lora = GuidedLora(module, rank, scale)
        model.get_submodule(place)._modules[last] = lora
        found[name] = lora
    return found
