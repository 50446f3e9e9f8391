"""What is shown of a run as it goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray

from thermend import metrics
from thermend.degradations import degrade
from thermend.errors import UsageError
from thermend.io.atomic import whole_file
from thermend.training.data import PLAIN, CleanCrops, clean_pixels, source_files
from thermend.training.recipe import Source, Validation
from thermend.weights.checkpoints import write_tensors


class SamplePictures(Callback):
    """Every so many steps a picture of a few crops: degraded, restored, clean, from left to right.

    Parameters
    ----------
    folder : Path
        gets `step-00001000.png`, ...
    samples : CleanCrops
        the same crops each time
    """

    def __init__(self, folder: Path, samples: CleanCrops, every: int, rows: int = 4) -> None:
        self.folder, self.every = folder, every
        items = [samples[n] for n in range(rows)]
        self.batch = {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        if pl_module.done % self.every or not trainer.is_global_zero:
            return
        batch = {key: value.to(pl_module.device) for key, value in self.batch.items()}
        with torch.no_grad():
            three = pl_module.shown(batch)
        rows = torch.cat([images.clamp(0, 1) for images in three], 3).cpu().numpy()[:, 0]
        picture = np.rint(255 * np.concatenate(list(rows))).astype(np.uint8)
        self.folder.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(".png", picture)[1]
        with whole_file(self.folder / f"step-{pl_module.done:08d}.png", overwrite=True) as file:
            file.write_bytes(data.tobytes())


class LatestWeights(Callback):
    """At every checkpoint the weights that the run would end with then, to measure or to keep while it runs.

    Parameters
    ----------
    path : Path
        replaced each time, whole or not at all
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            write_tensors(self.path, pl_module.weights(), pl_module.metadata(), overwrite=True)


class Measures(Callback):
    """Mean PSNR on validation images, with the weights as they are then; seed 0 of each preset.

    Of images larger than 768 × 768 pixels the middle counts.

    Raises
    ------
    UsageError
        an image is smaller than 64 × 64
    """

    def __init__(self, validation: Validation, source: Source = PLAIN) -> None:
        self.every = validation.every
        source = source.model_copy(update={"part": "val"})
        paths = [path for folder in validation.data for path in source_files(folder, source)]
        places = np.linspace(0, len(paths) - 1, min(validation.max_images, len(paths))).round().astype(int)
        self.pairs: dict[str, list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]] = {}
        for place in places:
            clean = _middle(np.rint(clean_pixels(paths[place], False, source) * 255).astype(np.uint8))
            if min(clean.shape) < 64:
                raise UsageError(
                    f"{paths[place]}: {clean.shape[1]} x {clean.shape[0]} pixels are too few to validate on"
                )
            for preset in validation.presets:
                damaged = clean if preset == "none" else degrade(clean, preset, 0, paths[place].name)
                self.pairs.setdefault(preset, []).append((damaged, clean))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        if pl_module.done % self.every and pl_module.share < 1:
            return
        if not trainer.is_global_zero:
            return
        for preset, pairs in self.pairs.items():
            values = []
            for damaged, clean in pairs:
                image = pl_module.prepared(damaged.astype(np.float32) / np.float32(255))
                batch = torch.from_numpy(image)[None, None].to(pl_module.device)
                result = pl_module.restored(batch)[0, 0].cpu().numpy()
                values.append(metrics.psnr(np.rint(result * 255).astype(np.uint8), clean))
            finite = [v for v in values if np.isfinite(v)]
            pl_module.log(f"psnr/{preset}", float(np.mean(finite)) if finite else float("inf"), rank_zero_only=True)


def _middle(pixels: NDArray[np.uint8], side: int = 768) -> NDArray[np.uint8]:
    top, left = (max(0, (n - side) // 2) for n in pixels.shape)
    return pixels[top : top + side, left : left + side]


class ProgressLine(Callback):
    """A bar on a terminal, with loss and time left; nothing in a pipe."""

    def __init__(self) -> None:
        self.bar: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        if not sys.stderr.isatty() or not trainer.is_global_zero:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.bar = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"), console=Console(stderr=True),
        )  # fmt: skip
        self.task = self.bar.add_task("training", total=pl_module.recipe.steps, completed=pl_module.done, loss="")
        self.bar.start()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        if self.bar is not None:
            loss = trainer.callback_metrics.get("loss")
            text = "" if loss is None or pl_module.done % 10 else f"loss {float(loss):.4f}"
            self.bar.update(self.task, completed=pl_module.done, **({"loss": text} if text else {}))

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        self._stop()

    def teardown(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
