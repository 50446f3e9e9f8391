"""A compact centre-point network: each object is a peak of its class's map, and has its size read off there.

X. Zhou, D. Wang, P. Krähenbühl, Objects as points, 2019; losses as there. The body is ours: residual stages down to a
sixteenth, and back up to a quarter of the resolution, since people seen from a drone are ten pixels tall.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

STRIDE = 4
"""Pixels of the image to one of the maps."""
MULTIPLE = 16
WIDTHS = (24, 48, 96, 160)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.layers(x))


class CentrePoints(nn.Module):
    """(B, 1, H, W) in [0, 1], H and W multiples of 16, to maps of a quarter of the size.

    Parameters
    ----------
    classes : int
    widths : sequence of int
        channels at a half, a quarter, an eighth and a sixteenth of the resolution
    """

    def __init__(self, classes: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        stages = []
        before = 1
        for width in widths:
            down = nn.Conv2d(before, width, 3, 2, 1, bias=False)
            stages.append(nn.Sequential(down, nn.BatchNorm2d(width), nn.ReLU(), _Residual(width), _Residual(width)))
            before = width
        self.stages = nn.ModuleList(stages)
        _, quarter, eighth, sixteenth = widths
        self.ups = nn.ModuleList([nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)])
        self.merges = nn.ModuleList([_Residual(eighth), _Residual(quarter)])
        self.head = nn.Sequential(
            nn.Conv2d(quarter, quarter, 3, padding=1), nn.ReLU(), nn.Conv2d(quarter, classes + 4, 1)
        )
        nn.init.constant_(self.head[-1].bias[:classes], -4.6)  # a hundredth, since nearly nowhere is an object
        self.classes = classes

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of the classes, (B, C, h, w); logarithm of width and height in pixels, and where in its cell the centre is,
        0 to 1 across and down, (B, 2, h, w) each."""
        seen = []
        x = 4 * (image - image.mean((1, 2, 3), keepdim=True))
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        for up, merge, beside in zip(self.ups, self.merges, (seen[2], seen[1])):
            x = merge(functional.interpolate(up(x), scale_factor=2.0, mode="nearest") + beside)
        found = self.head(x)
        heat, size, place = found.split((self.classes, 2, 2), 1)
        return heat, size + 2.5, place.sigmoid()


def targets(
    boxes: Sequence[tuple[int, float, float, float, float]], classes: int, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network is to say of an image.

    Parameters
    ----------
    boxes : sequence of (class, left, top, width, height)
        pixels; a class of -1 is neither learned nor held against it
    classes, height, width : int
        of the network, and of the image in pixels

    Returns
    -------
    heat : (C, h, w)
        1 at a centre, falling off with a sixth of the object's size, -1 where nothing counts
    there : (N, 7)
        class, row and column of each centre, ln of width and height, and the centre's place in its cell
    """
    high, wide = height // STRIDE, width // STRIDE
    heat = torch.zeros(classes, high, wide)
    ignored = torch.zeros(high, wide, dtype=torch.bool)
    rows, columns = torch.arange(high)[:, None], torch.arange(wide)[None]
    there = []
    for kind, left, top, w, h in boxes:
        if kind < 0:
            ignored[
                max(0, int(top / STRIDE)) : max(0, int((top + h) / STRIDE)) + 1,
                max(0, int(left / STRIDE)) : max(0, int((left + w) / STRIDE)) + 1,
            ] = True
            continue
        x, y = (left + w / 2) / STRIDE, (top + h / 2) / STRIDE
        column, row = int(x), int(y)
        if not (0 <= row < high and 0 <= column < wide):
            continue
        spread = [max(0.6, side / STRIDE / 6) for side in (h, w)]
        bump = torch.exp(-(((rows - row) / spread[0]) ** 2) / 2 - ((columns - column) / spread[1]) ** 2 / 2)
        heat[kind] = torch.maximum(heat[kind], bump)
        there.append(
            [
                kind,
                row,
                column,
                float(torch.tensor(max(w, 1.0)).log()),
                float(torch.tensor(max(h, 1.0)).log()),
                x - column,
                y - row,
            ]
        )
    heat = torch.where(ignored & (heat < 1), -torch.ones(()), heat)
    return heat, torch.tensor(there).reshape(-1, 7)


def loss(
    made: tuple[torch.Tensor, torch.Tensor, torch.Tensor], heat: torch.Tensor, there: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Focal loss of the maps, and mean absolute difference of sizes (logarithms) and places at the centres."""
    logits, size, place = (part.float() for part in made)
    share = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    is_centre, counts = heat >= 1, heat >= 0
    hit = -((1 - share) ** 2) * share.log() * is_centre
    missed = -((1 - heat.clamp(0, 1)) ** 4) * share**2 * (1 - share).log() * (counts & ~is_centre)
    number = max(1, sum(len(each) for each in there))
    total = (hit.sum() + missed.sum()) / number
    for image, each in enumerate(there):
        if len(each):
            rows, columns = each[:, 1].long(), each[:, 2].long()
            total = total + 0.5 * (size[image, :, rows, columns].T - each[:, 3:5]).abs().sum() / number
            total = total + (place[image, :, rows, columns].T - each[:, 5:7]).abs().sum() / number
    return total


def decoded(
    made: tuple[torch.Tensor, torch.Tensor, torch.Tensor], most: int = 300, least: float = 0.05
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes of one image, (N, 4) as left, top, width, height in pixels, their scores and classes, the surest first."""
    heat, size, place = (part[0].float() for part in made)
    share = heat.sigmoid()
    share = torch.where(share == functional.max_pool2d(share[None], 3, 1, 1)[0], share, torch.zeros(()))
    scores, flat = share.flatten().topk(min(most, share.numel()))
    scores, flat = scores[scores >= least], flat[scores >= least]
    classes, cells = flat // share[0].numel(), flat % share[0].numel()
    rows, columns = cells // share.shape[2], cells % share.shape[2]
    sides = size[:, rows, columns].clamp(max=7).exp().T
    centres = STRIDE * (torch.stack([columns, rows], 1) + place[:, rows, columns].T)
    return torch.cat([centres - sides / 2, sides], 1), scores, classes
