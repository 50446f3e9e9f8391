"""Methods beside one another by fidelity, by naturalness and by trust: what a generative method is to be measured by.

    python benchmarks/generative.py hidra/tiny ppfn/compact auto --on roadscene=DIR hit-uav=DIR \\
        --presets hidra-mild hidra-moderate hidra-severe hidra-extreme [--images 8] [--page docs/reproduction/hidra.md]

PSNR in dB; SSIM; NIQE by the statistics of clean thermal images (lower is better); the mean absolute difference of
EfficientNet-Lite0's last features from the clean image's (lower is better); the share of the result that the input does not
support.
"""

from __future__ import annotations

import numpy as np
from networks import comparison_parser, of_folders, opened, pair
from pages import put, table

from thermend.evaluation.measures import AGAINST_CLEAN, ON_REQUEST
from thermend.image import ThermalImage
from thermend.restoration.verification import verify

FIGURES = {
    "psnr": ("PSNR", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "niqe_thermal": ("NIQE, thermal", ".1f"),
    "lite0": ("features", ".3f"),
}


def measured(result: np.ndarray, clean: np.ndarray) -> list[float]:
    """In the order of :data:`FIGURES`; NaN where a measure says nothing."""
    found = [{**AGAINST_CLEAN, **ON_REQUEST}[name](result, clean) for name in FIGURES]
    return [np.nan if value is None else value for value in found]


def mean_of(values: np.ndarray) -> float:
    """Of what was measured; NaN where nothing was."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def main() -> None:
    parser = comparison_parser(__doc__, "generative")
    parser.add_argument("--images", type=int, help="of each folder, spread evenly; all if not said")
    chosen = parser.parse_args()
    restorers = opened(chosen.methods, chosen.engine, chosen.precision)
    files = of_folders(chosen.on, chosen.images)
    styles = [*(style for _, style in FIGURES.values()), ".0%"]
    rows = []
    for preset in chosen.presets:
        found: dict[str, list[list[float]]] = {}
        for path in files:
            clean, damaged = pair(path, preset)
            found.setdefault("input", []).append([*measured(damaged, clean), np.nan])
            for label, restorer in restorers.items():
                restored = restorer.restore(damaged, mode="display")
                result = np.rint(restored.pixels).clip(0, 255).astype(np.uint8)
                suspect = verify(ThermalImage.from_array(damaged), ThermalImage.from_array(result)).suspect
                found.setdefault(label, []).append([*measured(result, clean), suspect])
        for label, values in found.items():
            means = [mean_of(column) for column in np.transpose(values)]
            cells = ["" if np.isnan(mean) else format(mean, style) for mean, style in zip(means, styles)]
            condition = "undamaged" if preset == "none" else f"`{preset}`"
            rows.append((condition if label == "input" else "", label, *cells))
            print(preset, *rows[-1][1:], sep=" | ", flush=True)
    head = ("", "", *(title for title, _ in FIGURES.values()), "suspect")
    lines = [f"{len(files)} images.", "", *table(head, rows)]
    for page in chosen.page:
        put(page, chosen.place, lines)


if __name__ == "__main__":
    main()
