"""From a recipe to weights."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader

from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.io.atomic import whole_file
from thermend.training.callbacks import LatestWeights, Measures, ProgressLine, SamplePictures
from thermend.training.data import CleanCrops, NumberedSamples, chosen_files
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe
from thermend.training.renamed import with_todays_names
from thermend.version import __version__
from thermend.weights.checkpoints import sha256_of, write_tensors

WEIGHTS = "weights.safetensors"
_RUN, _NAMES, LAST = "run.json", "images.txt", "checkpoints/last.ckpt"
_LATEST = "latest.safetensors"
_FREE = {"out", "device", "workers", "picture_every", "log", "validation", "data", "split"}
"""Keys that may change between a run and its continuation: what is learned does not depend on them."""


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that take the place of the one before when they are complete, and not before."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with whole_file(Path(path), overwrite=True) as file:
            torch.save(checkpoint, file)


def train(recipe: Recipe, kind: Any, say: Callable[[str], None] = print) -> Path:
    """Carry out a recipe, or go on with it where it was interrupted.

    The folder ``out`` gets: ``run.json`` (the recipe with every key, the images and the files that it names with their hashes,
    the version), ``images.txt`` (the images' names), ``log/``, ``pictures/``, ``checkpoints/last.ckpt``,
    ``latest.safetensors`` (the weights at that checkpoint) and at the end ``weights.safetensors`` in its place.

    Parameters
    ----------
    kind : Any
        the method's training, a subclass of :class:`TrainingModule` whose one parameter is the recipe

    Returns
    -------
    the file of the weights

    Raises
    ------
    UsageError
        ``out`` holds the run of another recipe, of other images or files, the device is not there, or memory does not suffice
    InputError
        an image or a checkpoint cannot be read, or ``out`` cannot be written
    TrainingError
        the loss is no longer a number, or pretrained features that the run began with are not to be had now
    """
    say = rank_zero_only(say)  # of several devices' processes one speaks
    out, weights, last = recipe.out, recipe.out / WEIGHTS, recipe.out / LAST
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / _RUN).is_file())):
        raise UsageError(f"{out}: is there already and holds no run; choose another folder: out=DIR")
    if recipe.compile and not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++", "cl"))):
        raise UsageError("compile: there is no C++ compiler here (g++, or $CXX); compile=false does without")
    files = chosen_files(recipe.data, recipe.max_images, recipe.split, recipe.seed, out, recipe.source)
    facts = _facts(kind, recipe, files)
    if weights.is_file() or last.is_file():
        _check_same(out, facts, type(recipe))
    if weights.is_file():
        say(f"{weights} is there already: the run has ended")
        return weights
    done = _steps_done(last)
    torch.manual_seed(recipe.seed)
    module = kind(recipe)  # what is wrong with weights to begin with shows before images are prepared
    samples = kind.samples(recipe, [path for path, _ in files])
    module.take(samples)
    trainer, loader = _trainer(recipe, samples, done)
    _write(out / _RUN, json.dumps(facts, indent=1))
    _write(out / _NAMES, "".join(f"{name}\n" for _, name in files))
    if done:
        say(f"{out}: goes on after step {done}" + (f" of {recipe.steps}" if recipe.steps else ""))
    _fit(trainer, module, loader, last if done else None)
    if trainer.is_global_zero:
        write_tensors(weights, module.weights(), module.metadata())
        (out / _LATEST).unlink(missing_ok=True)
    say(f"weights: {weights}")
    return weights


def _trainer(recipe: Recipe, samples: CleanCrops, done: int) -> tuple[lightning.Trainer, DataLoader]:
    """Lightning's trainer; its epoch is a stretch between two checkpoints."""
    out = recipe.out
    callbacks: list[Callback] = [
        SamplePictures(out / "pictures", samples, recipe.picture_every),
        ProgressLine(),
        LatestWeights(out / _LATEST),
        ModelCheckpoint(
            (out / LAST).parent,
            Path(LAST).stem,
            every_n_epochs=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
    ]
    if recipe.validation is not None:
        callbacks.insert(0, Measures(recipe.validation, recipe.source))
    logger = _logger(recipe, done)
    stretch = min(recipe.checkpoint_every, recipe.most_steps)
    _quieten()
    try:
        trainer = lightning.Trainer(
            accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[recipe.device],
            devices=recipe.devices,
            strategy="ddp_find_unused_parameters_true" if recipe.devices > 1 else "auto",
            precision="bf16-mixed" if recipe.precision == "bf16" else "32-true",
            max_epochs=-(-recipe.most_steps // stretch),
            logger=logger,
            log_every_n_steps=min(50, stretch),
            callbacks=callbacks,
            plugins=[WholeFiles()],
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
    except Exception as error:
        raise UsageError(f"device {recipe.device!r} × {recipe.devices}: {' '.join(str(error).split())}") from error
    sampler = NumberedSamples(stretch * recipe.batch_size * recipe.devices, done // stretch)
    return trainer, DataLoader(
        samples, recipe.batch_size, sampler=sampler, num_workers=recipe.workers, persistent_workers=recipe.workers > 0
    )


def _fit(trainer: lightning.Trainer, module: TrainingModule, loader: DataLoader, checkpoint: Path | None) -> None:
    try:
        trainer.fit(module, loader, ckpt_path=None if checkpoint is None else str(checkpoint), weights_only=True)
    except SystemExit as end:  # Lightning's answer to Ctrl-C
        if trainer.interrupted:
            raise KeyboardInterrupt from end
        raise
    except OSError as error:
        raise InputError(module.recipe.out, f"cannot be written: {error.strerror or error}") from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise UsageError("the device has not enough memory; a smaller batch_size or patch_size needs less") from error


def _facts(kind: type[TrainingModule], recipe: Recipe, files: Sequence[tuple[Path, str]]) -> dict[str, Any]:
    """What a run follows from."""
    return {
        "version": __version__,
        "recipe": json.loads(recipe.model_dump_json()),
        "images": [[name, sha256_of(path)] for path, name in files],
        "files": {key: sha256_of(path) for key, path in kind.files(recipe).items()},
    }


def _check_same(out: Path, now: dict[str, Any], kind: type[Recipe]) -> None:
    """Refuse to go on with a run of another recipe, of other images or files, or of another version."""
    try:
        before = json.loads((out / _RUN).read_text(encoding="utf-8"))
        before["recipe"] = _as_today(before["recipe"], kind)
        changed = [
            key for key, value in now["recipe"].items() if key not in _FREE and before["recipe"].get(key) != value
        ]
        changed += ["data"] * (before["images"] != now["images"])
        known = before.get("files", now["files"])  # an earlier version did not keep them
        changed += [f"file of {key}" for key, digest in now["files"].items() if known.get(key) != digest]
        changed += ["version of thermend"] * (before["version"] != now["version"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{out}: holds a run that cannot be read; choose another folder: out=DIR") from error
    if changed:
        raise UsageError(
            f"{out}: holds a run with another {', '.join(changed)}; choose another folder (out=DIR) or the same recipe"
        )


def _as_today(saved: dict[str, Any], kind: type[Recipe]) -> dict[str, Any]:
    """A recipe as a run keeps it, with today's names, and with every key that has come since."""
    values = with_todays_names(saved)
    with contextlib.suppress(ValueError):  # its files may be gone
        return {**json.loads(kind.model_validate(values).model_dump_json()), "out": values.get("out")}
    return values


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
