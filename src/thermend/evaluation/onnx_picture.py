"""A user's ONNX network that takes a picture: of any size or of one, of one colour or of three equal ones."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, first_line


class OnnxPicture:
    """The network, opened.

    Parameters
    ----------
    path : PathLike
        it takes (1, 1 or 3, H, W) float32 in [0, 1]

    Raises
    ------
    InputError
        it cannot be opened, or takes something else
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import onnxruntime

        try:
            self.session: Any = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # of many kinds
            raise InputError(path, f"cannot be opened ({first_line(error)})") from error
        inputs = self.session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or shape[1] not in (1, 3) or inputs[0].type != "tensor(float)":
            raise InputError(path, "takes no (1, 1 or 3, height, width) float32")
        self.name, self.channels = inputs[0].name, int(shape[1])
        self.size = (shape[2], shape[3]) if all(isinstance(side, int) for side in shape[2:]) else None

    def __call__(self, picture: NDArray[np.uint8]) -> tuple[list[NDArray[Any]], tuple[int, int]]:
        """Its outputs for an 8-bit picture, (H, W), and height and width of what it saw."""
        seen = picture if self.size is None else cv2.resize(picture, self.size[::-1], interpolation=cv2.INTER_AREA)
        image = np.repeat(seen.astype(np.float32)[None, None] / 255, self.channels, 1)
        return [np.asarray(out) for out in self.session.run(None, {self.name: image})], (seen.shape[0], seen.shape[1])
