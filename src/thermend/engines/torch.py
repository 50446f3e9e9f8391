"""Networks on torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import MissingDependencyError, UsageError

try:
    import torch
except ImportError as error:
    raise MissingDependencyError("the engine torch is not installed: pip install 'thermend[train]'") from error


class TorchEngine:
    """A torch module in evaluation mode; see :class:`thermend.engines.Engine`."""

    name = "torch"
    fixed_size: tuple[int, int] | None = None

    def __init__(self, module: Any, channels: int = 1, device: str = "auto", precision: str = "auto") -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._device = torch.device(device)
            self._module = module.to(self._device).eval()
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"device {device!r} is not to be had by torch here") from error
        self.device = device
        self.precision = "bf16" if precision == "bf16" else "float32"
        self.channels = channels

    def run(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """From (B, C, H, W) float32 to (B, C', s H, s W) float32, and what else the module gives."""

        def tensor(values: NDArray[np.float32]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, self.precision == "bf16"):
            results = self._module(tensor(batch), **{name: tensor(values) for name, values in others.items()})
        outputs = results if isinstance(results, tuple) else (results,)
        return [np.asarray(output.float().cpu().numpy(), np.float32) for output in outputs]
