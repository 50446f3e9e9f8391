"""HiDRA: a one-step diffusion model whose LoRA a degradation vector steers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from thermend.errors import UsageError
from thermend.methods.hidra.backbone import OneStepDiffusion
from thermend.methods.hidra.estimator import DegradationEstimator
from thermend.methods.hidra.guidance import STATISTICS
from thermend.methods.hidra.level import Level
from thermend.methods.hidra.lora import GuidedLora, Modulation, add_lora
from thermend.methods.hidra.released import SCALE, ReleasedEstimator, modulations_of


class Hidra(nn.Module):
    """N_E with ΔW(P), and N_G, which estimates P.

    Encoder and UNet get LoRA; the decoder stays as it is. Of the backbone nothing is trained.

    Parameters
    ----------
    backbone : OneStepDiffusion
        changed: its layers become :class:`GuidedLora`
    estimator : DegradationEstimator or ReleasedEstimator or None
        None leaves Σ = 1: plain LoRA, the paper's ablation "w/o DEM"
    ranks : tuple
        of encoder and UNet; 16 and 32 in the paper
    released : bool
        the authors' LoRA and Σ (:mod:`thermend.methods.hidra.released`) in place of those of this package's small form
    conv_in : bool
        of the released form: the UNet's first convolution is trained whole, as the released code does
    level : bool
        the whole image's level and contrast are read off P and its grey levels (:mod:`thermend.methods.hidra.level`)

    Attributes
    ----------
    variant : in the catalogue
    view : side of the pieces of an image that P was learned from
    """

    variant = "tiny"
    view = 128

    def __init__(
        self,
        backbone: OneStepDiffusion,
        estimator: DegradationEstimator | ReleasedEstimator | None,
        ranks: tuple[int, int] = (16, 32),
        *,
        released: bool = False,
        conv_in: bool = False,
        level: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.estimator, self.released, self.conv_in = estimator, released, conv_in and released
        self.level = Level(estimator.width) if level and estimator is not None else None
        if released:
            backbone.luma = backbone.clamped = True
            of_encoder = add_lora(backbone.autoencoder, ranks[0], ("encoder.",), scale=SCALE / ranks[0])
            of_unet = add_lora(backbone.unet, ranks[1], feed_forward=True, aside=("conv_in",), scale=SCALE / ranks[1])
            for layer in (*of_encoder.values(), *of_unet.values()):
                nn.init.normal_(layer.down.weight, std=1 / layer.rank)
            backbone.unet.conv_in.requires_grad_(self.conv_in)
        else:
            of_encoder = add_lora(backbone.autoencoder, ranks[0], ("encoder.", "quant_conv"))
            of_unet = add_lora(backbone.unet, ranks[1])
        self._layers: tuple[list[GuidedLora], list[GuidedLora]] = (list(of_encoder.values()), list(of_unet.values()))
        self.modulations = nn.ModuleList()
        if estimator is not None and released:
            self.modulations.extend(modulations_of(of_encoder, of_unet, estimator.width))
        elif estimator is not None:
            self.modulations.extend(Modulation(layers, estimator.width) for layers in self._layers)

    @property
    def multiple(self) -> int:
        """Of the sides of the images."""
        return self.backbone.multiple

    def guide(self, degradation: torch.Tensor | None) -> None:
        """Set Σ of all layers for the images that come next, from their P, (B, width); None is plain LoRA.

        Σ is kept by the layers, so that one network serves one thread.
        """
        for layers, modulation in zip(self._layers, self.modulations):
            sigmas = [None] * len(layers) if degradation is None else list(modulation(degradation))
            for layer, sigma in zip(layers, sigmas):
                layer.sigma = sigma

    def enhance(self, image: torch.Tensor, degradation: torch.Tensor | None) -> torch.Tensor:
        """N_E(x; ΔW(P)): (B, 1, H, W) in [0, 1] to the same, unclipped."""
        self.guide(degradation)
        try:
            result: torch.Tensor = self.backbone(image)
            return result
        finally:
            self.guide(None)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same, unclipped."""
        return self.enhance(image, None if self.estimator is None else self.estimator(image))

    def adaptation(self) -> list[nn.Parameter]:
        """ΔW: U and V of all layers, and what makes Σ of P."""
        own = [p for layers in self._layers for layer in layers for p in (layer.down.weight, layer.up.weight)]
        whole = list(self.backbone.unet.conv_in.parameters()) if self.conv_in else []
        return own + whole + list(self.modulations.parameters())

    def learned(self) -> dict[str, torch.Tensor]:
        """State of all that is not the backbone's: what a file of weights holds."""
        return {name: tensor for name, tensor in self.state_dict().items() if self.is_learned(name)}

    def is_learned(self, name: str) -> bool:
        """Whether a tensor is neither the backbone's own nor, in the released form, DINOv2's."""
        if self.released and name.startswith("estimator.features."):
            return False
        return not of_backbone(name) or (self.conv_in and name.startswith("backbone.unet.conv_in."))


class OnePass(nn.Module):
    """What runs: a piece of an image, steered by the vector of the whole image; and, asked beside it, the vector of pieces.

    Parameters
    ----------
    network : Hidra
        with its estimator
    view : int
        side of the views; 0 is the whole image
    """

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of an export."""
        return ("restored", "vectors", *(("level",) if self.network.level is not None else ()))

    def __init__(self, network: Hidra, view: int) -> None:
        super().__init__()
        self.network, self.view, self.variant = network, view, network.variant
        self.facts: dict[str, Any] = {}
        if network.released and network.estimator is not None:
            estimator = {"guides": True, "width": network.estimator.width}
            self.facts = {
                "view": view,
                "multiple": 1,
                "estimator": estimator,
            }  # it mirrors images itself, as theirs does

    def forward(
        self, image: torch.Tensor, vector: torch.Tensor, view: torch.Tensor, told: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Image, (B, 1, H, W), steered by the vector, (1, width), restored; P of views, (N, 1, h, w), (N, width); and, where
        there is one, the level of an image of that vector that has the statistics, (1, 13), (1, 2)."""
        estimator = self.network.estimator
        steer = None if estimator is None else vector.expand(len(image), -1)
        found = vector if estimator is None else estimator(view)
        results = self.network.enhance(image, steer), found
        return results if self.network.level is None else (*results, self.network.level(vector, told))

    def example_inputs(self) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
        """Of an export.

        Raises
        ------
        UsageError
            the released form, whose estimator takes images of any size, which no export here does
        """
        if self.network.released:
            raise UsageError("hidra/sd-turbo runs on torch alone (--engine torch)")
        side = 2 * self.network.multiple
        width = 1 if self.network.estimator is None else self.network.estimator.width
        return {
            "image": (torch.zeros(1, 1, side, side), {0: "batch", 2: "height", 3: "width"}),
            "vector": (torch.zeros(1, width), {}),
            "view": (torch.zeros(2, 1, self.view, self.view), {0: "views"}),
            **({} if self.network.level is None else {"told": (torch.zeros(1, STATISTICS), {})}),
        }


def of_backbone(name: str) -> bool:
    """Whether a tensor of :class:`Hidra` is the backbone's own."""
    return name.startswith("backbone.") and not name.endswith((".down.weight", ".up.weight"))
