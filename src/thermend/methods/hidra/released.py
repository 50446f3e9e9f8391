"""The form that the authors released: their DEM, their Σ, where their LoRA is, and their two files of weights.

What it is, against the digest's words and the small form of this package (docs/reproduction/hidra.md):

| part | here |
| --- | --- |
| DEM | a frozen DINOv2 with registers, each looked-at layer through its final normalisation; head with layer normalisation |
| attention | one 1 × 1 convolution for query, key and value, then a depthwise 3 × 3; unit length; a learnt temperature |
| Σ | full r × r, without the identity; one for each block of the encoder and of the UNet, not for each layer |
| LoRA | W + (8 / r) B Σᵀ A; on the feed-forward layers too, not on ``quant_conv``; ``conv_in`` may be trained whole |
| image | three times the same; the result is their luma, cut off at [−1, 1] |

Facts from the published code of Z. Chen et al. (CVPR 2026); none of it is used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from thermend.errors import InputError
from thermend.methods.hidra.estimator import DEVIATION, MEAN
from thermend.methods.hidra.lora import GuidedLora
from thermend.weights.checkpoints import check_fits, read_content

WIDTH = 256
"""Of P."""
SCALE = 8.0
"""Of the low-rank addition, over its rank."""
_EMBEDDED = 64
_SMALL = 1e-5
"""Of the weights that Σ begins with."""
_ENCODER_BLOCKS, _UNET_BLOCKS = 6, 10


class TransposedAttention(nn.Module):
    """Their mutual interaction attention: the layers attend to each other over all channels and places.

    Parameters
    ----------
    layers, channels : int
        L, and C of each
    hidden : int
        channels of query, key and value together, a multiple of L
    """

    def __init__(self, layers: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.layers = layers
        self.temperature = nn.Parameter(torch.ones(1))
        self.qkv = nn.Conv2d(layers * channels, 3 * hidden, 1)
        self.qkv_dwconv = nn.Conv2d(3 * hidden, 3 * hidden, 3, padding=1, groups=3 * hidden)
        self.project_out = nn.Conv2d(hidden, layers * channels, 1)

    def attend(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, L C, H, W) to the map, (B, L, L), of which rows sum to 1, and what it makes of the values, (B, hidden, H, W)."""
        query, key, value = (
            part.unflatten(1, (self.layers, -1)).flatten(2)
            for part in self.qkv_dwconv(self.qkv(features)).chunk(3, dim=1)
        )
        likeness = functional.normalize(query, dim=-1) @ functional.normalize(key, dim=-1).transpose(1, 2)
        attention = (likeness * self.temperature).softmax(-1)
        mixed = attention @ value
        return attention, mixed.view(len(features), -1, *features.shape[2:])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, L C, H, W) to the same."""
        result: torch.Tensor = self.project_out(self.attend(features)[1]) + features
        return result


class ReleasedEstimator(nn.Module):
    """Their DEM.

    Parameters
    ----------
    features : PreTrainedModel
        a DINOv2 with registers; frozen, and no part of what a file of weights holds
    layers : sequence of int
        of its layers those that are looked at, 1 is the first
    width : of P
    hidden : int or None
        of the attention; None is their share of the channels, 192 of 3,072
    interaction : bool
        whether the layers attend to each other

    Raises
    ------
    ValueError
        a layer that the network has not
    """

    def __init__(
        self,
        features: PreTrainedModel | None,
        layers: Sequence[int],
        width: int = WIDTH,
        interaction: bool = True,
        *,
        channels: int | None = None,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        if features is not None:
            depth, channels = features.config.num_hidden_layers, features.config.hidden_size
            if not layers or not all(1 <= layer <= depth for layer in layers):
                raise ValueError(f"layers {list(layers)}: expected some of 1 to {depth}")
            features = features.requires_grad_(False).eval()
        assert channels is not None
        self.features, self.layers, self.width = features, tuple(layers), width
        count = len(layers)
        whole = count * channels
        inner = max(count, whole // 16 // count * count) if hidden is None else hidden
        self.interaction = TransposedAttention(count, channels, inner) if interaction else None
        self.head = nn.Sequential(
            nn.Linear(whole, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def train(self, mode: bool = True) -> ReleasedEstimator:
        """All but DINOv2."""
        super().train(mode)
        if self.features is not None:
            self.features.eval()
        return self

    @staticmethod
    def prepared(image: torch.Tensor, patch: int = 14) -> torch.Tensor:
        """(B, 1 or 3, H, W) in [−1, 1] to what DINOv2 takes, (B, 3, h, w): sides the next lower multiples of a patch."""
        height, width = (max(patch, side // patch * patch) for side in image.shape[2:])
        resized = functional.interpolate(image, (height, width), mode="bilinear", align_corners=False)
        within = (resized.expand(-1, 3, -1, -1) / 2 + 0.5).clamp(0, 1)
        mean, deviation = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        return (within - mean) / deviation

    def looked_at(self, pixels: torch.Tensor) -> torch.Tensor:
        """Of :meth:`prepared` pixels the layers' features, (B, L, C, h, w), without class and register tokens."""
        assert self.features is not None
        patch = self.features.config.patch_size
        shape = tuple(side // patch for side in pixels.shape[2:])
        states = self.features(pixels, output_hidden_states=True).hidden_states
        aside = 1 + self.features.config.num_register_tokens
        maps = [self.features.layernorm(states[layer])[:, aside:].transpose(1, 2) for layer in self.layers]
        return torch.stack([found.unflatten(2, shape) for found in maps], 1)

    def vector(self, features: torch.Tensor) -> torch.Tensor:
        """P, (B, width), of (B, L, C, h, w)."""
        stacked = features.flatten(1, 2)
        if self.interaction is not None:
            stacked = self.interaction(stacked)
        result: torch.Tensor = self.head(stacked.mean((2, 3)))
        return result

    def forward(self, image: torch.Tensor, interacts: bool = True) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to P, (B, width)."""
        with torch.no_grad():
            found = self.looked_at(self.prepared(2 * image - 1))
        return self.vector(found)


class BlockModulation(nn.Module):
    """Σ of the layers of a block from P: Σ = F [relu(D P + d); relu(E e_b + e)] + f, r × r.

    Parameters
    ----------
    layers : sequence of GuidedLora
        that it serves
    blocks : sequence of int
        of which block each is
    count : how many blocks there are
    width : of P
    """

    def __init__(self, layers: Sequence[GuidedLora], blocks: Sequence[int], count: int, width: int = WIDTH) -> None:
        super().__init__()
        ranks = {layer.rank for layer in layers}
        if len(ranks) != 1:
            raise ValueError(f"layers of ranks {sorted(ranks)}: expected one rank")
        self.rank, self.blocks = ranks.pop(), list(blocks)
        self.embedding = nn.Parameter(torch.randn(count, _EMBEDDED))
        self.of_vector = nn.Linear(width, width)
        self.of_block = nn.Linear(_EMBEDDED, _EMBEDDED)
        self.together = nn.Linear(width + _EMBEDDED, self.rank**2)
        for layer in (self.of_vector, self.of_block, self.together):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.data *= _SMALL

    def of_blocks(self, degradation: torch.Tensor) -> torch.Tensor:
        """P, (B, width), to Σ of every block, (B, blocks, r, r)."""
        told = functional.relu(self.of_vector(degradation))[:, None].expand(-1, len(self.embedding), -1)
        known = functional.relu(self.of_block(self.embedding))[None].expand(len(degradation), -1, -1)
        return self.together(torch.cat((told, known), -1)).unflatten(-1, (self.rank, self.rank))

    def forward(self, degradation: torch.Tensor) -> torch.Tensor:
        """P, (B, width), to Σᵀ of every layer, (layers, B, r, r): what a layer's input is multiplied by."""
        return self.of_blocks(degradation).mT.transpose(0, 1)[self.blocks]


def block_of_encoder(name: str) -> int:
    """Which of six blocks a layer of the encoder is in, by its name there: four on the way down, the middle, the ends."""
    return _block(name, {"down_blocks": 0, "mid_block": 4}, 5)


def block_of_unet(name: str) -> int:
    """Which of ten: four on the way down, the middle, four on the way up, the ends."""
    return _block(name, {"down_blocks": 0, "mid_block": 4, "up_blocks": 5}, _UNET_BLOCKS - 1)


def _block(name: str, begins: Mapping[str, int], other: int) -> int:
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part in begins:
            return begins[part] + (int(parts[place + 1]) if part != "mid_block" else 0)
    return other


def modulations_of(
    of_encoder: Mapping[str, GuidedLora], of_unet: Mapping[str, GuidedLora], width: int
) -> nn.ModuleList:
    """Σ of both halves' layers, which come by their names."""
    return nn.ModuleList(
        BlockModulation(list(layers.values()), [block(name) for name in layers], count, width)
        for layers, block, count in (
            (of_encoder, block_of_encoder, _ENCODER_BLOCKS),
            (of_unet, block_of_unet, _UNET_BLOCKS),
        )
    )


_MODEL_KEYS = (
    "rank_unet", "rank_vae", "state_dict_unet", "state_dict_vae", "state_dict_vae_de_mlp", "state_dict_unet_de_mlp",
    "state_dict_vae_block_mlp", "state_dict_unet_block_mlp", "state_dict_vae_fuse_mlp", "state_dict_unet_fuse_mlp",
    "state_embeddings",
)  # fmt: skip
_ESTIMATOR_KEY = "state_dict_adapter"


def is_released(content: Mapping[str, Any]) -> bool:
    """Whether what a file holds is the authors' model."""
    return isinstance(content, Mapping) and "state_dict_unet" in content and "state_embeddings" in content


def read_model(path: str | os.PathLike[str]) -> tuple[tuple[int, int], dict[str, torch.Tensor]]:
    """Ranks of encoder and UNet, and the tensors by the names that they have here, of the authors' ``model.pkl``.

    Raises
    ------
    InputError
        it is another file, or one of its parts is missing
    """
    content = read_content(path)
    if isinstance(content, Mapping) and _ESTIMATOR_KEY in content:
        raise InputError(path, "is HiDRA's estimator (--estimator), not its model (--weights)")
    if not is_released(content) or any(key not in content for key in _MODEL_KEYS):
        missing = [key for key in _MODEL_KEYS if not isinstance(content, Mapping) or key not in content]
        raise InputError(path, f"is not the model of HiDRA's authors: {', '.join(missing[:3])} missing")
    ranks = content["rank_vae"], content["rank_unet"]
    if not all(isinstance(rank, int) and 1 <= rank <= 1024 for rank in ranks):
        raise InputError(path, f"states ranks {ranks[0]!r} and {ranks[1]!r}")
    found: dict[str, torch.Tensor] = {}
    try:
        for name, tensor in content["state_dict_vae"].items():
            found[f"backbone.autoencoder.{_our_name(name)}"] = tensor
        for name, tensor in content["state_dict_unet"].items():
            found[f"backbone.unet.{_our_name(name)}"] = tensor
        for place, half in enumerate(("vae", "unet")):
            own = f"modulations.{place}."
            found[own + "embedding"] = content["state_embeddings"][f"state_dict_{half}_block"]["weight"]
            for part in ("weight", "bias"):
                found[f"{own}of_vector.{part}"] = content[f"state_dict_{half}_de_mlp"][f"0.{part}"]
                found[f"{own}of_block.{part}"] = content[f"state_dict_{half}_block_mlp"][f"0.{part}"]
                found[f"{own}together.{part}"] = content[f"state_dict_{half}_fuse_mlp"][part]
    except (KeyError, AttributeError, TypeError) as error:
        raise InputError(path, f"is not the model of HiDRA's authors: {error} is missing") from error
    _check_tensors(path, found)
    return (int(ranks[0]), int(ranks[1])), found


def _our_name(name: str) -> str:
    for theirs, ours in (("lora_A", "down"), ("lora_B", "up")):
        for adapter in ("default", "vae_skip"):
            name = name.replace(f".{theirs}.{adapter}.weight", f".{ours}.weight")
    return name


_HEAD = {"3": "0", "4": "1", "6": "3"}
"""Their numbers of the head's layers, and ours."""


def read_estimator(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """The tensors of the authors' ``DEM.pkl`` by the names that they have in :class:`ReleasedEstimator`.

    Raises
    ------
    InputError
        it is another file
    """
    content = read_content(path)
    if is_released(content):
        raise InputError(path, "is HiDRA's model (--weights), not its estimator (--estimator)")
    given = content.get(_ESTIMATOR_KEY) if isinstance(content, Mapping) else None
    if not isinstance(given, Mapping) or not given:
        raise InputError(path, f"is not the estimator of HiDRA's authors: {_ESTIMATOR_KEY} missing")
    found = {}
    for name, tensor in given.items():
        first, _, rest = str(name).partition(".")
        found[f"interaction.{rest}" if first == "0" else f"head.{_HEAD.get(first, first)}.{rest}"] = tensor
    _check_tensors(path, found)
    return found


def estimator_of(path: str | os.PathLike[str], features: PreTrainedModel, layers: Sequence[int]) -> ReleasedEstimator:
    """Their DEM with the weights of a file.

    Raises
    ------
    InputError
        they do not fit the DINOv2, or it is another file
    """
    tensors = read_estimator(path)
    linear, out = tensors.get("head.0.weight"), tensors.get("interaction.project_out.weight")
    if linear is None or out is None or linear.ndim != 2 or out.ndim != 4:
        raise InputError(path, "is not the estimator of HiDRA's authors: head or attention missing")
    result = ReleasedEstimator(features, layers, len(linear), hidden=out.shape[1])
    own = {name: tensor for name, tensor in result.state_dict().items() if not name.startswith("features.")}
    check_fits(path, own, tensors, f"an estimator on {len(layers)} layers of {features.config.hidden_size} channels")
    result.load_state_dict(tensors, strict=False)
    return result


def _check_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Any]) -> None:
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise InputError(path, "holds something else than tensors where weights should be")


def companion(path: Path, name: str) -> Path | None:
    """A file of a name beside another, if it is there."""
    beside = path.with_name(name)
    return beside if beside.is_file() else None
