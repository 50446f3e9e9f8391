"""HiDRA: a one-step diffusion model whose LoRA a degradation vector steers."""

from __future__ import annotations

import torch
from torch import nn

from thermend.methods.hidra.backbone import OneStepDiffusion
from thermend.methods.hidra.estimator import DegradationEstimator
from thermend.methods.hidra.lora import GuidedLora, Modulation, add_lora


class Hidra(nn.Module):
    """N_E with ΔW(P), and N_G, which estimates P.

    Encoder and UNet get LoRA; the decoder stays as it is. Of the backbone nothing is trained.

    Parameters
    ----------
    backbone : OneStepDiffusion
        changed: its layers become :class:`GuidedLora`
    estimator : DegradationEstimator or None
        None leaves Σ = 1: plain LoRA, the paper's ablation "w/o DEM"
    ranks : tuple
        of encoder and UNet; 16 and 32 in the paper

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
        estimator: DegradationEstimator | None,
        ranks: tuple[int, int] = (16, 32),
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.estimator = estimator
        of_encoder = add_lora(backbone.autoencoder, ranks[0], ("encoder.", "quant_conv"))
        of_unet = add_lora(backbone.unet, ranks[1])
        self._layers: tuple[list[GuidedLora], list[GuidedLora]] = (of_encoder, of_unet)
        self.modulations = nn.ModuleList()
        if estimator is not None:
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
        return own + list(self.modulations.parameters())

    def learned(self) -> dict[str, torch.Tensor]:
        """State of all that is not the backbone's: what a file of weights holds."""
        return {name: tensor for name, tensor in self.state_dict().items() if not of_backbone(name)}


class OnePass(nn.Module):
    """What runs: a piece of an image, steered by the vector of the whole image; and, asked beside it, the vector of pieces.

    Parameters
    ----------
    network : Hidra
        with its estimator
    view : int
        side of the views
    """

    output_names = ("restored", "vectors")

    def __init__(self, network: Hidra, view: int) -> None:
        super().__init__()
        self.network, self.view, self.variant = network, view, network.variant

    def forward(
        self, image: torch.Tensor, vector: torch.Tensor, view: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Image, (B, 1, H, W), steered by the vector, (1, width), restored; and P of views, (N, 1, h, w), (N, width)."""
        estimator = self.network.estimator
        steer = None if estimator is None else vector.expand(len(image), -1)
        found = vector if estimator is None else estimator(view)
        return self.network.enhance(image, steer), found

    def example_inputs(self) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
        """Of an export."""
        side = 2 * self.network.multiple
        width = 1 if self.network.estimator is None else self.network.estimator.width
        return {
            "image": (torch.zeros(1, 1, side, side), {0: "batch", 2: "height", 3: "width"}),
            "vector": (torch.zeros(1, width), {}),
            "view": (torch.zeros(2, 1, self.view, self.view), {0: "views"}),
        }


def of_backbone(name: str) -> bool:
    """Whether a tensor of :class:`Hidra` is the backbone's own."""
    return name.startswith("backbone.") and not name.endswith((".down.weight", ".up.weight"))
