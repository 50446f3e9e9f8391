"""The adversarial loss's critic: one that judges patches (assumed; the paper names an adversarial loss and no more), or the
released code's, which looks through a frozen DINO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from thermend.errors import InputError, first_line
from thermend.methods.hidra.estimator import DEVIATION, MEAN

REAL = 0.8
"""What real images are to be judged as by the released critic."""


class PatchCritic(nn.Sequential):
    """Four convolutions with spectral norm, (B, 1, H, W) in [0, 1] to a map of judgements, each of 46 × 46 pixels."""

    def __init__(self, width: int = 32) -> None:
        layers: list[nn.Module] = []
        inputs = 1
        for n in range(3):
            layers += [spectral_norm(nn.Conv2d(inputs, width << n, 4, 2, 1)), nn.LeakyReLU(0.2)]
            inputs = width << n
        super().__init__(*layers, spectral_norm(nn.Conv2d(inputs, 1, 4, 1, 1)))


def critic_loss(critic: nn.Module, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the critic on real and made images, (B, 1, H, W) each; ()."""
    return functional.relu(1 - critic(real)).mean() + functional.relu(1 + critic(made)).mean()


def generator_loss(critic: nn.Module, made: torch.Tensor) -> torch.Tensor:
    """The hinge loss's other side, of made images, (B, 1, H, W); ()."""
    result: torch.Tensor = -critic(made).mean()
    return result


class DinoCritic(nn.Module):
    """The released code's adversary: a frozen DINO ViT looks, and a small head judges each of several layers.

    Parameters
    ----------
    features : ViTModel
        of transformers; frozen, and no part of a checkpoint
    layers : sequence of int
        that are judged by (which ones is assumed: at equal distances)
    """

    def __init__(self, features: Any, layers: Sequence[int] | None = None) -> None:
        super().__init__()
        depth, width = features.config.num_hidden_layers, features.config.hidden_size
        self.layers = tuple(layers or sorted({max(1, depth * n // 4) for n in range(1, 5)}))
        self._features = [features.requires_grad_(False).eval()]  # a list and no module
        self.heads = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(width, width // 4, 1)), nn.LeakyReLU(0.2), nn.Conv2d(width // 4, 1, 1)
            )
            for _ in self.layers
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the logits of all layers and places, (B, N)."""
        features = self._features[0].to(image.device)
        patch = features.config.patch_size
        height, width = (max(1, side // patch) for side in image.shape[2:])
        seen = functional.interpolate(image, (height * patch, width * patch), mode="bilinear", align_corners=False)
        mean, deviation = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        states = features(
            (seen.expand(-1, 3, -1, -1) - mean) / deviation, output_hidden_states=True, interpolate_pos_encoding=True
        ).hidden_states
        judged = []
        for layer, head in zip(self.layers, self.heads):
            map_ = states[layer][:, 1:].transpose(1, 2).unflatten(2, (height, width))
            judged.append(head(map_).flatten(1))
        return torch.cat(judged, 1)


def sigmoid_critic_loss(critic: nn.Module, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of real (:data:`REAL`) and made images (0), (B, 1, H, W) each; ()."""
    return _judged(critic(real), REAL) + _judged(critic(made), 0.0)


def sigmoid_generator_loss(critic: nn.Module, made: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of made images that are to pass for real ones, 1 (assumed); ()."""
    return _judged(critic(made), 1.0)


def _judged(logits: torch.Tensor, target: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(
        logits.float(), torch.full_like(logits, target, dtype=torch.float32)
    )


def dino(source: str) -> Any:
    """A DINO ViT by its name on the hub, or from a folder.

    Raises
    ------
    InputError
        there is none, or it is another network
    """
    from transformers import AutoConfig, ViTModel

    try:
        kind = AutoConfig.from_pretrained(source).model_type
        if kind != "vit":
            raise InputError(source, f"is a {kind}, no ViT")
        return ViTModel.from_pretrained(source, add_pooling_layer=False).float()
    except InputError:
        raise
    except Exception as error:  # whatever the library makes of a foreign folder
        raise InputError(source, f"is no DINO that can be read ({first_line(error)[:200]})") from error
