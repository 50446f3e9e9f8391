"""Images to measure on, by their names: clean ones, and what belongs to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thermend.errors import UsageError
from thermend.io.folders import image_files


@dataclass(frozen=True)
class Sample:
    """One image to evaluate on.

    Attributes
    ----------
    name : str
        path of the clean image below its folder
    clean : Path
        its file
    degraded : Path or None
        the file of its degraded version; None where a preset makes it
    visible : Path or None
        the file of the visible image beside it, for fusion
    problem : str or None
        why it cannot be evaluated, where that is known already
    recording : bool
        the clean file may hold several images, all but the same; the first counts
    """

    name: str
    clean: Path
    degraded: Path | None = None
    visible: Path | None = None
    problem: str | None = None
    recording: bool = False


def samples(clean: Path, degraded: Path | None = None, visible: Path | None = None) -> list[Sample]:
    """The images of a folder, each with its degraded and its visible version of the same name (the suffix may differ).

    A version that is missing, or that several images could claim, is the sample's problem. Where degraded or visible images lie
    below the clean ones, they are not clean ones.

    Raises
    ------
    UsageError
        a folder is missing or empty, or no clean image has its versions
    """
    partners = [_Partners(folder) if folder is not None else None for folder in (degraded, visible)]
    within = [f.resolve() for f in (degraded, visible) if f is not None and f.resolve() != clean.resolve()]
    originals = [p for p in image_files(clean) if not any(p.resolve().is_relative_to(f) for f in within)]
    found = [_sample(path, clean, originals, *partners) for path in originals]
    if not found or all(sample.problem for sample in found):
        raise UsageError((found[0].problem if found else None) or f"{clean}: no image in this folder")
    return found


def _sample(
    path: Path, clean: Path, originals: Sequence[Path], degraded: _Partners | None, visible: _Partners | None
) -> Sample:
    alone = sum(other.stem == path.stem for other in originals) == 1
    name = str(path.relative_to(clean))
    try:
        first, second = (None if p is None else p.of(path, clean, alone) for p in (degraded, visible))
    except UsageError as error:
        return Sample(name, path, problem=str(error))
    return Sample(name, path, first, second)


class _Partners:
    """The images of a folder, found by another folder's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name = {str(p.relative_to(folder)): p for p in image_files(folder)}
        self.by_path: dict[str, list[Path]] = {}
        self.by_stem: dict[str, list[Path]] = {}
        for name, path in self.by_name.items():
            self.by_path.setdefault(str(Path(name).with_suffix("")), []).append(path)
            self.by_stem.setdefault(path.stem, []).append(path)

    def of(self, path: Path, root: Path, alone: bool) -> Path:
        """The partner of a file below a root; ``alone``: whether no other file there has its stem."""
        name = path.relative_to(root)
        for exact in (f"{name}.png", str(name)):
            if exact in self.by_name:
                return self.by_name[exact]
        candidates = self.by_path.get(str(name.with_suffix(""))) or (self.by_stem.get(name.stem) if alone else None)
        if not candidates:
            raise UsageError(f"{path}: no image of that name in {self.folder}")
        if len(candidates) > 1:
            raise UsageError(f"{path}: several images of that name in {self.folder}: {', '.join(map(str, candidates))}")
        return candidates[0]
