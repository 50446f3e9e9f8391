"""The Sober-Drunk data set as it is downloaded: thermal recordings of 41 people (G. Koukiou, V. Anastassopoulos, University of
Patras).

A person has a folder, `01_name/`; in it are TIFF files of some 50 frames of 160 × 128 pixels, whose names say serial number,
first name, acquisition (1 sober, 2 to 4 ever longer after drinking), view, sex, age, weight and the alcohol measured:
`01_name_1_f_M_24_80__0.tif`. A recording's frames, 100 ms apart, are all but the same, and so are a person's recordings, so
that what is learned from some of them is not tested on others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from thermend.datasets.samples import Sample
from thermend.errors import UsageError
from thermend.io.folders import image_files

Part = Literal["train", "val", "test"]
View = Literal["face", "eyes", "hand", "side"]
VIEWS: tuple[View, ...] = get_args(View)

_NAME = re.compile(r"(?P<subject>\d+)_[^_]*_(?P<acquisition>\d)_(?P<view>[feshrl])_.*", re.IGNORECASE)
_VIEW: dict[str, View] = {"f": "face", "e": "eyes", "h": "hand", "r": "side", "l": "side", "s": "side"}
_SHARES = {"val": 0.2, "test": 0.1}


@dataclass(frozen=True)
class Recording:
    """A file of frames.

    Attributes
    ----------
    subject : int
        whose; its serial number
    acquisition : int
        1 sober, 2 to 4 after drinking
    """

    path: Path
    subject: int
    acquisition: int
    view: View


def recordings(folder: Path, part: Part, views: Sequence[View] = VIEWS) -> list[Recording]:
    """The recordings of a part's subjects, in the order of their names. Seven tenths of the subjects are for training, two for
    validation, one for tests.

    Raises
    ------
    UsageError
        the folder holds no recordings so named, or of fewer than three subjects
    """
    found = [recording for path in image_files(folder) if (recording := _told_by_name(path)) is not None]
    if not found:
        raise UsageError(f"{folder}: no file is named as Sober-Drunk names them (01_name_1_f_M_24_80__0.tif)")
    subjects = parts(recording.subject for recording in found)[part]
    chosen = [recording for recording in found if recording.subject in subjects and recording.view in views]
    if not chosen:
        raise UsageError(f"{folder}: no recording of {', '.join(views)} among the subjects for {part}")
    return chosen


def parts(subjects: Iterable[int]) -> dict[Part, set[int]]:
    """Who is in which part, by a hash of the serial numbers; no part is empty.

    Raises
    ------
    UsageError
        fewer than three subjects
    """
    ranked = sorted(set(subjects), key=lambda subject: hashlib.sha256(f"sober-drunk/{subject}".encode()).digest())
    if len(ranked) < 3:
        raise UsageError(f"Sober-Drunk: {len(ranked)} subjects cannot be shared between training, validation and test")
    val, test = (max(1, round(_SHARES[part] * len(ranked))) for part in ("val", "test"))
    return {"val": set(ranked[:val]), "test": set(ranked[val : val + test]), "train": set(ranked[val + test :])}


def _told_by_name(path: Path) -> Recording | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    return Recording(path, int(match["subject"]), int(match["acquisition"]), _VIEW[match["view"].lower()])


def test_samples(folder: Path) -> dict[str, list[Sample]]:
    """The recordings of Sober-Drunk's test subjects: view to samples.

    Raises
    ------
    UsageError
        the folder has not that layout
    """
    found = recordings(folder, "test")
    named = {view: [r.path for r in found if r.view == view] for view in VIEWS}
    return {
        view: [Sample(str(path.relative_to(folder)), path, recording=True) for path in paths]
        for view, paths in named.items()
        if paths
    }
