"""Networks on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from thermend.engines.engine import NONE, check_layout, check_numbers, fixed_size
from thermend.errors import InputError, UsageError

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class ONNXRuntimeEngine:
    """An ONNX network on ONNX Runtime; see :class:`thermend.engines.Engine`."""

    name = "onnxruntime"

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        precision: str = "auto",
        others: Mapping[str, bool] = NONE,
        threads: int = 0,
    ) -> None:
        if precision == "bf16":
            raise UsageError("precision 'bf16': ONNX Runtime computes these networks in float32; use openvino or torch")
        self.precision = "float32"
        available = onnxruntime.get_available_providers()
        if device == "auto":
            device = "cuda" if _PROVIDERS["cuda"] in available else "cpu"
        provider = _PROVIDERS.get(device.split(":")[0])
        if provider not in available:
            raise UsageError(
                f"device {device!r}: ONNX Runtime has {', '.join(d for d, p in _PROVIDERS.items() if p in available)} here"
            )
        self.device = device
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what is wrong with a file we say ourselves
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider], enable_fallback=0)
        except Exception as error:
            raise InputError(path, "is not an ONNX network that ONNX Runtime reads") from error
        try:
            shapes = {i.name: i.shape for i in self._session.get_inputs()}
            kinds = {i.name: i.type for i in self._session.get_inputs()}
        except UnicodeDecodeError as error:
            raise InputError(path, "has inputs without a name that is text") from error
        check_numbers(path, kinds)
        self._input, self.channels = check_layout(path, shapes, len(self._session.get_outputs()), others)
        self.other_shapes = {name: shape for name, shape in shapes.items() if name != self._input}
        self._others = frozenset(self.other_shapes)
        self.fixed_size = fixed_size(shapes[self._input])

    def run(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """From (B, C, H, W) float32 to (B, C', s H, s W) float32, and what else the network gives."""
        inputs = {self._input: batch} | {name: others[name] for name in self._others}
        return [np.asarray(output, np.float32) for output in self._session.run(None, inputs)]
