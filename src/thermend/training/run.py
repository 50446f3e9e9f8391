"""From a recipe to weights."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader

from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.io.atomic import whole_file
from thermend.training.callbacks import Measures, ProgressLine, SamplePictures
from thermend.training.data import CleanCrops, NumberedSamples, chosen_files
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe
from thermend.weights.checkpoints import write_tensors

WEIGHTS = "weights.safetensors"
_RECIPE, _FILES, _LAST = "recipe.json", "images.txt", "checkpoints/last.ckpt"
_FREE = {"out", "device", "picture_every", "log", "validation", "data", "split"}
"""Keys that may change between a run and its continuation: what is learned does not depend on them."""


def train(recipe: Recipe, kind: Callable[[Recipe], TrainingModule], say: Callable[[str], None] = print) -> Path:
    """Carry out a recipe, or go on with it where it was interrupted.

    The folder ``out`` gets: ``recipe.json``, ``images.txt`` (the images that are trained on), ``log/``, ``pictures/``,
    ``checkpoints/last.ckpt`` and at the end ``weights.safetensors``.

    Parameters
    ----------
    kind : the method's training

    Returns
    -------
    the file of the weights

    Raises
    ------
    UsageError : ``out`` holds the run of another recipe, or the device is not there
    InputError : an image or a checkpoint cannot be read
    TrainingError : the loss is no longer a number
    """
    say = rank_zero_only(say)  # of several devices' processes one speaks
    out = recipe.out
    if (out / WEIGHTS).is_file():
        _check_same(out, recipe)
        say(f"{out / WEIGHTS} is there already: the run has ended")
        return out / WEIGHTS
    files = chosen_files(recipe.data, recipe.images, recipe.split, recipe.seed)
    last = out / _LAST
    if (out / _RECIPE).is_file():
        _check_same(out, recipe, [name for _, name in files])
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already and holds no run; choose another folder: out=DIR")
    samples = CleanCrops([path for path, _ in files], recipe.crop, recipe.seed, recipe.convention)
    _write(out / _RECIPE, recipe.model_dump_json(indent=1))
    _write(out / _FILES, "".join(f"{name}\n" for _, name in files))

    torch.manual_seed(recipe.seed)
    module = kind(recipe)
    done = _steps_done(last)
    if done:
        say(f"{out}: goes on after step {done} of {recipe.steps}")
    callbacks: list[Callback] = [
        SamplePictures(out / "pictures", samples, recipe.picture_every),
        ProgressLine(),
        ModelCheckpoint(
            last.parent, last.stem, every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
        ),
    ]
    if recipe.validation is not None:
        callbacks.insert(0, Measures(recipe.validation))
    _quieten()
    stretch = min(recipe.checkpoint_every, recipe.steps)
    try:
        trainer = lightning.Trainer(
            accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[recipe.device],
            devices=recipe.devices,
            strategy="ddp_find_unused_parameters_true" if recipe.devices > 1 else "auto",
            precision="bf16-mixed" if recipe.precision == "bf16" else "32-true",
            max_epochs=-(-recipe.steps // stretch),
            logger=_logger(recipe, done),
            log_every_n_steps=min(50, stretch),
            callbacks=callbacks,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
    except Exception as error:
        raise UsageError(f"device {recipe.device!r} × {recipe.devices}: {' '.join(str(error).split())}") from error
    numbers = NumberedSamples(stretch * recipe.batch * recipe.devices)
    loader = DataLoader(samples, recipe.batch, sampler=numbers)
    try:
        trainer.fit(module, loader, ckpt_path=str(last) if done else None, weights_only=True)
    except SystemExit as end:  # Lightning's answer to Ctrl-C
        if trainer.interrupted:
            raise KeyboardInterrupt from end
        raise
    if trainer.is_global_zero:
        write_tensors(out / WEIGHTS, module.weights(), module.metadata())
    say(f"weights: {out / WEIGHTS}")
    return out / WEIGHTS


def _check_same(out: Path, recipe: Recipe, names: list[str] | None = None) -> None:
    """Refuse to go on with a run of another recipe."""
    try:
        before = json.loads((out / _RECIPE).read_text(encoding="utf-8"))
        images = (out / _FILES).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{out}: holds a run that cannot be read; choose another folder: out=DIR") from error
    now = json.loads(recipe.model_dump_json())
    changed = [key for key in now if key not in _FREE and before.get(key) != now[key]]
    if names is not None and names != images:
        changed.append("data")
    if changed:
        raise UsageError(
            f"{out}: holds a run with another {', '.join(changed)}; choose another folder (out=DIR) or the same recipe"
        )


def _steps_done(checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return int(state["state_dict"]["steps_done"])
    except Exception as error:
        raise InputError(
            checkpoint, f"is no checkpoint to go on from ({' '.join(str(error).split())[:100]})"
        ) from error


def _write(path: Path, text: str) -> None:
    with whole_file(path, overwrite=True) as file:
        file.write_text(text, encoding="utf-8")


def _logger(recipe: Recipe, done: int) -> Logger:
    version = f"from-{done:08d}"
    if recipe.log == "csv":
        return CSVLogger(recipe.out, name="log", version=version)
    try:
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(recipe.out, name="log", version=version)
    except ImportError as error:
        raise MissingDependencyError("log: tensorboard is not installed: pip install tensorboard") from error


def _quieten() -> None:
    """Lightning's advice is for those who write the loop."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*num_workers.*")
