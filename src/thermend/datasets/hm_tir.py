"""HM-TIR (PPFN's data set), as it is downloaded, or a tree of its layout."""

from __future__ import annotations

from pathlib import Path

from thermend.datasets.samples import Sample
from thermend.datasets.splits import listed_stems
from thermend.errors import UsageError
from thermend.io.folders import image_files

CONDITIONS = {
    "hm-tir-normal": "composited/normal",
    "hm-tir-hard": "composited/hard",
    "hm-tir-blur": "single/blur",
    "hm-tir-contrast": "single/contrast",
    "hm-tir-noise": "single/noise",
}
"""The data set's folders of degraded images, by the preset that makes the like."""


def test_samples(folder: Path) -> dict[str, list[Sample]]:
    """The test images of HM-TIR, or of a tree of its layout, as it is downloaded: condition to samples.

    `meta/test.txt` names them, one a line, with or without folder and suffix; without that file all degraded images count.

    Raises
    ------
    UsageError
        the folder has not that layout, or a clean image is missing
    """
    originals = {p.stem: p for p in image_files(folder / "imgs")}
    listed = folder / "meta" / "test.txt"
    chosen = listed_stems(listed) if listed.is_file() else None
    conditions: dict[str, list[Sample]] = {}
    for condition, place in CONDITIONS.items():
        if not (folder / place).is_dir() or not any((folder / place).iterdir()):
            continue
        degraded = {p.stem: p for p in image_files(folder / place)}
        found = []
        for stem in sorted(degraded if chosen is None else chosen):
            if stem not in originals:
                raise UsageError(f"{degraded.get(stem, stem)}: no clean image of that name in {folder / 'imgs'}")
            clean = originals[stem]
            missing = None if stem in degraded else f"{clean}: no image of that name in {folder / place}"
            found.append(Sample(clean.name, clean, degraded.get(stem), problem=missing))
        if any(sample.problem is None for sample in found):
            conditions[condition] = found
    if not conditions:
        places = ", ".join(CONDITIONS.values())
        raise UsageError(f"{folder}: no degraded test image in HM-TIR's folders ({places})")
    return conditions
