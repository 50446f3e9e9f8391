"""Depth and segmentation (DEAL, Fig. 8; HiDRA): what a network says of mended images, beside what it says of the clean ones.

There is no true depth of a thermal image; a network's answer on the clean image stands for it. ``python -m
thermend.evaluation.agreement depth NETWORK.onnx --images DIR --presets hm-tir-normal --methods auto ppfn``. The network is the
user's: (1, 1 or 3, H, W) float32 in [0, 1] to (1, H, W) or (1, 1, H, W) of depth, or (1, C, H, W) of classes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError
from thermend.evaluation.comparison import DAMAGED, Asked, Comparison
from thermend.evaluation.images import grey, spread
from thermend.evaluation.onnx_picture import OnnxPicture
from thermend.evaluation.scripts import exit_code
from thermend.evaluation.tables import markdown
from thermend.io.folders import image_files

_CLOSE = 1.25


class OnnxNetwork:
    """A user's network, that gives a map of an image.

    Parameters
    ----------
    path : PathLike

    Raises
    ------
    InputError
        it cannot be opened, or takes something else
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.given = Path(path), OnnxPicture(path)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(C, h, w) of an 8-bit picture, (H, W).

        Raises
        ------
        InputError
            it gives something else
        """
        made = np.asarray(self.given(picture)[0][0], np.float32)
        if made.ndim not in (3, 4) or made.shape[0] != 1:
            raise InputError(self.path, f"gives an array of shape {made.shape}, which is no map")
        return made.reshape(-1, *made.shape[-2:])


def depth_agreement(depth: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[float, float]:
    """Mean relative difference, and the share of pixels whose ratio is below 1.25, of two depths, (h, w).

    First come the scale and the shift (least squares) that bring the one nearest to the other; both then begin at a hundredth
    of their range.

    R. Ranftl et al., Towards robust monocular depth estimation, 2020: relative depth is known up to scale and shift.
    """
    gain, offset = np.polyfit(depth.ravel().astype(np.float64), reference.ravel().astype(np.float64), 1)
    span = float(np.ptp(reference)) or 1.0
    truth = (reference - reference.min()) / span + 0.01
    made = np.maximum((gain * depth + offset - reference.min()) / span + 0.01, 1e-3)
    return float(np.mean(np.abs(made - truth) / truth)), float(np.mean(np.maximum(made / truth, truth / made) < _CLOSE))


def mean_overlap(labels: NDArray[np.integer[Any]], reference: NDArray[np.integer[Any]]) -> float:
    """Mean intersection over union of the classes that are in either, (h, w) each."""
    found = []
    for kind in np.union1d(labels, reference):
        one, other = labels == kind, reference == kind
        found.append(np.count_nonzero(one & other) / np.count_nonzero(one | other))
    return float(np.mean(found))


def agreement(task: str, made: NDArray[np.float32], clean: NDArray[np.float32]) -> tuple[float, ...]:
    """Of a network's answers, (C, h, w) each: relative difference and share that is close, of depths; or the overlap."""
    if task == "depth":
        return depth_agreement(made[0], clean[0])
    return (mean_overlap(made.argmax(0), clean.argmax(0)),)


COLUMNS = {"depth": ("relative difference", "ratio below 1.25"), "segmentation": ("mean IoU",)}


def compared(
    task: str,
    network: OnnxNetwork,
    files: Sequence[Path],
    presets: Sequence[str],
    methods: Sequence[Asked],
    comparison: Comparison,
) -> list[str]:
    """The table, in Markdown: means over the images.

    Raises
    ------
    ThermendError
        an image cannot be read, or the network gives no map
    """
    values: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for path in files:
        clean = grey(path)
        reference = network(clean)
        for preset in presets:
            for label, picture in comparison.pictures(clean, path.name, preset, methods).items():
                values.setdefault((preset, label), []).append(agreement(task, network(picture), reference))
    cells = [
        (f"`{preset}`" if method == DAMAGED else "", method, *(f"{value:.3f}" for value in np.mean(found, 0)))
        for (preset, method), found in values.items()
    ]
    return [f"{len(files)} images.", "", *markdown(("", "", *COLUMNS[task]), cells, 2)]


def main() -> int:
    """Carry out the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="thermend.evaluation.agreement", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=tuple(COLUMNS))
    parser.add_argument("network", metavar="NETWORK.onnx")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--methods", nargs="+", required=True, metavar="[LABEL:]NAME[=WEIGHTS]")
    parser.add_argument("--count", type=int, help="of the images, evenly over the names")
    chosen = parser.parse_args()
    return exit_code(lambda: _print(chosen))


def _print(chosen: argparse.Namespace) -> None:
    files = image_files(chosen.images)
    if not files:
        raise UsageError(f"{chosen.images}: no image in this folder")
    files = spread(files, chosen.count)
    methods, comparison = [Asked.of(text) for text in chosen.methods], Comparison()
    comparison.settings(methods, chosen.presets)
    print(*compared(chosen.task, OnnxNetwork(chosen.network), files, chosen.presets, methods, comparison), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
