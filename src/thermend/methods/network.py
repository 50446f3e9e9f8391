"""What methods with a network share: weights found, read, opened on an engine, and run."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from thermend.engines import ENGINES, FASTEST, Engine, open_onnx
from thermend.engines.network import TiledNetwork
from thermend.engines.trial import check_runs
from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.filters.deconvolution import within_measured
from thermend.methods.info import MethodInfo, todays_name
from thermend.methods.options import Options
from thermend.methods.protocol import PreparedImage, Restored, StepRecord, TakesPrompts, Task
from thermend.methods.watch import UNWATCHED, Watch
from thermend.weights.checkpoints import SUFFIXES as CHECKPOINT_SUFFIXES
from thermend.weights.checkpoints import read_metadata, sha256_of
from thermend.weights.onnx_export import read_onnx_metadata, write_onnx

Image = NDArray[np.float32]


class NetworkMethod:
    """A network with its weights, as a method; one run, unless a subclass has another plan.

    ONNX files run on OpenVINO or ONNX Runtime. Checkpoints run on torch unless another engine is asked for, for which they are
    exported on the way.

    Parameters
    ----------
    info : MethodInfo
    options : Options

    Attributes
    ----------
    info : MethodInfo
        with the variant that the weights are of
    network : TiledNetwork
    weights_path : Path
        the file of the weights
    weights_sha256 : str
        of that file

    Raises
    ------
    UsageError
        no weights ship with the method, or the engine or the precision is not to be had
    InputError
        the weights cannot be read, or are another network's
    """

    inputs: Mapping[str, bool] = {}
    """Names of the network's further inputs, and whether their height and width have to be free."""
    tiling: Mapping[str, int] = {}
    """What :class:`~thermend.engines.network.TiledNetwork` takes besides, where it is not the usual."""
    says_its_plan: ClassVar[bool] = False
    """Whether the file of weights has to say how the network is run."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Further files or models that the network can be made of, by their names in :class:`~thermend.methods.options.Options`."""
    in_folder: ClassVar[str | None] = None
    """The file that is meant where weights are given as a folder."""
    makes_image: ClassVar[bool] = True
    """Whether what its network gives first is the mended image."""
    fills_cores = True
    quick: ClassVar[bool] = False
    """Whether it runs in bf16 where OpenVINO's device computes that, unless a precision is asked for: its networks give what is
    added to the image, and the sum is float32."""

    def __init__(self, info: MethodInfo, options: Options) -> None:
        self._given = info, options
        options.refuse_parts(info, self.parts)
        given = options.weights
        if given is not None and self.in_folder is not None and Path(given).is_dir():
            given = Path(given) / self.in_folder
        path = info.weights_file(given, ".safetensors" if options.engine == "torch" else ".onnx")
        prompts = options.prompts
        if prompts is not None and not isinstance(self, TakesPrompts):
            raise UsageError(f"{info.full_name} takes no prompts")
        trained_with = prompts if prompts is not None and Path(prompts).suffix == ".npz" else None
        further = [] if trained_with is None else [trained_with]
        module = _module_of(info, path, options.engine, further, options.parts)
        if options.parts and module is None:
            raise UsageError(f"{path}: its parts are in it; {', '.join(options.parts)} go with a checkpoint")
        if trained_with is not None and module is None:
            raise UsageError(f"{path}: its prompts are constants by now; {trained_with} goes with a checkpoint")
        facts = read_onnx_metadata(path) if module is None else read_metadata(path) or getattr(module, "facts", {})
        if module is None and self.says_its_plan and not facts.get("method"):
            raise InputError(
                path, f"does not say that it is a network of {info.name}; `thermend export` writes one that does"
            )
        variant = _variant_of(path, facts, info) if module is None else module.variant
        try:
            self.read_plan(facts)
            if prompts is not None and trained_with is None and isinstance(self, TakesPrompts):
                self.prompt(prompts)
        except (TypeError, ValueError) as error:
            raise InputError(path, str(error)) from error
        engine = _opened(
            path, module, options, self.inputs, self.quick, self.tiling.get("multiple", 8), self.makes_image
        )
        self.network = TiledNetwork(engine, options.tile, **self.tiling)
        self.info = info.of_weights(variant, options.asked, path)
        self.weights_path, self.weights_sha256 = path, sha256_of(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._given  # what an engine has compiled stays in its process

    def read_plan(self, facts: Mapping[str, Any]) -> None:
        """Take from what the file of weights says of itself how the network is run.

        Raises
        ------
        TypeError, ValueError
            it says something impossible
        """

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """From (H, W) float32 in [0, 1] to (s H, s W) float32, and the runs that were made.

        Of a run, ``removed`` names degradations; all else are numbers for the provenance.
        """
        return self.network.tiled(image, watch.at), [{}]

    def records(self, runs: list[dict[str, Any]]) -> list[StepRecord]:
        """Runs as steps."""
        return [
            StepRecord(
                self.info.full_name,
                {key: value for key, value in run.items() if key != "removed"} | self.network.facts,
                tuple(run.get("removed", ())),
            )
            for run in runs
        ]

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Run the network; what sharpened temperatures is bounded by what was measured nearby."""
        mended, runs = self.run(image.pixels, task.mode, task.watch)
        mended = np.ascontiguousarray(mended, np.float32)
        steps = self.records(runs)
        if task.mode == "radiometric" and any("blur" in step.removed for step in steps):
            mended = within_measured(mended, image.pixels)
        return Restored(mended, steps)

    def weights_of(self, steps: list[StepRecord]) -> str:
        """SHA-256 of the file of the weights, whatever was done."""
        return self.weights_sha256

    def opened_network(self) -> TiledNetwork:
        """The network, ready to run."""
        return self.network


def _module_of(info: MethodInfo, path: Path, engine: str, further: list[Any], parts: Mapping[str, Any]) -> Any:
    """The torch module that a file of weights holds, where that is what runs or is exported; else None."""
    holds_tensors = path.suffix in CHECKPOINT_SUFFIXES or (engine == "torch" and path.suffix == ".onnx")
    if not holds_tensors or info.network is None or engine not in ("auto", *ENGINES):
        return None
    try:
        return info.load_network()(path, *further, **parts)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"{path.suffix} weights need torch: pip install 'thermend[train]'") from error


def _variant_of(path: Path, facts: Mapping[str, Any], info: MethodInfo) -> str | None:
    """Of an ONNX file: what it says itself, if it says anything."""
    stated = todays_name(str(facts.get("method", ""))) if info.network is not None else ""
    if not stated:
        return info.variant
    name, _, variant = stated.partition("/")
    if name != info.name:
        raise InputError(path, f"holds a network of {stated}, not of {info.full_name}")
    return variant or None


def _opened(
    path: Path, module: Any, options: Options, inputs: Mapping[str, bool], quick: bool, multiple: int, image: bool
) -> Engine:
    precision = FASTEST if options.precision == "auto" and quick else options.precision
    if module is not None and options.engine in ("auto", "torch"):
        from thermend.engines.torch import TorchEngine

        return TorchEngine(module, 1, options.device, precision)
    if module is None:
        if (
            options.weights is not None and multiprocessing.parent_process() is None
        ):  # else whoever began this process has tried it
            check_runs(path, options.engine, options.device, precision, inputs, multiple, image)
        return open_onnx(path, options.engine, options.device, precision, inputs, options.threads)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "network.onnx"
        write_onnx(module, exported, {})
        return open_onnx(exported, options.engine, options.device, precision, inputs, options.threads)
