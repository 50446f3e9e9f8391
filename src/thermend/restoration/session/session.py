"""`Session`: a restorer with a memory from frame to frame of one recording; one frame in, one out, none delayed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.errors import UsageError
from thermend.filters.motion import Motion, register
from thermend.image import ThermalImage
from thermend.methods.protocol import StepRecord
from thermend.restoration import temperatures
from thermend.restoration.provenance import provenance_of
from thermend.restoration.session.calm import calmed
from thermend.restoration.session.carry import Carried
from thermend.restoration.session.defects import Defects, replaced
from thermend.restoration.session.pattern import CameraPattern
from thermend.restoration.session.pattern import load as load_pattern
from thermend.restoration.session.scene import Scene

if TYPE_CHECKING:
    from thermend.restoration.restorer import Restorer, Result

Image = NDArray[np.float32]

EVERY = 8
"""Frames between two that the method sees, once the scene is known."""
_AT_FIRST = 10
"""Frames after a beginning that the method sees one and all; then it sees every second, after twice as many every third."""
_GUESSED, _CERTAIN = 0.58, 0.8
"""Certainty of the scene from which on the method is given the frame without its pattern, and the scene's estimate itself."""
_OTHER_GAIN, _OTHER_OFFSET = 0.01, 0.003
"""Change of gain, and of offset in shares of the range, that is taken for the camera's own (automatic gain control)."""
_CUT = 4.0
"""Times the usual difference of two frames, from which on the picture is another."""
_FROZEN = 2
"""Frames that repeat the one before them, as a camera gives while its shutter is closed."""
_LEARNED = 10.0
"""Frames in which the camera moved, from which on the pattern is worth to be kept."""
_NOISY = 0.5
"""Share of a frame's variance, from which on the scene's estimate is as good as a single frame."""
_REGISTERED_AT = 1.0
_SHARE_TOLERANCE = 0.0008
_KELVIN_TOLERANCE = 0.15


@dataclass
class Memory:
    """All that a session knows; :mod:`thermend.restoration.session.state` saves it.

    Attributes
    ----------
    low, high : float
        what is 0 and 1, in the frames' unit
    unit, serial : str
        of the frames, and the camera's, where they say it
    scene : Scene
    defects : Defects
    last : (H, W) float32
        the frame before, as it came
    carried : Carried or None
        what the method did; None before it had a frame, or where it enlarges
    since_start, since_seen : int
        frames since the beginning (or a cut), and since the method had one
    steps : tuple of StepRecord
        what it did
    frozen : int
        how many times the camera gave the last frame again
    moves : bool
        whether the camera moved from the frame before to the last
    """

    low: float
    high: float
    unit: str
    serial: str | None
    scene: Scene
    defects: Defects
    last: Image
    carried: Carried | None = None
    since_start: int = 0
    since_seen: int = 0
    steps: tuple[StepRecord, ...] = ()
    frozen: int = 0
    moves: bool = False


class Session:
    """One recording's frames, mended in their order; :meth:`thermend.Restorer.session` begins one.

    Fixed pattern, bad pixels and noise are told from the scene over time; the method mends what is left, every few frames, and
    what it did is carried on to the frames between. It belongs to one thread.

    Parameters
    ----------
    restorer : Restorer
    mode, scale, contrast
        as for :meth:`thermend.Restorer.restore`; the mode is decided at the first frame
    state : str or PathLike or None
        a file that :meth:`save` wrote, to go on from
    pattern : str or PathLike or None
        a file that :meth:`save_pattern` wrote: the camera's pattern, known from the first frame on
    every : int
        frames between two that the method sees, once the scene is known
    """

    def __init__(
        self,
        restorer: Restorer,
        *,
        mode: str = "auto",
        scale: int = 1,
        contrast: str = "auto",
        state: str | os.PathLike[str] | None = None,
        pattern: str | os.PathLike[str] | None = None,
        every: int = EVERY,
    ) -> None:
        if every < 1:
            raise UsageError(f"every {every}: expected 1 or more")
        self.restorer, self.mode, self.scale, self.contrast, self.every = restorer, mode, scale, contrast, every
        self.memory: Memory | None = None
        self.frames = 0
        """Frames that it has mended."""
        self.shutters: list[int] = []
        """Frames, from 0, from which on the pattern was another."""
        self._pattern = pattern
        if state is not None:
            from thermend.restoration.session import state as states

            states.load(self, state)

    def __call__(self, frame: ThermalImage | ArrayLike) -> ThermalImage:
        """Mend the next frame.

        Parameters
        ----------
        frame : ThermalImage or array_like
            as for :meth:`thermend.Restorer.restore`, one image; all of one size and unit

        Returns
        -------
        ThermalImage

        Raises
        ------
        UsageError
            it differs from those before in size or unit, or cannot be mended as asked
        """
        return self.restored(frame).image

    def restored(self, frame: ThermalImage | ArrayLike) -> Result:
        """As the call: the result with what was done."""
        image = frame if isinstance(frame, ThermalImage) else ThermalImage.from_array(frame)
        if self.memory is None:
            self.mode = self.restorer.mode_for(image, self.mode)
            self.restorer.check_contrast(self.contrast, self.mode)
            self.memory = self._begun(image)
            result = self._mended(image, self.memory)
        else:
            if image.unit != self.memory.unit:
                raise UsageError(f"a frame of {image.unit} after others of {self.memory.unit}; begin another session")
            if image.shape != self.memory.last.shape:
                raise UsageError(
                    f"a frame of {image.shape[1]} x {image.shape[0]} pixels after others of "
                    f"{self.memory.last.shape[1]} x {self.memory.last.shape[0]}; begin another session"
                )
            result = self._next(image, self.memory)
        self.frames += 1
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that it knows, so that ``restorer.session(state=path)`` goes on from here; the file appears whole.

        Raises
        ------
        UsageError
            it has had no frame yet
        """
        from thermend.restoration.session import state as states

        states.save(self, path)

    def save_pattern(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the camera's fixed pattern and bad pixels, for stills and other recordings of the same camera.

        Raises
        ------
        InputError
            the file exists, or cannot be written
        UsageError
            it has had no frame yet, or the camera never moved, so that nothing of the pattern is known
        """
        memory = self.memory
        if memory is None or memory.scene.taught < _LEARNED:
            raise UsageError(
                "nothing is known of the camera's pattern: it shows only where the camera moves, for some frames at least"
            )
        bad = memory.defects.confirmed()
        pixels = self._pattern_of(memory) * np.float32(memory.high - memory.low)
        CameraPattern(
            pixels, np.zeros(pixels.shape, bool) if bad is None else bad, memory.unit, memory.serial, self.frames
        ).save(path, overwrite=overwrite)

    def _begun(self, image: ThermalImage) -> Memory:
        low, high = (0.0, 255.0) if image.is_picture else image.extent
        high = high if high > low else low + 1.0
        shares = _filled((image.pixels - np.float32(low)) / np.float32(high - low), None)
        scene, defects = Scene.begun(shares), Defects.none(image.shape)
        memory = Memory(low, high, image.unit, image.metadata.serial, scene, defects, shares)
        if self._pattern is not None:
            known = load_pattern(self._pattern)
            known.check(image)
            memory.scene.pattern = known.pixels / np.float32(high - low)
            memory.scene.uncertainty[:] = memory.scene.noise * np.float32(0.05)
            memory.scene.estimate = shares - memory.scene.pattern
            memory.defects = Defects(known.bad.astype(np.float32), 100)
        return memory

    def _next(self, image: ThermalImage, memory: Memory) -> Result:
        scene = memory.scene
        shares = (image.pixels - np.float32(memory.low)) / np.float32(memory.high - memory.low)
        missing = ~np.isfinite(shares)
        shares = _filled(shares, scene.estimate + scene.pattern)
        difference = float(np.abs(shares - memory.last).mean())
        if difference <= 0.02 * np.sqrt(scene.noise) and memory.carried is not None:
            memory.frozen += 1  # the shutter is closed, or nothing happens: the same frame tells nothing new
            return self._carried(image, memory)
        bad = memory.defects.see(shares - scene.pattern, memory.moves)
        measured = shares if bad is None else replaced(shares - scene.pattern, bad) + scene.pattern
        motion = self._registered(measured, memory)
        stated = image.metadata.frame is not None and bool(image.metadata.frame.shutter)
        jumped = memory.frozen >= _FROZEN and motion.found and scene.is_another_pattern(measured, motion)
        if stated or jumped:
            scene.forget_pattern(measured)
            self.shutters.append(self.frames)
            memory.since_start = 0
        memory.frozen = 0
        if not motion.found and self._is_cut(measured, memory):
            scene.forget_scene(measured)
            memory.since_start, memory.carried = 0, None
        else:
            self._follow_gain(measured, motion, memory)
            scene.see(measured, motion, _either(bad, missing))
            if memory.carried is not None:
                memory.carried.moved(motion, scene.moved)
        memory.moves = motion.found and not motion.is_still(image.shape)
        memory.last = shares
        memory.since_start += 1
        memory.since_seen += 1
        due = memory.since_seen >= min(self.every, max(1, memory.since_start // _AT_FIRST))
        if due or memory.carried is None or self.scale != 1:
            return self._mended(image, memory)
        return self._carried(image, memory)

    def _registered(self, measured: Image, memory: Memory) -> Motion:
        scene = memory.scene
        before, now = (
            cv2.GaussianBlur(part, (0, 0), _REGISTERED_AT) for part in (scene.estimate, measured - scene.pattern)
        )
        return register(before, now, float(np.sqrt(scene.noise)) / 3)

    def _is_cut(self, measured: Image, memory: Memory) -> bool:
        scene = memory.scene
        coarse = cv2.blur(measured - scene.pattern - scene.estimate, (9, 9))
        usual = np.sqrt(scene.noise + float(scene.variance.mean())) / 9
        return float(np.abs(coarse).mean()) > _CUT * max(usual, 1 / 255)

    def _follow_gain(self, measured: Image, motion: Motion, memory: Memory) -> None:
        """Automatic gain control: all of the picture is stretched anew."""
        scene = memory.scene
        now, before = (
            cv2.resize(
                cv2.GaussianBlur(part, (0, 0), 3.0), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA
            ).ravel()
            for part in (measured - scene.pattern, motion.warp(scene.estimate, smooth=True))
        )
        gain, offset = _line(before, now)
        if abs(gain - 1) > _OTHER_GAIN or abs(offset + (gain - 1) * float(before.mean())) > _OTHER_OFFSET:
            scene.follow_gain(gain, offset)

    def _mended(self, image: ThermalImage, memory: Memory) -> Result:
        """By the method, which is given the best that is known of the frame."""
        scene = memory.scene
        if scene.certainty >= _CERTAIN:
            best = scene.estimate
        elif scene.certainty >= _GUESSED or self._pattern is not None:
            best = memory.last - self._pattern_of(memory)
        else:
            best = memory.last
        given = image.with_pixels(self._undone(best, image))
        result = self.restorer.restored(given, mode=self.mode, scale=self.scale, contrast=self.contrast)
        memory.steps, memory.since_seen = tuple(result.steps), 0
        if self.scale != 1:
            return result
        made = (result.image.pixels - np.float32(self._zero(memory))) / np.float32(self._one(memory))
        new = Carried.of(best, _filled(made, best))
        before = memory.carried
        memory.carried = new if before is None else before.then(new)
        return replace(self._carried(image, memory, best), verification=result.verification)

    def _carried(self, image: ThermalImage, memory: Memory, best: Image | None = None) -> Result:
        """From the scene's estimate, by what the method did before."""
        from thermend.restoration.restorer import Result

        assert memory.carried is not None
        scene = memory.scene
        estimate = _calmed(scene, memory.carried) if best is None else best
        made = memory.carried.apply(estimate)
        if self.mode == "radiometric":
            self._keep(made, image, memory)
        pixels = made * np.float32(self._one(memory)) + np.float32(self._zero(memory))
        if self._is_display(image):
            np.clip(pixels, 0, 255, out=pixels)
        if image.nodata is not None:
            pixels[image.nodata] = np.nan
        steps = self._steps(memory)
        provenance = provenance_of(self.restorer.method, image.metadata, self.mode, 1, steps)
        changes: dict[str, Any] = {"metadata": replace(image.metadata, provenance=provenance)}
        if self.mode == "display" and image.unit != "display":
            changes |= {"unit": "display", "valid_range": (0.0, 255.0)}
            changes["depth"] = "uint16" if image.depth == "uint16" else "uint8"
        elif image.valid_range is not None and (image.unit == "display" or image.depth != "float32"):
            np.clip(pixels, *image.valid_range, out=pixels)
        return Result(image.with_pixels(pixels, **changes), steps)

    def _keep(self, made: Image, image: ThermalImage, memory: Memory) -> None:
        """The promises of radiometric mode, held to this very frame without its pattern."""
        span = memory.high - memory.low
        tolerance = _KELVIN_TOLERANCE / span if image.unit == "celsius" else _SHARE_TOLERANCE
        reference = memory.last - self._pattern_of(memory)
        low, high = image.extent
        counted = None if image.nodata is None else ~image.nodata
        evidence = temperatures.collect(
            reference, (low - memory.low) / span, (high - memory.low) / span, tolerance, counted
        )
        temperatures.keep(made, replace(evidence, spots=evidence.spots[:0]), 1, counted)

    def _pattern_of(self, memory: Memory) -> Image:
        """The pattern as it is taken off: without what is smooth, which is the temperatures' own where they are to be kept."""
        pattern = memory.scene.pattern
        if self.mode != "radiometric":
            return pattern
        small = cv2.resize(pattern, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), temperatures.SMOOTH_SIGMA / 8, borderType=cv2.BORDER_REFLECT)
        return pattern - cv2.resize(small, pattern.shape[::-1], interpolation=cv2.INTER_LINEAR)

    def _steps(self, memory: Memory) -> tuple[StepRecord, ...]:
        scene = memory.scene
        unit = memory.high - memory.low
        facts = {
            "frames": int(memory.since_start + 1),
            "noise": round(float(np.sqrt(scene.noise)) * unit, 4),
            "pattern": round(float(scene.pattern.std()) * unit, 4),
        }
        removed = ("fixed-pattern-noise", "noise")
        return (StepRecord("session", facts, removed), *memory.steps)

    def _is_display(self, image: ThermalImage) -> bool:
        return self.mode == "display" or image.unit == "display"

    def _one(self, memory: Memory) -> float:
        return 255.0 if self.mode == "display" else memory.high - memory.low

    def _zero(self, memory: Memory) -> float:
        return 0.0 if self.mode == "display" else memory.low

    def _undone(self, shares: Image, image: ThermalImage) -> Image:
        """In the frames' unit; what has no data, has none."""
        assert self.memory is not None
        pixels = shares * np.float32(self.memory.high - self.memory.low) + np.float32(self.memory.low)
        if image.is_picture:
            np.clip(pixels, 0, 255, out=pixels)
        if image.nodata is not None:
            pixels[image.nodata] = np.nan
        return pixels


def _filled(shares: Image, known: Image | None) -> Image:
    """Numbers in place of what is none: what is known, else the median."""
    missing = ~np.isfinite(shares)
    if not missing.any():
        return shares
    shares = shares.copy()
    shares[missing] = np.median(shares[~missing]) if known is None else known[missing]
    return shares


def _either(first: NDArray[np.bool_] | None, second: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    if not second.any():
        return first
    return second if first is None else first | second


def _line(before: Image, now: Image) -> tuple[float, float]:
    """Gain and offset from one set of numbers to another, by least squares over those that agree."""
    weights = np.ones_like(before)
    gain, offset = 1.0, 0.0
    for _ in range(3):
        total = float(weights.sum())
        x, y = float((weights * before).sum()) / total, float((weights * now).sum()) / total
        power = float((weights * (before - x) ** 2).sum())
        gain = float((weights * (before - x) * (now - y)).sum()) / power if power > 1e-6 * total else 1.0
        gain = min(max(gain, 0.5), 2.0)
        offset = y - gain * x
        off = np.abs(now - gain * before - offset)
        limit = 3 * 1.4826 * float(np.median(off)) + 1e-6
        weights = (off < limit).astype(np.float32)
    return gain, offset


def _calmed(scene: Scene, carried: Carried) -> Image:
    """The scene's estimate, mended where it is of a single frame and as noisy as that, or where the method has not seen it."""
    given = scene.noise + float(np.median(scene.uncertainty))
    noisy = (scene.variance > np.float32(_NOISY * given)) | (carried.known < 0.5)
    return calmed(scene.estimate, noisy, float(np.sqrt(given)))


def frames_of(session: Session, frames: Iterator[ThermalImage]) -> Iterator[ThermalImage]:
    """Frames mended one after another."""
    for frame in frames:
        yield session(frame)
