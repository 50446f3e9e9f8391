"""What the trust map says of results that are known: the truth, with a spot that is not there, moved, another image.

python benchmarks/trust.py --on roadscene=DIR hit-uav=DIR [--images 8] [--page docs/trust.md]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from networks import of_folders
from pages import put, table

from thermend.degradations import PRESETS, degrade
from thermend.image import ThermalImage
from thermend.io import read
from thermend.rendering import rendered
from thermend.restoration.verification import MOST_SUSPECT, SUSPECT, verify

ACROSS, LEVELS, MOVED = (12, 3), 60, 25
"""Of the spots, pixels and grey levels; of the move, pixels."""


def spotted(clean: np.ndarray, across: int) -> tuple[np.ndarray, np.ndarray]:
    """The image with a spot, and where that is."""
    rows, columns = np.ogrid[: clean.shape[0], : clean.shape[1]]
    spot = (rows - clean.shape[0] // 2) ** 2 + (columns - clean.shape[1] // 3) ** 2 < (across / 2) ** 2
    grey = clean.astype(np.float32)
    grey[spot] += LEVELS if grey[spot].mean() < 150 else -LEVELS
    return np.clip(grey, 0, 255).astype(np.uint8), spot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--images", type=int, default=8, help="of each folder")
    parser.add_argument("--presets", nargs="+", default=[*PRESETS, "none"])
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    files = of_folders(chosen.on, chosen.images)
    if len(files) < 2:
        parser.error("--on: another image takes two at least")
    rows = []
    for preset in chosen.presets:
        found = []
        for path, other in zip(files, [*files[1:], files[0]]):
            clean = rendered(read(path))
            damaged = clean if preset == "none" else degrade(clean, preset, 0, path.name)

            def judged(result: np.ndarray, damaged: np.ndarray = damaged):
                return verify(ThermalImage.from_array(damaged), ThermalImage.from_array(result))

            truth = judged(clean)
            marked = []
            for across in ACROSS:
                false, spot = spotted(clean, across)
                marked += [np.median(judged(false).departure[spot]), np.median(truth.departure[spot])]
            wrong = np.roll(clean, MOVED, 1), cv2.resize(rendered(read(other)), clean.shape[::-1])
            found.append((truth.suspect, *marked, *(judged(image).suspect for image in wrong)))
        suspect, *spots, moved, another = np.array(found).T
        rows.append(
            (
                "undamaged" if preset == "none" else f"`{preset}`", f"{suspect.mean():.1%}", f"{suspect.max():.0%}",
                f"{(suspect > MOST_SUSPECT).mean():.0%}",
                *(f"{(spot > SUSPECT).mean():.0%} ({(none > SUSPECT).mean():.0%})" for spot, none in zip(*[iter(spots)] * 2)),
                *(f"{np.median(share):.0%}, {(share > MOST_SUSPECT).mean():.0%}" for share in (moved, another)),
            )
        )  # fmt: skip
        print(*rows[-1], flush=True)
    marks = (f"marked, {across} px (without)" for across in ACROSS)
    wrongs = (f"{name}: suspect, fail" for name in ("moved", "another"))
    head = ("", "clean: suspect", "at most", "fail", *marks, *wrongs)
    lines = [f"{len(files)} images.", "", *table(head, rows)]
    if chosen.page:
        put(chosen.page, "trust", lines)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
