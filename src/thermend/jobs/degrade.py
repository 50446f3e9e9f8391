"""Clean images degraded, file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermend import degradations, io
from thermend.datasets.hm_tir import CONDITIONS
from thermend.datasets.splits import split, unique_stems
from thermend.errors import ExistsError, UsageError
from thermend.evaluation.images import grey
from thermend.image import Metadata, ThermalImage
from thermend.io.atomic import whole_file
from thermend.jobs.job import Outcome, guarded
from thermend.jobs.sinks import is_input
from thermend.jobs.sources import Input
from thermend.version import __version__


@dataclass(frozen=True)
class Target:
    """One file to write: an input under a preset, or as it is (None)."""

    item: Input
    path: Path
    preset: str | None


@dataclass(frozen=True)
class Degrade:
    """What is asked for, for every file alike.

    Attributes
    ----------
    seed : int
    overwrite : bool
        whether results that exist are made anew
    kept : frozenset of str
        inputs that lie where results go (:func:`thermend.jobs.sinks.inputs_within`)
    """

    seed: int
    overwrite: bool
    kept: frozenset[str] = frozenset()

    def source(self, target: Target) -> str:
        """An input, as a line names it."""
        return str(target.item.path)

    def begin(self) -> Callable[[Target], Outcome]:
        """Load torch, once a process."""
        import torch

        torch.set_num_threads(1)
        return guarded(self._degraded, self.source, "degraded")

    def _degraded(self, target: Target) -> Outcome:
        name = self.source(target)
        if target.item.problem:
            return Outcome(name, error=f"{name}: {target.item.problem}")
        if is_input(target.path, self.kept):
            return Outcome(
                name, error=f"{name}: its result would replace the input {target.path}; choose another folder"
            )
        if target.path.exists() and not self.overwrite:
            return Outcome(name, skipped=f"{target.path} exists already and is kept (--overwrite replaces it)")
        pixels = grey(target.item.path)
        provenance: dict[str, Any] = {"software": "thermend", "version": __version__}
        if target.preset is not None:
            pixels = degradations.degrade(pixels, target.preset, self.seed, target.item.path.name)
            provenance |= {"preset": target.preset, "seed": self.seed}
        image = ThermalImage(pixels.astype(np.float32), "display", "uint8", metadata=Metadata(provenance=provenance))
        try:
            io.write(image, target.path, overwrite=self.overwrite)
        except ExistsError:  # another process has been quicker
            return Outcome(name, skipped=f"{target.path} exists already and is kept (--overwrite replaces it)")
        return Outcome(name, written=str(target.path))


def hm_tir_tree(inputs: Sequence[Input], out: Path, seed: int) -> list[Target]:
    """The files of HM-TIR's layout: all clean images, and for a fifth of them, the test images, every degraded version. The
    lists of names are written.

    Raises
    ------
    UsageError
        two inputs have one name, an input would be replaced, or other lists are there already
    """
    readable = [item for item in inputs if not item.problem]
    names = dict(zip(unique_stems([item.path for item in readable]), readable))
    if len(names) != len(readable):
        raise UsageError("two inputs have the same name; HM-TIR's layout has one folder for all")
    training, test = split(names, seed)
    targets = [Target(item, out / "imgs" / f"{name}.png", None) for name, item in names.items()]
    for name in test:
        targets.append(Target(names[name], out / "test" / f"{name}.png", None))
        targets += [Target(names[name], out / place / f"{name}.png", p) for p, place in CONDITIONS.items()]
    targets += [Target(item, out, None) for item in inputs if item.problem]
    own = {target.item.path.resolve(): target.item.path for target in targets}
    for target in targets:
        if target.path.resolve() in own:
            raise UsageError(f"{own[target.path.resolve()]} would be replaced; choose another output folder")
    for kind, chosen in (("train", training), ("test", test)):
        _write_list(out / "meta" / f"{kind}.txt", chosen)
    return targets


def _write_list(path: Path, names: Iterable[str]) -> None:
    text = "".join(f"{name}.png\n" for name in names)
    if path.exists():
        if path.read_bytes() != text.encode("utf-8", "surrogateescape"):
            raise UsageError(f"{path} lists other images already; name another folder")
        return
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
