"""Recordings mended, frame by frame: what is done is kept when the work is interrupted, and can be gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermend import io
from thermend.errors import ExistsError, InputError, ThermendError, ThermendWarning, UsageError
from thermend.image import Depth, ThermalImage
from thermend.io import atomic, recordings
from thermend.io.writers import CountingWriter, frame_writer
from thermend.jobs.compare import side_by_side
from thermend.jobs.interruption import held_back
from thermend.jobs.job import Outcome
from thermend.jobs.observer import NOBODY, Observer
from thermend.jobs.sinks import check_inside, is_input, recording_path
from thermend.jobs.sources import Input
from thermend.rendering import rendered
from thermend.restoration.session import Session
from thermend.restoration.session import state as states

if TYPE_CHECKING:
    from thermend.jobs.enhance import Enhance
    from thermend.restoration import Restorer

DEPTHS: dict[int, Depth] = {8: "uint8", 16: "uint16", 32: "float32"}
"""By bits a pixel."""
_NOT_SETTINGS = ("out", "single", "overwrite", "kept", "resume", "save_pattern", "threads")


def partial_of(target: Path) -> Path:
    """The file that holds what is done of a result, and can be played."""
    return target.with_name(f"{target.stem}.partial{target.suffix}")


@dataclass
class _Output:
    """One file that frames go to."""

    target: Path
    kind: str | None
    """None, the result itself; ``compare``, or a palette."""
    writer: CountingWriter | None = None

    @property
    def partial(self) -> Path:
        return partial_of(self.target)


@dataclass
class RecordingFile:
    """One recording on its way."""

    job: Enhance
    item: Input
    restorer: Restorer
    observer: Observer = NOBODY
    outputs: list[_Output] = field(default_factory=list)
    session: Session | None = None
    steps: tuple[str, ...] = ()
    done: int = 0
    empty: int = 0
    """Frames of this run without any valid pixel, which are as they came."""
    is_whole: bool = False
    """Whether all frames are done, and its files ended."""

    def enhanced(self) -> Outcome:
        """Mend it, unless its result exists."""
        job, item = self.job, self.item
        name = str(item.path)
        if job.trust_map:
            raise UsageError("--trust-map is for single images; a recording has none")
        recording = recordings.opened(item.path)
        frames = recording.frames(job.reading)
        first = next(frames)
        mode = self.restorer.mode_for(first, job.mode)
        self._choose(first, mode)
        target = self.outputs[0].target
        for output in self.outputs:
            self._check(output)
        missing = [o for o in self.outputs if job.overwrite or not o.target.exists()]
        if not missing:
            return Outcome(name, skipped=f"{target} exists already and is kept (--overwrite replaces it)")
        self.outputs = missing
        with atomic.claimed(target):
            return self._written(first, frames, recording.count, mode)

    def _written(self, first: ThermalImage, frames: Iterator[ThermalImage], count: int | None, mode: str) -> Outcome:
        """Mend frame by frame what is not done yet."""
        target, name = self.outputs[0].target, str(self.item.path)
        left = list(first.metadata.left)
        skipped = self._begin(first.metadata.frame_rate, mode)
        frames = self._looked_ahead(chain([first], frames))
        frames = islice(frames, skipped, None)
        try:
            reason = self._all(frames, count)
            with held_back():  # it is whole: its files are ended and get their names
                self._close()
                self.is_whole = True
                written = [o.target for o in self.outputs if self._keep(o)]
                self._state.unlink(missing_ok=True)
        except (KeyboardInterrupt, SystemExit):
            if not self.is_whole:
                self._interrupted()
            raise
        except BaseException:
            if not self.is_whole:
                self._give_up()
            raise
        left += [reason] if reason else []
        left += [f"{self.empty} frames without any valid pixel, which are as empty in the result"] if self.empty else []
        left += self._saved_pattern()
        if target.suffix == ".npy" and first.metadata.frame is not None and first.metadata.frame.time is not None:
            left.append("its frame times")
        return Outcome(
            name,
            written=str(target) if target in written else None,
            skipped=None if target in written else f"{target} exists already and is kept",
            steps=self.steps,
            left=tuple(left),
            frames=self.done,
        )

    def _looked_ahead(self, frames: Iterator[ThermalImage]) -> Iterator[ThermalImage]:
        """The frames; of the first ones, where that is asked for, the session has learned the pattern before."""
        if not self.job.look_ahead or self.session is None:
            return frames
        held: list[ThermalImage] = []
        broken: list[InputError] = []
        try:
            held.extend(islice(frames, self.job.look_ahead))
        except InputError as error:  # what came before it is mended all the same
            broken.append(error)
        self.session.look_ahead(held)
        return chain(held, _broken_off(broken[0]) if broken else frames)

    @property
    def _state(self) -> Path:
        main = self.outputs[0].partial
        return main.with_name(main.stem + ".state")

    def _choose(self, first: ThermalImage, mode: str) -> None:
        """What will be written, and where."""
        job = self.job
        unit = "display" if mode == "display" else first.unit
        depth: Depth = first.depth if unit == first.unit or first.depth == "uint16" else "uint8"
        depth = depth if job.depth is None else DEPTHS[job.depth]
        target = recording_path(self.item, job.out, unit, depth, single=job.single)
        coloured = job.palette is not None and unit == "display" and target.suffix.lower() in (".mp4", ".mkv")
        self.outputs = [_Output(target, job.palette if coloured else None)]
        if job.palette is not None and not coloured:
            self.outputs.append(_Output(target.with_name(f"{target.stem}.{job.palette}.mp4"), job.palette))
        if job.compare:
            self.outputs.append(_Output(target.with_name(f"{target.stem}.compare.mp4"), "compare"))

    def _check(self, output: _Output) -> None:
        check_inside(output.target, self.job.out, single=self.job.single)
        for place in (output.target, output.partial):
            if place.resolve() == self.item.path.resolve():
                raise InputError(self.item.path, "would be replaced by its own result; choose another output folder")
            if is_input(place, self.job.kept):
                raise InputError(
                    self.item.path, f"its result would replace the input {place}; choose another output folder"
                )

    def _begin(self, rate: float | None, mode: str) -> int:
        """Open the outputs and the session; how many frames are done already."""
        job = self.job
        done = self._resumed() if job.resume else 0
        if not job.each_frame:
            options: dict[str, Any] = {"mode": mode, "scale": job.scale, "contrast": job.contrast}
            state = self._state if done else None
            self.session = self.restorer.session(state, pattern=job.pattern, **options)
        for output in self.outputs:
            earlier = None
            atomic.make_room(output.target)
            try:
                if done:
                    earlier = output.partial.with_name(f".{output.partial.name}")
                    output.partial.replace(earlier)
                else:
                    for left in (output.partial, self._earlier(output)):
                        left.unlink(missing_ok=True)
                palette = (job.palette or "white-hot") if output.kind == "compare" else output.kind
                depth = None if output.kind or job.depth is None else DEPTHS[job.depth]
                output.writer = frame_writer(
                    output.partial,
                    output.target.suffix,
                    depth=depth,
                    palette=palette,
                    frame_rate=rate,
                    earlier=earlier,  # type: ignore[arg-type]
                )
            except OSError as error:
                raise InputError(output.target, f"cannot be written: {error.strerror or error}") from error
        self.done = done
        return done

    def _resumed(self) -> int:
        """Frames of a run that was interrupted, where it was of the same input and asked for the same."""
        if not self._state.exists() or not all(output.partial.exists() for output in self.outputs):
            return 0
        try:
            facts = states.facts_of(self._state)
        except InputError:
            return 0
        if facts.get("asked") != self._asked() or not isinstance(facts.get("done"), int):
            return 0
        done = int(facts["done"])
        return done if all(io.count_pages(output.partial) == done for output in self.outputs) else 0

    def _asked(self) -> str:
        """A hash of the input and of all that decides on the result."""
        path = self.item.path
        files = recordings.stills(path) if path.is_dir() else [path]
        facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        settings = {k: str(v) for k, v in asdict(self.job).items() if k not in _NOT_SETTINGS}
        if not self.job.look_ahead:
            del settings["look_ahead"]  # which older states know nothing of
        settings["weights"] = str(self.restorer.weights_sha256)
        outputs = [str(output.target.name) for output in self.outputs]
        return hashlib.sha256(json.dumps([facts, settings, outputs], sort_keys=True).encode()).hexdigest()

    def _all(self, frames: Iterator[ThermalImage], count: int | None) -> str | None:
        """Mend what there is; the reason why it ended early, if it did."""
        while True:
            try:
                image = next(frames, None)
            except InputError as error:
                if not self.done:
                    raise
                return f"what follows frame {self.done}: {error.reason}"
            if image is None:
                if self.done and self.empty == self.done:
                    raise InputError(self.item.path, "has no valid pixel in any frame")
                return None
            self.observer.go_on()
            with held_back():  # what the session knows and what is written belong to the same frames
                self._one(image)
            if self.observer.frames is not None:
                self.observer.frames(str(self.item.path), self.done, count)

    def _one(self, image: ThermalImage) -> None:
        after = self._mended(image)
        for output in self.outputs:
            assert output.writer is not None
            try:
                output.writer.write(_shown(output.kind, image, after, self.job.palette))
            except OSError as error:
                raise InputError(output.target, f"cannot be written: {atomic.reason_of(error)}") from error
        self.done += 1

    def _mended(self, image: ThermalImage) -> ThermalImage:
        job = self.job
        if self.session is not None:
            result = self.session.restored(image)
        elif image.is_empty:
            result = self.restorer.left_empty(image, mode=job.mode, scale=job.scale)
        else:
            given = job.without_pattern(image)
            result = self.restorer.restored(given, mode=job.mode, scale=job.scale, contrast=job.contrast)
        self.empty += image.is_empty
        self.steps = tuple(dict.fromkeys((*self.steps, *(step.method for step in result.steps))))
        if self.observer.images is not None:
            self.observer.images(self.done, image, result)
        return result.image

    def _close(self) -> None:
        for output in self.outputs:
            if output.writer is not None:
                try:
                    output.writer.close()
                except OSError as error:
                    raise InputError(output.target, f"cannot be written: {atomic.reason_of(error)}") from error
            self._earlier(output).unlink(missing_ok=True)

    def _earlier(self, output: _Output) -> Path:
        return output.partial.with_name(f".{output.partial.name}")

    def _keep(self, output: _Output) -> bool:
        """Give a whole file its name; False where another has been quicker."""
        try:
            atomic.put(output.partial, output.target, overwrite=self.job.overwrite)
        except ExistsError:
            output.partial.unlink(missing_ok=True)
            return False
        return True

    def _interrupted(self) -> None:
        """What is done stays, playable, with the session beside it."""
        with contextlib.suppress(ThermendError, OSError):
            self._close()
            if not self.done:
                self._give_up()
                return
            said = f"{self.item.path}: interrupted; its first {self.done} frames are in {self.outputs[0].partial}"
            if self.session is not None and self.session.frames == self.done and self.session.is_whole:
                states.save(self.session, self._state, done=self.done, asked=self._asked())
                said += " (--resume goes on with them)"
            warnings.warn(said, ThermendWarning, stacklevel=2)

    def _give_up(self) -> None:
        for output in self.outputs:
            if output.writer is not None:
                with contextlib.suppress(Exception):
                    output.writer.close()
            for path in (output.partial, self._earlier(output)):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _saved_pattern(self) -> list[str]:
        """What is left behind of the camera's pattern, where it was to be kept."""
        if self.job.save_pattern is None or self.session is None:
            return []
        try:
            self.session.save_pattern(self.job.save_pattern, overwrite=self.job.overwrite)
        except ThermendError as error:
            return [f"its fixed pattern ({error})"]
        return []


def _broken_off(error: InputError) -> Iterator[ThermalImage]:
    """What follows the last whole frame."""
    raise error
    yield


def _shown(kind: str | None, before: ThermalImage, after: ThermalImage, palette: str | None) -> ThermalImage:
    """A frame as one of the files has it."""
    if kind is None:
        return after
    if kind != "compare":
        return ThermalImage(rendered(after).astype("float32"), "display", "uint8", metadata=_place_of(after))
    beside = side_by_side(before, after, palette or "white-hot")
    return replace(beside, metadata=_place_of(after))


def _place_of(image: ThermalImage) -> Any:
    """What a picture of a frame keeps of its metadata."""
    return replace(image.metadata, geotiff={}, exif=None, xmp=None)


def is_recording(item: Input) -> bool:
    """Whether an input is worked on as a recording."""
    if item.path.is_dir():
        return True
    with contextlib.suppress(OSError, ThermendError):
        return os.path.isfile(item.path) and recordings.is_recording(item.path)
    return False
