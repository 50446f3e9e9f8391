"""Degradation estimation module (DEM): what is wrong with an image, as a vector P (HiDRA, key design 2).

DINOv2 gives features of several layers, mutual interaction attention mixes the layers, a head makes the vector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.methods.hidra.recipe import SMALL

try:
    from transformers import AutoConfig, Dinov2Config, Dinov2Model, Dinov2WithRegistersModel
    from transformers.utils import logging as transformers_logging
except ImportError as error:
    raise MissingDependencyError("hidra needs more packages: pip install 'thermend[hidra]'") from error

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as DINOv2 wants its input."""


class MutualInteractionAttention(nn.Module):
    """Attention of the layers of a network to each other: F' = W_O · Softmax(F_Q F_K) · F_V + F.

    The map is L × L for each image: how much each layer takes from each. The sums over all channels and places are divided by
    the square root of how many those are (assumed: without it, Softmax gives one layer everything), and the convolutions are
    1 × 1 (assumed). W_O begins as zeros, so that what is put before a trained head changes nothing at first.

    Parameters
    ----------
    layers : L
    channels : int
        C, of each layer
    """

    def __init__(self, layers: int, channels: int) -> None:
        super().__init__()
        self.layers = layers
        width = layers * channels
        self.query, self.key, self.value, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def map(self, features: torch.Tensor) -> torch.Tensor:
        """(B, L C, H, W) to Softmax(F_Q F_K), (B, L, L); rows sum to 1."""
        query, key = (part(features).unflatten(1, (self.layers, -1)).flatten(2) for part in (self.query, self.key))
        return (query @ key.transpose(1, 2) / query.shape[2] ** 0.5).softmax(2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, L C, H, W) to the same."""
        value = self.value(features).unflatten(1, (self.layers, -1))
        mixed = (self.map(features) @ value.flatten(2)).view_as(value).flatten(1, 2)
        return self.out(mixed) + features


class DegradationEstimator(nn.Module):
    """N_G: an image to its degradation vector.

    Parameters
    ----------
    features : Dinov2Model
        DINOv2
    layers : sequence of int
        of its layers those that are looked at, 1 is the first
    width : of P
    interaction : bool
        whether the layers attend to each other; the paper's ablation "w/o MIA" has it not

    Raises
    ------
    ValueError
        a layer that the network has not, or a number of channels that is neither 2 nor 3
    """

    def __init__(self, features: Dinov2Model, layers: Sequence[int], width: int, interaction: bool = True) -> None:
        super().__init__()
        depth, channels = features.config.num_hidden_layers, features.config.hidden_size
        if not layers or not all(1 <= layer <= depth for layer in layers):
            raise ValueError(f"layers {list(layers)}: expected some of 1 to {depth}")
        if features.config.num_channels not in (2, 3):
            raise ValueError(f"a DINOv2 of {features.config.num_channels} channels: expected 2 or 3")
        self.features, self.layers, self.width = features, tuple(layers), width
        self.interaction = MutualInteractionAttention(len(layers), channels) if interaction else None
        self.head = nn.Sequential(nn.Linear(len(layers) * channels, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, image: torch.Tensor, interacts: bool = True) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to P, (B, width); sides are cut to multiples of a patch.

        Parameters
        ----------
        interacts : bool
            leaves the attention of the layers out where it is false
        """
        patch = self.features.config.patch_size
        height, width = (max(1, side // patch) for side in image.shape[2:])
        down, right = height * patch - image.shape[2], width * patch - image.shape[3]
        if down > 0 or right > 0:  # less than one patch
            image = functional.pad(image, (0, max(right, 0), 0, max(down, 0)), mode="replicate")
        pixels = colours(image[..., : height * patch, : width * patch], self.features.config.num_channels)
        states = self.features(pixels, output_hidden_states=True).hidden_states
        maps = [states[layer][:, 1:].transpose(1, 2).unflatten(2, (height, width)) for layer in self.layers]
        stacked = torch.cat(maps, 1)
        if self.interaction is not None and interacts:
            stacked = self.interaction(stacked)
        result: torch.Tensor = self.head(stacked.mean((2, 3)))
        return result


def colours(image: torch.Tensor, count: int) -> torch.Tensor:
    """What a DINOv2 of so many channels sees of (B, 1, H, W) in [0, 1].

    Three: the image in each, in ImageNet's units. Two: the image, and its detail, the difference to the mean of 3 × 3 pixels,
    as ± ln(1 + 2 |d|) / 2 with d in grey levels: what an enlarged image lacks is less than one grey level, strong noise is
    thirty.
    """
    if count == 3:
        mean, deviation = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        return (image - mean) / deviation
    image = image.float()  # half precision would lose the detail
    detail = 255 * (image - functional.avg_pool2d(functional.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1))
    companded = detail.sign() * torch.log1p(2 * detail.abs()) / 2
    return torch.cat(((image - MEAN[1]) / DEVIATION[1], companded), 1)


def small_features(configuration: Mapping[str, Any] = SMALL) -> Dinov2Model:
    """A DINOv2 of random weights; one of two channels sees each patch through a cosine transform to begin with.

    At random every channel would be the patch's brightness, beside which noise and lost detail are a hundredth. So a quarter
    of the channels are the image's lowest frequencies, in units of what a scene has of them, five eighths the detail's highest
    ones, and the rest constants, for the normalisation to refer to.
    """
    spread = {"initializer_range": configuration["hidden_size"] ** -0.5}  # DINOv2's own is for more channels
    model = Dinov2Model(Dinov2Config(**{**spread, **configuration}))
    projection = model.embeddings.patch_embeddings.projection
    width, channels, side, _ = projection.weight.shape
    if channels != 2:
        return model
    places = torch.arange(side, dtype=torch.float64)
    waves = torch.cos(math.pi / side * places[:, None] * (places + 0.5)) * (2 / side) ** 0.5
    waves[0] /= 2**0.5
    power = (places[:, None] ** 2 + places**2).flatten()
    order = power.argsort(stable=True)
    basis = torch.einsum("uy,vx->uvyx", waves, waves).flatten(0, 1)[order]
    usual = side / (1 + power[order]) + 0.05  # a scene's deviations fall with the square of the frequency
    low, fine = min(side * side, width // 4), min(side * side, width * 5 // 8)
    with torch.no_grad():
        projection.weight.zero_()
        projection.bias.zero_()
        projection.weight[:low, 0] = (basis / usual[:, None, None])[:low]
        projection.weight[low : low + fine, 1] = basis[-fine:]
        projection.bias[low + fine :] = 1
    return model


def pretrained_features(source: str, *, registers: bool = False, download: bool = True) -> Any:
    """By its name on the hub, or from a folder; float32, however it was saved.

    Parameters
    ----------
    registers : bool
        whether it has to be a DINOv2 with registers, or one without
    download : bool
        whether a name may be asked for at the hub; else it is looked for in the local cache

    Raises
    ------
    InputError
        there is none, or it is another network or lacks weights
    """
    transformers_logging.disable_progress_bar()
    wanted, whose = (Dinov2WithRegistersModel, "DINOv2 with registers") if registers else (Dinov2Model, "DINOv2")
    local = {} if download else {"local_files_only": True}
    try:
        kind = AutoConfig.from_pretrained(source, **local).model_type
        if kind != wanted.config_class.model_type:
            raise InputError(source, f"is a {kind}, no {whose}")
        model, found = wanted.from_pretrained(source, use_safetensors=True, output_loading_info=True, **local)
    except InputError:
        raise
    except Exception as error:  # whatever the library makes of a foreign folder
        if not download and not Path(source).is_dir():
            raise InputError(
                source, "is not in the local cache; --features NAME downloads it, or takes a folder"
            ) from error
        raise InputError(source, f"is no {whose} that can be read ({first_line(error)[:200]})") from error
    if missing := set(found["missing_keys"]) - {"embeddings.mask_token"}:  # which training DINOv2 alone needs
        raise InputError(source, f"lacks weights of a {whose} ({len(missing)}, such as {min(missing)})")
    return model.float()
