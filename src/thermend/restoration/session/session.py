"""`Session`: a restorer with a memory from frame to frame of one recording; one frame in, one out, none delayed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.errors import UsageError
from thermend.filters.motion import Motion, register
from thermend.image import ThermalImage
from thermend.methods.protocol import StepRecord
from thermend.restoration.result import Result
from thermend.restoration.session import state as states
from thermend.restoration.session.ahead import learned
from thermend.restoration.session.calm import calmed, filled
from thermend.restoration.session.carry import Carried
from thermend.restoration.session.defects import Defects, replaced
from thermend.restoration.session.gain import change
from thermend.restoration.session.memory import Memory
from thermend.restoration.session.pattern import CameraPattern
from thermend.restoration.session.pattern import load as load_pattern
from thermend.restoration.session.promises import keep, without_smooth
from thermend.restoration.session.scene import Scene
from thermend.restoration.session.witness import given_back

if TYPE_CHECKING:
    from thermend.restoration.restorer import Restorer

Image = NDArray[np.float32]

EVERY = 24
"""Frames between two that the method sees, once the scene is known; half as many where much of the scene is new."""
_NEW = 0.06
"""Share of the frame that the method has not seen."""
_AT_FIRST, _SPACED = 10, 5
"""Frames after a beginning that the method sees one and all; then every second, and with every further five one more rarely."""
_CERTAIN = 0.8
"""Certainty of the scene from which on its estimate may be what the method is given."""
_TRIED_EVERY = 6
"""Times that the method sees a frame, of which one is a trial: it is given both, and the next frame is the judge."""
_RESTS = 4
"""Times as rarely, at most, that the method sees a frame of which it has nothing more to mend."""
_SMALLEST = 16
"""Pixels; frames with a shorter side are mended one by one: they show too little to tell how the camera moved."""
_FROZEN = 2
"""Frames that repeat the one before them, as a camera gives while its shutter is closed."""
_LEARNED = 10.0
"""Frames in which the camera moved, from which on the pattern is worth to be kept."""
_REGISTERED_AT, _REGISTERED_AT_MOST = 0.15, 2.5
"""Pixels that frames are smoothed by for registration, to a grey level of noise; and at most."""


@dataclass
class _Made:
    """What the method made of a guess at the scene: as it will be shown, and on the frames' own levels, (H, W) each."""

    result: Result
    pixels: Image
    clean: Image


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
        self.is_whole = True
        """Whether what it knows is that of whole frames: not where it was interrupted within one."""
        self._known = None if pattern is None else load_pattern(pattern)
        if state is not None:
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
            one without any valid pixel as it came

        Raises
        ------
        UsageError
            it differs from those before in size or unit, or cannot be mended as asked
        """
        return self.restored(frame).image

    def restored(self, frame: ThermalImage | ArrayLike) -> Result:
        """As the call: the result with what was done."""
        image = frame if isinstance(frame, ThermalImage) else ThermalImage.from_array(frame)
        if image.is_empty:  # it tells nothing of camera or scene
            if self.memory is not None:
                self.memory.check(image)
            self.frames += 1
            return self.restorer.left_empty(image, mode=self.mode, scale=self.scale)
        if min(image.shape) < _SMALLEST:
            self.frames += 1
            return self.restorer.restored(image, mode=self.mode, scale=self.scale, contrast=self.contrast)
        if self.memory is None:
            self.mode = self.restorer.mode_for(image, self.mode)
            self.restorer.check_contrast(self.contrast, self.mode)
            self.is_whole = False
            self.memory = self._begun(image)
            result = self._mended(image, self.memory.last, self.memory)
        else:
            self.memory.check(image)
            self.is_whole = False
            result = self._next(image, self.memory)
        self.frames += 1
        self.is_whole = True
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that it knows, so that ``restorer.session(state=path)`` goes on from here; the file appears whole.

        Raises
        ------
        UsageError
            it has had no frame yet, or was interrupted within one
        """
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
        if not self.knows_pattern:
            raise UsageError(
                "nothing is known of the camera's pattern: it shows only where the camera moves, for some frames at least"
            )
        self.pattern().save(path, overwrite=overwrite)

    @property
    def knows_pattern(self) -> bool:
        """Whether the camera moved for long enough to show its pattern."""
        return self.memory is not None and self.memory.scene.taught >= _LEARNED

    def pattern(self) -> CameraPattern:
        """The camera's fixed pattern and bad pixels, as they are known by now."""
        memory = self.memory
        assert memory is not None
        pixels = self._pattern_of(memory) * np.float32(memory.high - memory.low)
        bad = memory.defects.confirmed()
        bad = np.zeros(pixels.shape, bool) if bad is None else bad
        return CameraPattern(pixels, bad, memory.unit, memory.serial, self.frames)

    def look_ahead(self, frames: Iterable[ThermalImage | ArrayLike]) -> bool:
        """Learn the camera's pattern from the frames that come, before the first is mended; True where they show one.

        Parameters
        ----------
        frames : iterable of ThermalImage or array_like
            they are not mended by this call
        """
        ahead = Session(self.restorer, mode=self.mode, contrast=self.contrast, every=self.every)
        found = learned(ahead, frames)
        self._known = self._known if found is None else found
        return found is not None

    def _begun(self, image: ThermalImage) -> Memory:
        low, high = (0.0, 255.0) if image.is_picture else image.extent
        high = high if high > low else low + 1.0
        shares = filled((image.pixels - np.float32(low)) / np.float32(high - low), None)
        scene, defects = Scene.begun(shares), Defects.none(image.shape)
        memory = Memory(low, high, image.unit, image.metadata.serial, scene, defects, shares)
        if (known := self._known) is not None:
            known.check(image)
            memory.scene.pattern = known.pixels / np.float32(high - low)
            memory.scene.uncertainty[:] = memory.scene.noise * np.float32(0.05)
            memory.scene.taught = 1.0  # nothing in it is unknown
            memory.scene.estimate = shares - memory.scene.pattern
            memory.defects = Defects(known.bad.astype(np.float32), 100)
        return memory

    def _next(self, image: ThermalImage, memory: Memory) -> Result:
        scene = memory.scene
        shares = (image.pixels - np.float32(memory.low)) / np.float32(memory.high - memory.low)
        missing = ~np.isfinite(shares)
        shares = filled(shares, scene.estimate + scene.pattern)
        difference = float(np.abs(shares - memory.last).mean())
        if difference <= 0.02 * np.sqrt(scene.noise) and memory.carried is not None:
            memory.frozen += 1  # the shutter is closed, or nothing happens: the same frame tells nothing new
            return self._carried(image, memory)
        bad = memory.defects.see(shares - scene.pattern, self._moves(memory))
        measured = shares if bad is None else replaced(shares - scene.pattern, bad) + scene.pattern
        single = self._by_method(image, self._alone(measured, memory)) if self._is_early(memory) else None
        motion = self._registered(measured, single, memory)
        stated = image.metadata.frame is not None and bool(image.metadata.frame.shutter)
        jumped = memory.frozen >= _FROZEN and scene.is_another_pattern(measured, motion)
        if stated or jumped:
            scene.forget_pattern(measured)
            self.shutters.append(self.frames)
            memory.since_start = min(memory.since_start, _AT_FIRST)
        memory.frozen = 0
        if scene.is_another_picture(measured, motion):
            scene.forget_scene(measured)
            memory.since_start, memory.carried = 0, None
        else:
            plain = measured - scene.pattern
            if (changed := change(motion.warp(scene.estimate, smooth=True), plain)) is not None:
                scene.follow_gain(*changed)
                memory.choice.many = memory.choice.one = None
            memory.choice.judge(plain, motion, scene.given**2)
            scene.see(measured, motion, missing if bad is None else bad | missing)
            if memory.carried is not None:
                stays = not memory.choice.prefers_many and not scene.is_noiseless
                memory.carried.moved(motion, scene.moved, scene.change if stays else None)
        memory.motion, memory.plain = motion, measured - self._pattern_of(memory)
        memory.last = shares
        memory.since_start += 1
        memory.since_seen += 1
        due = self._is_due(memory)
        memory.clean = None if single is None else single.clean
        if due or memory.carried is None or self.scale != 1:
            return self._mended(image, measured, memory, single)
        return self._carried(image, memory)

    def _is_due(self, memory: Memory) -> bool:
        """Whether the method is to see this frame: the more rarely, the longer the scene is known."""
        wait = min(self.every, memory.since_start // _SPACED) if memory.since_start >= _AT_FIRST else 1
        if memory.rest > 1:
            return memory.since_seen >= memory.rest * wait
        is_new = memory.carried is not None and float((~memory.carried.is_known).mean()) > _NEW
        soon = is_new or not self.knows_pattern  # on a tripod the method is all that takes the pattern off
        return memory.since_seen >= (min(wait, max(1, self.every // 2)) if soon else wait)

    def _alone(self, measured: Image, memory: Memory) -> Image:
        """A frame as it is by itself; without the pattern only where that was known before."""
        return measured if self._known is None else measured - self._pattern_of(memory)

    def _is_early(self, memory: Memory) -> bool:
        """Whether the scene is still so uncertain that the method sees each single frame."""
        return memory.since_start < _AT_FIRST and self.scale == 1

    def _registered(self, measured: Image, single: _Made | None, memory: Memory) -> Motion:
        """The camera's motion since the frame before: by what is known of the scene, or at first by what the method made of
        both frames, in which there is no pattern that would hold it back."""
        scene = memory.scene
        if single is not None and memory.clean is not None:
            return register(memory.clean, single.clean, 0.0, memory.motion)
        spread = scene.given
        sigma = min(max(_REGISTERED_AT * 255 * spread, 1.0), _REGISTERED_AT_MOST)
        before, now = (cv2.GaussianBlur(part, (0, 0), sigma) for part in (scene.estimate, measured - scene.pattern))
        return register(before, now, spread / (3.5 * sigma), memory.motion)

    @staticmethod
    def _moves(memory: Memory) -> bool:
        motion = memory.motion
        return motion is not None and motion.found and not motion.is_still(memory.last.shape)

    def _by_method(self, image: ThermalImage, shares: Image) -> _Made:
        """What the method makes of a guess at the scene."""
        given = image.with_pixels(self._undone(shares, image))
        result = self.restorer.restored(given, mode=self.mode, scale=self.scale, contrast=self.contrast)
        if self.scale != 1:
            return _Made(result, shares, shares)
        memory = self.memory
        assert memory is not None
        made = (result.image.pixels - np.float32(self._zero(memory))) / np.float32(self._one(memory))
        made = filled(made, shares)
        return _Made(result, made, Carried.of(shares, made).clean(shares))

    def _mended(self, image: ThermalImage, measured: Image, memory: Memory, single: _Made | None = None) -> Result:
        """By the method, which is given what has proved to be the better guess at the scene: its estimate, or the frame."""
        scene, choice = memory.scene, memory.choice
        memory.seen += 1
        known = scene.certainty >= _CERTAIN
        tries = self.scale == 1 and known and (single is not None or memory.seen % _TRIED_EVERY == 0)
        many = self._by_method(image, scene.estimate) if known and (tries or choice.prefers_many) else None
        if single is None and (many is None or tries):
            single = self._by_method(image, self._alone(measured, memory))
        if tries and many is not None and single is not None:
            choice.many, choice.one = many.clean, single.clean
        chosen = many if many is not None and (choice.prefers_many or single is None) else single
        assert chosen is not None
        memory.steps, memory.since_seen = tuple(chosen.result.steps), 0
        if self.scale != 1:
            return chosen.result
        new = Carried.of(scene.estimate, chosen.pixels)
        if scene.is_noiseless:
            new.keep_large()
        idle = known and new.is_nothing
        memory.rest = min(2 * memory.rest, _RESTS) if idle else 1
        before = memory.carried
        memory.carried = new if before is None else before.then(new)
        return replace(self._carried(image, memory, scene.estimate), verification=chosen.result.verification)

    def _carried(self, image: ThermalImage, memory: Memory, best: Image | None = None) -> Result:
        """From the scene's estimate, by what the method did before."""
        assert memory.carried is not None
        scene = memory.scene
        estimate = scene.estimate if best is None else best
        if best is None and not scene.is_clean:
            unseen = scene.is_noisy if memory.rest > 1 else scene.is_noisy | ~memory.carried.is_known
            estimate = calmed(estimate, unseen, scene.given)
        made = memory.carried.apply(estimate)
        if memory.plain is not None:
            hints = [mask for mask in (memory.certain, scene.moved) if mask is not None]
            added, memory.certain = given_back(memory.carried.clean(estimate), memory.plain, hints)
            made = made if added is None else made + np.float32(memory.carried.gain) * added
        if self.mode == "radiometric":
            keep(made, image, memory.last - self._pattern_of(memory), memory.low, memory.high)
        pixels = made * np.float32(self._one(memory)) + np.float32(self._zero(memory))
        if self._is_display(image):
            np.clip(pixels, 0, 255, out=pixels)
        if image.nodata is not None:
            pixels[image.nodata] = np.nan
        steps = self._steps(memory)
        provenance = self.restorer.provenance(image.metadata, self.mode, 1, steps)
        changes: dict[str, Any] = {"metadata": replace(image.metadata, provenance=provenance)}
        if self.mode == "display" and image.unit != "display":
            changes |= {"unit": "display", "valid_range": (0.0, 255.0)}
            changes["depth"] = "uint16" if image.depth == "uint16" else "uint8"
        elif image.valid_range is not None and (image.unit == "display" or image.depth != "float32"):
            np.clip(pixels, *image.valid_range, out=pixels)
        return Result(image.with_pixels(pixels, **changes), steps)

    def _pattern_of(self, memory: Memory) -> Image:
        """The pattern as it is taken off."""
        return without_smooth(memory.scene.pattern) if self.mode == "radiometric" else memory.scene.pattern

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
