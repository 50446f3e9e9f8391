"""ReCo, the fusion network with which DEAL's tables measure an enhanced infrared image beside its visible one.

Z. Huang, J. Liu, X. Fan, R. Liu, W. Zhong, Z. Luo, ReCoNet: recurrent correction network for fast and efficient multi-modality
image fusion, ECCV 2022; without its registration. The parameters are the authors' own file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from thermend.errors import InputError
from thermend.metrics.fidelity import grey_levels
from thermend.weights.checkpoints import read_tensors

_LOOPS, _WIDTH = 3, 64


class ReCo(nn.Module):
    """Three loops of attention and fusion, starting from the brighter of the two images.

    Shapes: infrared and visible (B, 1, H, W) in [0, 1]; the result alike, unclipped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.att_a_conv = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        self.att_b_conv = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        self.dil_conv_1, self.dil_conv_2, self.dil_conv_3 = (
            nn.Sequential(nn.Conv2d(3, _WIDTH, 3, padding=d, dilation=d), nn.BatchNorm2d(_WIDTH), nn.ReLU())
            for d in (1, 2, 3)
        )
        self.fus_conv = nn.Sequential(nn.Conv2d(3 * _WIDTH, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Tanh())

    def forward(self, infrared: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        fused = torch.maximum(infrared, visible)
        for _ in range(_LOOPS):
            attended_infrared = infrared * self._attention(self.att_a_conv, infrared, fused)
            attended_visible = visible * self._attention(self.att_b_conv, visible, fused)
            stack = torch.cat((attended_infrared, fused, attended_visible), 1)
            features = torch.cat([branch(stack) for branch in (self.dil_conv_1, self.dil_conv_2, self.dil_conv_3)], 1)
            fused = self.fus_conv(features)
        return fused

    @staticmethod
    def _attention(convolution: nn.Module, image: torch.Tensor, fused: torch.Tensor) -> torch.Tensor:
        pair = torch.cat((image, fused), 1)
        summary = torch.cat((pair.amax(1, keepdim=True), pair.mean(1, keepdim=True)), 1)
        return torch.sigmoid(convolution(summary))


def load_reco(path: str | os.PathLike[str]) -> ReCo:
    """The network with the authors' parameters.

    Raises
    ------
    InputError
        the file holds no parameters of this network
    """
    network = ReCo()
    try:
        network.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        raise InputError(path, "holds parameters of another network than ReCo") from error
    return network.eval()


def fusing(path: str | os.PathLike[str]) -> Callable[[ArrayLike, ArrayLike], NDArray[np.uint8]]:
    """What fuses an infrared and a visible image, :func:`fuse` with the parameters of a file; raises as :func:`load_reco`."""
    return partial(fuse, load_reco(path))


def fuse(network: ReCo, infrared: ArrayLike, visible: ArrayLike) -> NDArray[np.uint8]:
    """Fuse two (H, W) images in grey levels of 255; the result is clipped and rounded.

    Raises
    ------
    ValueError
        the two differ in size
    """
    pair = [grey_levels(image) for image in (infrared, visible)]
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"infrared {pair[0].shape} and visible {pair[1].shape} differ in size")
    tensors = [torch.from_numpy(image.astype(np.float32) / np.float32(255))[None, None] for image in pair]
    with torch.no_grad():
        fused = network(*tensors)[0, 0]
    return np.asarray((fused.clamp(0, 1) * 255).round().to(torch.uint8).numpy())
