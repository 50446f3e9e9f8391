"""Generator and discriminator of 2D-GAN (the paper's section "Image enhancement network based on 2D-GAN", Figs. 2 to 4).

The released code leaves both networks empty; layers are those that the text names. What it leaves open, and was chosen so that
parameters and multiply-accumulates at 512 × 512 are the paper's (Table 2), is marked as assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.dual_decoder.names import WIDTHS, AttentionKind, CriticNorm

CRITIC_WIDTHS = {1: (47, 93, 186, 372), 3: (46, 92, 184, 368)}
"""Of the discriminator (assumed), by the channels of the image."""
MOMENTUM = 0.8
SLOPE = 0.2
"""Of Leaky ReLU (assumed)."""
CHANNELS = 3
"""Of images, a grey one thrice, as the weights that ship have them; the released file states one."""

ATTENTIONS: tuple[AttentionKind, ...] = get_args(AttentionKind)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, momentum=MOMENTUM)


class Down(nn.Sequential):
    """Convolution 4 × 4 of stride 2, batch norm, Leaky ReLU: half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False), _norm(outputs), nn.LeakyReLU(SLOPE)
        )


class Up(nn.Sequential):
    """Transposed convolution 4 × 4 of stride 2, batch norm, Leaky ReLU (the text; Eq. 2 writes ReLU): twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
            _norm(outputs),
            nn.LeakyReLU(SLOPE),
        )


class ToImage(nn.Sequential):
    """Transposed convolution and tanh: an image in [−1, 1]."""

    def __init__(self, inputs: int, channels: int = CHANNELS) -> None:
        super().__init__(nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1), nn.Tanh())


class OuterSkip(nn.Module):
    """Eq. 3: features of the first decoder join those of the second encoder, which then go down a level.

    Both convolutions that halve the channels are 3 × 3 (assumed).
    """

    def __init__(self, width: int, below: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(2 * width, width, 3, padding=1, bias=False)
        self.join = nn.Conv2d(2 * width, width, 3, padding=1, bias=False)
        self.norm = _norm(width)
        self.down = Down(width, below)

    def forward(self, decoded: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
        """(B, 2 C, H, W) of the first decoder and (B, C, H, W) of the second encoder to (B, C', H / 2, W / 2)."""
        joined = self.join(torch.cat((self.reduce(decoded), encoded), 1))
        result: torch.Tensor = self.down(functional.relu(self.norm(joined)))
        return result


class CrossLevelAttention(nn.Module):
    """Fig. 4: the first encoder's features, weighted place by place by what they and the second decoder's say together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_encoder, self.of_decoder = (
            nn.Sequential(nn.Conv2d(width, width, 1, bias=False), _norm(width)) for _ in range(2)
        )

    def forward(self, encoded: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) each, to the same."""
        weight: torch.Tensor = self.of_encoder(encoded) + self.of_decoder(decoded)
        return encoded * weight.sigmoid()


class PixelAttention(nn.Module):
    """Table 5: weights of every place and channel from the first encoder's features alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Conv2d(width, width, 1), nn.LeakyReLU(SLOPE), nn.Conv2d(width, width, 1))

    def forward(self, encoded: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        """As :class:`CrossLevelAttention`."""
        weight: torch.Tensor = self.weigh(encoded)
        return encoded * weight.sigmoid()


class MultiHeadAttention(nn.Module):
    """Table 5: the second decoder's features ask, the first encoder's answer; in windows of 8 × 8, for any size (assumed)."""

    window = 8

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, encoded: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        """As :class:`CrossLevelAttention`."""
        height, width = encoded.shape[2:]
        down, right = -height % self.window, -width % self.window
        asked, answered = (self._windows(functional.pad(f, (0, right, 0, down))) for f in (decoded, encoded))
        mixed, _ = self.attention(asked, answered, answered, need_weights=False)
        side, across = self.window, (width + right) // self.window
        features = mixed.reshape(encoded.shape[0], -1, across, side, side, encoded.shape[1])
        features = features.permute(0, 5, 1, 3, 2, 4).reshape(encoded.shape[0], encoded.shape[1], -1, across * side)
        return features[..., :height, :width]

    def _windows(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B windows, places, C)."""
        batch, width, height, across = features.shape
        side = self.window
        cut = features.reshape(batch, width, height // side, side, across // side, side)
        return cut.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, width)


_ATTENTION: dict[str, type[nn.Module]] = {
    "cross-level": CrossLevelAttention,
    "pixel": PixelAttention,
    "multi-head": MultiHeadAttention,
}


class Decoder(nn.Module):
    """From the deepest features to an image, with what other parts give at each level.

    Parameters
    ----------
    given : sequence of int
        channels that are concatenated at each level, from the first
    """

    def __init__(self, widths: Sequence[int], given: Sequence[int], channels: int = CHANNELS) -> None:
        super().__init__()
        inputs = [*(w + g for w, g in zip(widths[1:-1], given[1:])), widths[-1]]
        self.ups = nn.ModuleList(Up(i, o) for i, o in zip(inputs, widths[:-1]))
        self.image = ToImage(widths[0] + given[0], channels)


class DualDecodingGenerator(nn.Module):
    """Two encoder-decoder passes (Fig. 2a).

    Parameters
    ----------
    widths : sequence of int
        channels of the levels
    dual : bool
        a second pass follows; without it C1 and C2 of Table 4
    inner : bool
        skips from an encoder to its decoder (Eq. 2)
    outer : bool
        skips from the first decoder to the second encoder (Eq. 3)
    attention : AttentionKind
        of the second decoder to the first encoder's features
    channels : int
        of the image, 1 or 3
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS["full"],
        dual: bool = True,
        inner: bool = True,
        outer: bool = True,
        attention: AttentionKind = "cross-level",
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths {list(widths)}: expected two levels or more")
        if not dual and (outer or attention != "none"):
            raise ValueError("outer skips and attention need a second pass (dual)")
        self.widths, self.dual, self.inner, self.multiple = tuple(widths), dual, inner, 2 ** len(widths)
        self.channels = channels
        above = list(widths[:-1])
        skipped = [width * inner for width in above]
        self.encoder = nn.ModuleList(Down(i, o) for i, o in zip((channels, *above), widths))
        self.decoder = Decoder(widths, skipped, channels)
        if not dual:
            return
        self.second_encoder = nn.ModuleList([Down(channels, widths[0])])
        for width, below in zip(above, widths[1:]):
            self.second_encoder.append(OuterSkip(width, below) if outer else Down(width, below))
        if outer and not inner:
            raise ValueError("outer skips carry what the inner skips bring to the first decoder (inner)")
        self.attentions = nn.ModuleList(_ATTENTION[attention](w) for w in above) if attention != "none" else None
        self.second_decoder = Decoder(widths, [s + w * (attention != "none") for s, w in zip(skipped, above)], channels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same; of three channels that come out the mean is taken."""
        height, width = image.shape[2:]
        down, right = -height % self.multiple, -width % self.multiple
        padded = functional.pad(image, (0, right, 0, down), "replicate") if down or right else image
        result = self.passes((2 * padded - 1).expand(-1, self.channels, -1, -1))[-1]
        return (result.mean(1, keepdim=True)[..., :height, :width] + 1) / 2

    def passes(self, image: torch.Tensor) -> list[torch.Tensor]:
        """(B, channels, H, W) in [−1, 1], sides multiples of 16, to the images of the first and of the second pass."""
        first = [image]
        for layer in self.encoder:
            first.append(layer(first[-1]))
        encoded = first[1:]
        features = encoded[-1]
        decoded: list[torch.Tensor] = []
        for level in reversed(range(len(self.decoder.ups))):
            features = self.decoder.ups[level](features)
            features = torch.cat((features, encoded[level]), 1) if self.inner else features
            decoded.insert(0, features)
        images = [self.decoder.image(features)]
        if not self.dual:
            return images
        again = [self.second_encoder[0](images[0])]
        for layer, own in zip(self.second_encoder[1:], decoded):
            again.append(layer(own, again[-1]) if isinstance(layer, OuterSkip) else layer(again[-1]))
        features = again[-1]
        for level in reversed(range(len(self.second_decoder.ups))):
            features = self.second_decoder.ups[level](features)
            parts = [features]
            if self.attentions is not None:
                parts.append(self.attentions[level](encoded[level], features))
            if self.inner:
                parts.append(again[level])
            features = torch.cat(parts, 1)
        return [*images, self.second_decoder.image(features)]


_NORM: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": nn.Identity}


class MarkovianDiscriminator(nn.Module):
    """Judges overlapping patches (Fig. 2b): four convolutions 4 × 4 of stride 2, one of stride 1; 128 × 128 to 8 × 8.

    Parameters
    ----------
    norm : CriticNorm
        ``batch`` is the paper's; it couples the samples of a batch, each of which a gradient penalty wants judged alone
    channels : int
        of the image
    """

    def __init__(
        self,
        widths: Sequence[int] | None = None,
        norm: CriticNorm = "batch",
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        widths = CRITIC_WIDTHS[channels] if widths is None else widths
        layers: list[nn.Module] = []
        for inputs, outputs in zip((channels, *widths), widths):
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), _NORM[norm](outputs), nn.LeakyReLU(SLOPE)
            ]  # fmt: skip
        # 4 × 4 keeps the size only with one row and column more on one side
        self.layers = nn.Sequential(*layers, nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) in [−1, 1] to (B, 1, H / 16, W / 16): the higher, the more real."""
        result: torch.Tensor = self.layers(image)
        return result
