"""Networks: their weights found, opened on an engine, and run as functions from (H, W) to (H, W)."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.methods.classical.deblur import within_measured
from thermend.methods.description import MethodDescription
from thermend.methods.protocol import PreparedImage, Restored, StepRecord, Task
from thermend.restoration.engines import ENGINES, FASTEST, Engine, open_onnx
from thermend.restoration.tiling import run_tiled
from thermend.weights.checkpoints import SUFFIXES as CHECKPOINT_SUFFIXES
from thermend.weights.checkpoints import read_metadata, sha256_of
from thermend.weights.onnx_export import read_onnx_metadata, write_onnx

Image = NDArray[np.float32]

WHOLE_AT_MOST = 1_500_000
DEFAULT_TILE = 768


class Passes(Protocol):
    """Runs a network several times.

    Attributes
    ----------
    inputs : names of the network's further inputs, and whether their height and width have to be free
    tiling : as :class:`NetworkFunction` takes it, where the weights say it
    """

    inputs: Mapping[str, bool]
    tiling: Mapping[str, int]

    def prompt(self, path: str | os.PathLike[str]) -> None:
        """Take the prompts from a file, instead of choosing them."""
        ...

    def __call__(
        self, image: Image, mode: str, network: NetworkFunction, **told: float
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The restored image, and the runs that were made. What a run names under ``removed`` are degradations, and no number
        of the provenance."""
        ...


class NetworkFunction:
    """Runs one image through a network, in tiles where it is large or the network's size is fixed.

    Parameters
    ----------
    engine : one (N, C, H, W) input with 1 channel, or 3 that get the same; of the output's channels the mean is taken
    tile : side of a tile, pixels; None decides by the size of the image
    overlap : pixels that neighbouring tiles share
    multiple : the network's sizes are multiples of this
    least : and no side is shorter than this; smaller images are mirrored
    whole : larger images, in pixels, go through in tiles
    side : of those
    preparation : applied to the whole image first
    passes : runs the network several times (:class:`Passes`); None runs it once
    """

    def __init__(
        self,
        engine: Engine,
        tile: int | None = None,
        overlap: int = 48,
        multiple: int = 8,
        least: int = 1,
        whole: int = WHOLE_AT_MOST,
        side: int = DEFAULT_TILE,
        preparation: Callable[[Image], Image] | None = None,
        passes: Passes | None = None,
    ) -> None:
        self.engine = engine
        self.preparation, self.passes = preparation, passes
        self.tile, self.overlap, self.multiple, self.least = tile, overlap, multiple, least
        self.whole, self.side = whole, side

    @property
    def facts(self) -> dict[str, str]:
        """What provenance says of how it was computed."""
        return {"engine": self.engine.name, "precision": self.engine.precision}

    def mend(self, image: Image, mode: str = "display", **told: float) -> tuple[Image, list[dict[str, Any]]]:
        """From (H, W) float32 in [0, 1] to (s H, s W) float32, and what was done.

        Parameters
        ----------
        told : what is known of the image, for networks that ask for it
        """
        prepared = image if self.preparation is None else self.preparation(image)
        if self.passes is None:
            return self.tiled(prepared), [self.facts]
        result, steps = self.passes(prepared, mode, self, **told)
        return result, [{**step, **self.facts} for step in steps]

    def ask(self, image: Image) -> Any:
        """What a network that judges whole images answers: its passes' ``correction``."""
        passes: Any = self.passes
        return passes.correction(image, self)

    def __call__(self, image: Image) -> Image:
        """From (H, W) float32 in [0, 1] to (s H, s W) float32."""
        return self.mend(image)[0]

    def tiled(self, image: Image, **others: NDArray[np.float32]) -> Image:
        """One run, in tiles where the image is large; further inputs are the same for every tile."""
        run = partial(self._run, **others)
        fixed = self.engine.fixed_size
        if fixed is not None:
            return self._enlarged(image, fixed, lambda whole: self._tiles_of(whole, fixed, run))
        if min(image.shape) < self.least:
            return self._enlarged(image, (self.least, self.least), partial(self.tiled, **others))
        tile = self.tile or (max(image.shape) if image.size <= self.whole else self.side)
        return run_tiled(image, run, tile, min(self.overlap, tile // 2), self.multiple)

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width, where the network takes no other."""
        return self.engine.fixed_size

    def outputs(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs of one run, (N, C, H, W) as it is."""
        return self.engine.run(np.ascontiguousarray(batch, np.float32), **others)

    def _tiles_of(self, image: Image, size: tuple[int, int], run: Callable[[Image], Image]) -> Image:
        return run_tiled(image, run, size, min(self.overlap, min(size) // 2))

    @staticmethod
    def _enlarged(image: Image, size: tuple[int, int], function: Callable[[Image], Image]) -> Image:
        """Apply a function to the image, mirrored up to a size."""
        down, right = (max(0, side - n) for side, n in zip(size, image.shape))
        padded = np.pad(image, ((0, down), (0, right)), mode="symmetric") if down or right else image
        result = function(padded)
        scale = result.shape[0] // padded.shape[0]
        return result[: image.shape[0] * scale, : image.shape[1] * scale]

    def _run(self, piece: Image, **others: NDArray[np.float32]) -> Image:
        batch = np.repeat(piece[None, None], self.engine.channels, axis=1)
        return np.asarray(self.outputs(batch, **others)[0][0].mean(axis=0), np.float32)


class Networks:
    """The networks that a chain hands to; each is opened once it is wanted, since most images do without one or the other.

    Parameters
    ----------
    methods : of the networks, by what they do in the chain
    options : further arguments of :func:`open_network`
    """

    def __init__(self, methods: Mapping[str, MethodDescription], **options: Any) -> None:
        self.methods, self.options = dict(methods), options
        self._opened: dict[str, tuple[NetworkFunction, str]] = {}
        self._lock = threading.Lock()

    def opened(self, role: str) -> tuple[NetworkFunction, str]:
        """A network, and the SHA-256 of the file of its weights; raises what :func:`open_network` does."""
        with self._lock:
            if role not in self._opened:
                self._opened[role] = open_network(self.methods[role], None, **self.options)[:2]
            return self._opened[role]

    def detail(self) -> NetworkFunction:
        """Against noise, fixed pattern and blur."""
        return self.opened("detail")[0]

    def level(self) -> NetworkFunction:
        """Against lost level and contrast, and vignetting."""
        return self.opened("level")[0]

    def name(self, role: str) -> str:
        """As the catalogue has it."""
        return self.methods[role].full_name

    def weights_of(self, names: Collection[str]) -> dict[str, str]:
        """Of those that are named the SHA-256 of their weights' file, by name."""
        roles = [role for role in self.methods if self.name(role) in names]
        return {self.name(role): self.opened(role)[1] for role in roles}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Networks, self.methods, **self.options), ()  # what an engine has compiled stays in its process


class NetworkMethod:
    """A network with its weights, as a method.

    Parameters
    ----------
    info : MethodDescription
        with the variant that the weights are of
    network : NetworkFunction
    weights_sha256 : str
        of the file of the weights
    reopen : callable or None
        makes the same method anew, in another process, where it is sent to
    """

    def __init__(
        self,
        info: MethodDescription,
        network: NetworkFunction,
        weights_sha256: str,
        reopen: Callable[[], NetworkMethod] | None = None,
    ) -> None:
        self.info, self._network, self.weights_sha256, self._reopen = info, network, weights_sha256, reopen

    @classmethod
    def opened(cls, asked: str, info: MethodDescription, *arguments: Any, **options: Any) -> NetworkMethod:
        """The method, with the arguments and the options of :func:`open_network`.

        Parameters
        ----------
        asked : the method as the user typed it
        """
        network, sha256, variant = open_network(info, *arguments, **options)
        own = info.of_weights(variant, asked, str(arguments[0]))
        return cls(own, network, sha256, partial(cls.opened, asked, info, *arguments, **options))

    def __reduce__(self) -> tuple[Any, ...]:
        if self._reopen is None:
            raise TypeError("what an engine has compiled stays in its process")
        return self._reopen, ()

    def opened_network(self) -> NetworkFunction:
        """The network, ready to run."""
        return self._network

    def weights_of(self, steps: list[StepRecord]) -> str:
        """SHA-256 of the file of the weights, whatever was done."""
        return self.weights_sha256

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Run the network; what sharpened temperatures is bounded by what was measured nearby."""
        mended, made = self._network.mend(image.pixels, task.mode)
        mended = np.ascontiguousarray(mended, np.float32)
        steps = [
            StepRecord(
                self.info.full_name, {k: v for k, v in step.items() if k != "removed"}, tuple(step.get("removed", ()))
            )
            for step in made
        ]
        if task.mode == "radiometric" and any("blur" in step.removed for step in steps):
            mended = within_measured(mended, image.pixels)
        return Restored(mended, steps)


def open_network(
    method: MethodDescription,
    weights: str | os.PathLike[str] | None,
    engine: str = "auto",
    device: str = "auto",
    tile: int | None = None,
    precision: str = "auto",
    prompts: str | os.PathLike[str] | None = None,
    threads: int = 0,
) -> tuple[NetworkFunction, str, str | None]:
    """A method's network, ready to run, the SHA-256 of the file of its weights, and the variant that they are of.

    ONNX files run on OpenVINO or ONNX Runtime. Checkpoints run on torch unless another engine is asked for, for which they are
    exported on the way.

    Parameters
    ----------
    weights : None takes those that ship
    prompts, threads : as for :func:`thermend.load`

    Raises
    ------
    UsageError : no weights ship with the method, or the engine or the precision is not to be had
    InputError : the weights cannot be read, or are another network's
    """
    path = method.weights_file(weights, ".safetensors" if engine == "torch" else ".onnx")
    if prompts is not None and not method.takes_prompts:
        raise UsageError(f"{method.full_name} takes no prompts")
    trained_with = prompts if prompts is not None and Path(prompts).suffix == ".npz" else None
    network = None
    holds_tensors = path.suffix in CHECKPOINT_SUFFIXES or (engine == "torch" and path.suffix == ".onnx")
    if holds_tensors and method.network is not None and engine in ("auto", *ENGINES):
        try:
            network = method.load_network()(path, *([] if trained_with is None else [trained_with]))
        except ModuleNotFoundError as error:
            raise MissingDependencyError(f"{path.suffix} weights need torch: pip install 'thermend[train]'") from error
    if trained_with is not None and network is None:
        raise UsageError(f"{path}: its prompts are constants by now; {os.fspath(trained_with)} goes with a checkpoint")
    facts = read_onnx_metadata(path) if network is None else read_metadata(path)
    if network is None and method.passes is not None and not facts.get("method"):
        raise InputError(
            path, f"does not say that it is a network of {method.name}; `thermend export` writes one that does"
        )
    variant = _variant_of(path, facts, method) if network is None else network.variant
    try:
        preparation, passes = method.load_preparation(facts), method.load_passes(facts)
        if prompts is not None and trained_with is None and passes is not None:
            passes.prompt(prompts)
    except (TypeError, ValueError) as error:
        raise InputError(path, str(error)) from error
    if precision == "auto" and method.quick:
        precision = FASTEST
    opened = _open(path, network, engine, device, precision, {} if passes is None else passes.inputs, threads)
    tiling = {**method.tiling, **({} if passes is None else passes.tiling)}
    function = NetworkFunction(opened, tile, **tiling, preparation=preparation, passes=passes)
    return function, sha256_of(path), variant


def _variant_of(path: Path, facts: Mapping[str, Any], method: MethodDescription) -> str | None:
    """Of an ONNX file: what it says itself, if it says anything."""
    stated = str(facts.get("method", "")) if method.network is not None else ""
    if not stated:
        return method.variant
    name, _, variant = stated.partition("/")
    if name != method.name:
        raise InputError(path, f"holds a network of {stated}, not of {method.full_name}")
    return variant or None


def _open(
    path: Path, network: Any, engine: str, device: str, precision: str, others: Mapping[str, bool], threads: int
) -> Engine:
    if network is None:
        return open_onnx(path, engine, device, precision, others, threads)
    if engine in ("auto", "torch"):
        from thermend.restoration.engines.torch import TorchEngine

        return TorchEngine(network, 1, device, precision)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "network.onnx"
        write_onnx(network, exported, {})
        return open_onnx(exported, engine, device, precision, others, threads)
