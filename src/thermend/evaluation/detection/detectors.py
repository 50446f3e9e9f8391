"""From a picture to boxes: the centre-point network, or any ONNX detector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError, first_line
from thermend.evaluation.onnx_picture import OnnxPicture

CLASSES = ("Person", "Car", "Bicycle")
"""Of HIT-UAV; its `OtherVehicle` and `DontCare` are neither learned nor scored."""


@dataclass(frozen=True)
class Detections:
    """What was found in one image, the surest first.

    Attributes
    ----------
    boxes : (N, 4) float32
        left, top, width, height in pixels
    scores : (N,) float32
    classes : (N,) int64
        of the detector's names
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


class Detector(Protocol):
    """What finds objects.

    Attributes
    ----------
    classes : sequence of str
    """

    classes: Sequence[str]

    def __call__(self, picture: NDArray[np.uint8]) -> Detections:
        """From an 8-bit picture, (H, W)."""
        ...


class CentrePointDetector:
    """The centre-point network with weights from a file.

    Parameters
    ----------
    path : PathLike
        ``.safetensors``, from :mod:`thermend.evaluation.detection.training`

    Raises
    ------
    InputError
        it is none of those
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from thermend.evaluation.detection.network import CentrePoints
        from thermend.weights.checkpoints import read_metadata, read_tensors

        facts = read_metadata(path)
        try:
            self.classes: Sequence[str] = [str(name) for name in facts["classes"]]
            widths = [int(width) for width in facts["widths"]]
            if len(widths) != 4 or not 0 < max(widths) <= 1024 or not 0 < len(self.classes) <= 1000:
                raise ValueError("its sizes")
            self.network = CentrePoints(len(self.classes), widths).eval()
            self.network.load_state_dict({name: tensor.float() for name, tensor in read_tensors(path).items()})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(path, f"holds no centre-point detector ({first_line(error)})") from error

    def __call__(self, picture: NDArray[np.uint8]) -> Detections:
        """From an 8-bit picture, (H, W)."""
        import torch

        from thermend.evaluation.detection.network import MULTIPLE, decoded

        down, right = (-side % MULTIPLE for side in picture.shape)
        padded = np.pad(picture, ((0, down), (0, right)), mode="symmetric")
        image = torch.from_numpy(padded.astype(np.float32) / 255)[None, None]
        with torch.inference_mode():
            boxes, scores, classes = decoded(self.network(image))
        return Detections(boxes.numpy(), scores.numpy(), classes.numpy())


class OnnxDetector:
    """A detector in a file of ONNX, as torchvision or YOLOv8 write them.

    It takes (1, 1, H, W) or (1, 3, H, W) float32 in [0, 1], of any size or of one, to which pictures are resized. It gives
    either three outputs, boxes (N, 4) as left, top, right, bottom, labels (N,) and scores (N,) in any order, or one,
    (1, 4 + C, N): centre, width and height, and the score of each class, of which overlapping ones are then left out.

    Parameters
    ----------
    path : PathLike
    classes : sequence of str
        names by its labels' numbers

    Raises
    ------
    InputError
        it cannot be opened, or has other inputs
    """

    overlap = 0.6

    def __init__(self, path: str | os.PathLike[str], classes: Sequence[str] = CLASSES) -> None:
        self.path, self.classes, self.network = Path(path), classes, OnnxPicture(path)

    def __call__(self, picture: NDArray[np.uint8]) -> Detections:
        """From an 8-bit picture, (H, W)."""
        high, wide = picture.shape
        outputs, seen = self.network(picture)
        try:
            corners, scores, labels = self._three(outputs) if len(outputs) >= 3 else self._one(outputs)
        except (ValueError, IndexError) as error:
            raise InputError(self.path, f"gives no boxes that are understood ({first_line(error)})") from error
        corners = corners * (np.array([wide, high, wide, high]) / np.array([*seen[::-1], *seen[::-1]]))
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
        order = np.argsort(-scores, kind="stable")
        return Detections(boxes[order].astype(np.float32), scores[order], labels[order])

    @staticmethod
    def _three(outputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]:
        outputs = [
            out[0] if out.ndim == 3 or (out.ndim == 2 and len(out) == 1 and out.shape[1] != 4) else out
            for out in outputs
        ]
        boxes = next(out for out in outputs if out.ndim == 2 and out.shape[1] == 4)
        whole = [out.reshape(-1) for out in outputs if out is not boxes and np.issubdtype(out.dtype, np.integer)]
        real = [out.reshape(-1) for out in outputs if out is not boxes and np.issubdtype(out.dtype, np.floating)]
        return boxes, real[0].astype(np.float32), whole[0].astype(np.int64)

    def _one(self, outputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]:
        (made,) = outputs
        if made.ndim != 3 or made.shape[0] != 1 or made.shape[1] < 5:
            raise ValueError(f"one output of shape {made.shape}")
        centre, sides, shares = made[0, :2].T, made[0, 2:4].T, made[0, 4:].T
        labels, scores = shares.argmax(1), shares.max(1)
        boxes = np.concatenate([centre - sides / 2, sides], 1)
        kept = np.asarray(
            cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), labels.tolist(), 0.05, self.overlap), int
        ).reshape(-1)
        corners = np.concatenate([boxes[kept, :2], boxes[kept, :2] + boxes[kept, 2:]], 1)
        return corners, scores[kept].astype(np.float32), labels[kept].astype(np.int64)


def opened(path: str, classes: Sequence[str] = CLASSES) -> Detector:
    """A detector from a file: ``.safetensors`` of the centre-point network, or ``.onnx``.

    Raises
    ------
    UsageError
        neither
    InputError
        it cannot be opened
    """
    if path.endswith(".onnx"):
        return OnnxDetector(path, classes)
    if path.endswith(".safetensors"):
        return CentrePointDetector(path)
    raise UsageError(f"{path}: expected a detector in .onnx, or a centre-point network in .safetensors")
