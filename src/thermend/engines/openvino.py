"""Networks on OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from thermend.engines.engine import FASTEST, NONE, check_layout, check_numbers, fixed_size
from thermend.errors import InputError, UsageError, first_line


class OpenVINOEngine:
    """An ONNX network on OpenVINO; see :class:`thermend.engines.Engine`."""

    name = "openvino"

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        precision: str = "auto",
        others: Mapping[str, bool] = NONE,
        threads: int = 0,
    ) -> None:
        core = openvino.Core()
        self.device = "CPU" if device in ("auto", "cpu") else device.upper()
        if self.device.split(".")[0] not in {d.split(".")[0] for d in core.available_devices}:
            raise UsageError(f"device {device!r}: OpenVINO has {', '.join(core.available_devices).lower()} here")
        computes_bf16 = "BF16" in core.get_property(self.device, "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not computes_bf16:
            raise UsageError(f"precision 'bf16': the device {self.device} does not compute it")
        self.precision = "bf16" if precision == "bf16" or (precision == FASTEST and computes_bf16) else "float32"
        settings: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision.replace("float", "f"),
        }
        if self.device == "CPU" and threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise InputError(path, "is not an ONNX network that OpenVINO reads") from error
        try:
            shapes = {
                i.any_name: [d.get_length() if d.is_static else None for d in i.get_partial_shape()]
                for i in model.inputs
            }
            kinds = {i.any_name: i.get_element_type().get_type_name() for i in model.inputs}
        except (RuntimeError, UnicodeDecodeError) as error:
            raise InputError(path, "has inputs without a name that is text") from error
        check_numbers(path, kinds)
        self._input, self.channels = check_layout(path, shapes, len(model.outputs), others)
        self.other_shapes = {name: shape for name, shape in shapes.items() if name != self._input}
        self._others = frozenset(self.other_shapes)
        self.fixed_size = fixed_size(shapes[self._input])
        self._own = threading.local()
        try:
            self._compiled = core.compile_model(model, self.device, settings)
        except RuntimeError as error:
            raise InputError(path, f"cannot be run by OpenVINO on {self.device} ({first_line(error)})") from error

    def run(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """From (B, C, H, W) float32 to (B, C', s H, s W) float32, and what else the network gives."""
        if not hasattr(self._own, "request"):  # one a thread: a request holds the results of its last run
            self._own.request = self._compiled.create_infer_request()
        results = self._own.request.infer({self._input: batch} | {name: others[name] for name in self._others})
        return [np.array(results[n], np.float32) for n in range(len(results))]
