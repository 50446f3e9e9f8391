"""What every method's training has in common."""

from __future__ import annotations

import hashlib
import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from thermend.errors import InputError, ThermendError
from thermend.training.data import CleanCrops
from thermend.training.recipe import Recipe
from thermend.weights.checkpoints import read_tensors

_LOOKED_AT_EVERY = 50


class TrainingError(ThermendError):
    """A run that cannot go on."""


class TrainingModule(lightning.LightningModule):
    """A network in training: a subclass says how to degrade and what one step does.

    Everything that a step draws comes from generators seeded by (seed, step, device), so that a run that is resumed draws what
    it would have drawn.

    Parameters
    ----------
    recipe : Recipe
        of the method
    network : (B, 1, H, W)
        in [0, 1] to the same, unclipped; what the run is for. Modules of it with an attribute ``compiles`` that is true are
        what ``recipe.compile`` compiles; without any the whole network is

    Attributes
    ----------
    recipe_kind : type
        the class that the method's recipes are checked with
    done : int
        steps so far
    """

    recipe_kind: ClassVar[type[Recipe]] = Recipe

    def __init__(self, recipe: Recipe, network: nn.Module) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.recipe = recipe
        self.network = network
        if recipe.init_from is not None:
            try:
                self.begin(network, read_tensors(recipe.init_from))
            except ValueError as error:
                raise InputError(
                    recipe.init_from, "holds weights of another network than the one that is to be trained"
                ) from error
        self.averaged = (
            AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
            if recipe.ema_decay
            else None
        )
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.long))
        self.register_buffer(
            "seconds_done", torch.zeros((), dtype=torch.float64), persistent=recipe.minutes is not None
        )
        self.done, self.seconds, self._clock = 0, 0.0, 0.0
        if recipe.compile:
            for block in [m for m in network.modules() if getattr(m, "compiles", False)] or [network]:
                block.compile(dynamic=False)

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> CleanCrops:
        """What the run draws its batches from."""
        return CleanCrops(paths, recipe.patch_size, recipe.seed, recipe.convention, recipe.source)

    @classmethod
    def files(cls, recipe: Recipe) -> dict[str, Path]:
        """What the run is built on besides its images, by the recipe's keys: the files that these name, if they are there."""
        return {key: path for key, path in recipe.paths() if key != "split" and path.is_file()}

    def begin(self, network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """Give the network the weights to begin with, named as :meth:`weights` names them.

        Raises
        ------
        ValueError
            they are another network's
        """
        own = network.state_dict()
        if {name: t.shape for name, t in tensors.items()} != {name: t.shape for name, t in own.items()}:
            raise ValueError("not the tensors of this network")
        network.load_state_dict(dict(tensors))

    def take(self, samples: Any) -> None:
        """Be handed what :meth:`samples` made; a method that draws its batches on the device keeps it."""
        return

    @abstractmethod
    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The degraded images of a batch of :meth:`samples`, (B, 1, H, W)."""

    @abstractmethod
    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """One step of all optimisers; returns what is to be logged, ``loss`` among it."""

    def prepared(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network gets of a whole image, (H, W) in [0, 1]: the image itself unless a method says otherwise."""
        return image

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """What becomes of images, (B, 1, H, W) to the same, with the weights as they are now.

        Parameters
        ----------
        batch : mapping or None
            that they are the pieces of; None for whole images
        """
        result: torch.Tensor = self.restoring(degraded)
        return result

    def restored(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """What :meth:`restore` gives in evaluation, in [0, 1]; without gradients."""
        network = self.restoring
        training = network.training
        network.eval()
        with torch.no_grad(), torch.autocast(degraded.device.type, torch.bfloat16, self.recipe.precision == "bf16"):
            result = self.restore(degraded, batch)
        network.train(training)
        return result.float().clamp(0, 1)

    def shown(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Degraded, restored and clean images of a batch of :meth:`samples`, (B, 1, H, W) each, for the sample pictures."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            degraded = self.degrade(batch, torch.Generator().manual_seed(self.recipe.seed))
        return degraded, self.restored(degraded, batch), batch["clean"]

    @property
    def restoring(self) -> nn.Module:
        """The network whose weights the run would end with now."""
        return self.network if self.averaged is None else self.averaged.module

    def weights(self) -> dict[str, torch.Tensor]:
        """Those weights, in float32 on the CPU."""
        return {name: t.detach().cpu().contiguous() for name, t in self.restoring.state_dict().items()}

    def metadata(self) -> dict[str, Any]:
        """What is kept beside the weights: all that is needed to build the network again."""
        return {"method": self.recipe.method}

    def training_step(self, batch: Mapping[str, torch.Tensor], _: int) -> None:
        """Called by Lightning."""
        self._clock = self._clock or time.monotonic()
        seed = _seed(self.recipe.seed, self.done, self.global_rank)
        torch.manual_seed(seed)
        logged = self.step(batch, torch.Generator().manual_seed(seed))
        # A loss is looked at when the device has it; a GPU is not made to wait for that in every step.
        every = 1 if self.device.type == "cpu" else _LOOKED_AT_EVERY
        last = self.recipe.steps is not None and self.done + 1 >= self.recipe.steps
        looked_at = last or (self.done + 1) % every == 0 or (self.done + 1) % self.recipe.checkpoint_every == 0
        loss = float(logged["loss"].detach()) if looked_at else 0.0
        if not math.isfinite(loss):
            raise TrainingError(
                f"step {self.done + 1}: the loss is {loss}; the run ends here. A lower"
                " learning_rate, a longer warmup or precision=float32 may help, in another folder (out=DIR)"
            )
        self.done += 1
        now = time.monotonic()
        self.seconds += now - self._clock
        self._clock = now
        self.steps_done.fill_(self.done)
        schedulers: Any = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()
        self.seconds_done.fill_(self.seconds)
        self._share_statistics()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
            for mean, own in zip(self.averaged.module.buffers(), self.network.buffers()):
                if not own.is_floating_point():
                    mean.copy_(own)  # indices and counts have no mean
        if self.share >= 1:
            self.trainer.should_stop = True
        self.log_dict({name: value.detach().float() for name, value in logged.items()}, sync_dist=False)

    def _share_statistics(self) -> None:
        """Batch norm's running statistics are the mean of all devices', so that one checkpoint tells them."""
        if self.trainer.world_size > 1:
            for buffer in self.network.buffers():
                if buffer.is_floating_point():
                    torch.distributed.all_reduce(buffer)
                    buffer /= self.trainer.world_size

    @property
    def enhancer(self) -> torch.optim.Optimizer:
        """The optimiser of the network, which is the first."""
        optimizers: Any = self.optimizers()
        first = optimizers[0] if isinstance(optimizers, (list, tuple)) else optimizers
        return first.optimizer

    @abstractmethod
    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimisers, the network's first, at the learning rates of the recipe."""

    def configure_optimizers(self) -> Any:
        """Called by Lightning: every optimiser with the recipe's schedule."""
        made = self.make_optimizers()
        return made, [torch.optim.lr_scheduler.LambdaLR(optimizer, self.factor_at) for optimizer in made]

    def _schedule_at(self, step: int) -> dict[str, Any]:
        """The state of a schedule after so many steps."""
        return {"last_epoch": step, "_step_count": step + 1, "lr_lambdas": [None]}

    def factor_at(self, step: int) -> float:
        """On every optimiser's learning rate at a step: a linear warm-up, then constant or a cosine down to a hundredth."""
        if self.recipe.minutes is not None:
            return factor_of(self.recipe, step, share=self.share)
        return factor_of(self.recipe, step, self.recipe.most_steps)

    @property
    def share(self) -> float:
        """Of the run that is done, 0 to 1: of its steps, or of its minutes."""
        if self.recipe.minutes is not None:
            return min(1.0, self.seconds / (60 * self.recipe.minutes))
        return min(1.0, self.done / self.recipe.most_steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Called by Lightning."""
        checkpoint["features"] = self.metadata().get("features")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Called by Lightning.

        Raises
        ------
        TrainingError
            the pretrained features of the losses are others than they were
        """
        before, now = checkpoint.get("features"), self.metadata().get("features")
        if before is not None and before != now:
            raise TrainingError(
                f"the run began with features of {before}, and only {now} are to be had now; it cannot go on"
            )
        self.done = int(checkpoint["state_dict"]["steps_done"])
        if not checkpoint.get("lr_schedulers"):  # of a version that kept none: they go on at the step that is reached
            checkpoint["lr_schedulers"] = [self._schedule_at(self.done) for _ in self.trainer.lr_scheduler_configs]
        self.seconds = float(checkpoint["state_dict"].get("seconds_done", 0.0))


def factor_of(recipe: Recipe, step: int, steps: int = 0, share: float | None = None) -> float:
    """On the learning rate at a step of so many, or after a share of the run, by ``warmup_steps`` and ``schedule``."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if recipe.schedule == "constant":
        return 1.0
    if share is None:
        share = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _seed(*parts: int) -> int:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
