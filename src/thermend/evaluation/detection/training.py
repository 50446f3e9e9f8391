"""Training of the centre-point network on clean images with boxes: one explicit loop, resumable, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from thermend.datasets.coco import Box, boxes_of
from thermend.errors import InputError, UsageError
from thermend.evaluation.detection.detectors import CLASSES
from thermend.evaluation.detection.network import MULTIPLE, WIDTHS, CentrePoints, loss, targets
from thermend.evaluation.images import grey
from thermend.io.atomic import whole_file
from thermend.weights.checkpoints import write_tensors


@dataclass(frozen=True)
class Settings:
    """Of a training.

    Attributes
    ----------
    steps, batch_size : int
    patch_size : int
        side of the pieces, pixels
    learning_rate : float
        of AdamW, after a warm-up; falls by a cosine
    ema_decay : float
        of the averaged weights
    checkpoint_every : int
        steps
    seed : int
    """

    steps: int = 2000
    batch_size: int = 8
    patch_size: int = 256
    learning_rate: float = 2e-3
    ema_decay: float = 0.995
    checkpoint_every: int = 100
    seed: int = 0


def groups_of(names: Sequence[str]) -> dict[str, str]:
    """Of HIT-UAV's names, ``TIME_HEIGHT_ANGLE_..._NUMBER.jpg``, what is the same for all images of one flight."""
    return {name: Path(name).stem.rpartition("_")[0] for name in names}


def left_out(names: Sequence[str], share: int = 5) -> list[str]:
    """A fifth (or another part) of the images, by whole groups, so that no flight is learned from and measured on.

    Of the groups, from the largest to the smallest, it is every fifth, beginning with the third.
    """
    groups: dict[str, list[str]] = {}
    for name, group in groups_of(names).items():
        groups.setdefault(group, []).append(name)
    ordered = sorted(groups, key=lambda group: (-len(groups[group]), group))
    return sorted(name for group in ordered[2::share] for name in groups[group])


def train(
    folder: Path,
    boxes: Path,
    out: Path,
    settings: Settings = Settings(),
    say: Callable[[str], None] = print,
) -> Path:
    """Train on the images of a folder that are not left out (:func:`left_out`); goes on from `out`'s last checkpoint.

    Returns
    -------
    Path
        ``detector.safetensors`` in `out`

    Raises
    ------
    InputError
        images or boxes cannot be read, or the checkpoint is another's
    UsageError
        the pieces' side is no multiple of 16
    """
    if settings.patch_size % MULTIPLE:
        raise UsageError(f"patch_size {settings.patch_size}: expected a multiple of {MULTIPLE}")
    known = boxes_of(boxes)
    aside = set(left_out(list(known)))
    names = sorted(name for name in known if name not in aside)
    images = {name: grey(folder / name) for name in names}
    torch.manual_seed(settings.seed)
    network = CentrePoints(len(CLASSES))
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=1e-4)
    last = out / "last.pt"
    first = _resumed(last, settings, network, averaged, optimizer)
    if first:
        say(f"goes on after step {first} of {settings.steps}")
    half = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    sums = []
    for step in range(first, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _factor(step, settings.steps)
        pieces, heat, there = batch(images, known, settings, step)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            made = network(pieces)
        value = loss(made, heat, there)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        averaged.update_parameters(network)
        sums.append(float(value.detach()))
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            state = {
                "step": step + 1, "network": network.state_dict(), "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(), "settings": vars(settings),
            }  # fmt: skip
            with whole_file(last, overwrite=True) as temporary:
                torch.save(state, temporary)
            say(f"step {step + 1}: {np.mean(sums):.3f}")
            sums = []
    found = out / "detector.safetensors"
    tensors = {name: tensor.half() for name, tensor in averaged.module.state_dict().items()}
    write_tensors(found, tensors, {"classes": list(CLASSES), "widths": list(WIDTHS)}, overwrite=True)
    return found


def batch(
    images: Mapping[str, np.ndarray], boxes: Mapping[str, Sequence[Box]], settings: Settings, step: int
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Pieces, (B, 1, N, N) in [0, 1], and what the network is to say of them; the same for a seed and a step."""
    rng = np.random.default_rng([settings.seed, step])
    side = settings.patch_size
    names = sorted(images)
    pieces, heats, there = [], [], []
    for name in rng.choice(names, settings.batch_size):
        picture = images[name]
        high, wide = picture.shape
        if min(high, wide) < side:
            raise InputError(name, f"is smaller than a piece, {side} pixels")
        top, left = int(rng.integers(high - side + 1)), int(rng.integers(wide - side + 1))
        piece = picture[top : top + side, left : left + side].astype(np.float32) / 255
        across, down = rng.random(2) < 0.5
        inside = []
        for box in boxes[name]:
            x, y = box.left - left, box.top - top
            kind = CLASSES.index(box.category) if box.category in CLASSES else -1
            inside.append((
                kind, side - x - box.width if across else x, side - y - box.height if down else y, box.width, box.height,
            ))  # fmt: skip
        piece = piece[:: -1 if down else 1, :: -1 if across else 1]
        gain, offset = rng.uniform(0.8, 1.2), rng.uniform(-0.1, 0.1)
        pieces.append(np.clip(gain * (piece - piece.mean()) + piece.mean() + offset, 0, 1))
        heat, where = targets(inside, len(CLASSES), side, side)
        heats.append(heat)
        there.append(where)
    return torch.from_numpy(np.stack(pieces)[:, None].astype(np.float32)), torch.stack(heats), there


def _factor(step: int, steps: int, warmup: int = 50) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _resumed(
    last: Path,
    settings: Settings,
    network: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    if not last.is_file():
        return 0
    try:
        state = torch.load(last, map_location="cpu", weights_only=True)
        if state["settings"] != vars(settings):
            raise InputError(last, "is of a training with other settings")
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
    except (KeyError, TypeError, ValueError, RuntimeError, EOFError) as error:
        raise InputError(last, "is no checkpoint to go on from") from error
