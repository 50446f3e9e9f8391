"""All that a session knows, as a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thermend.errors import InputError, UsageError, first_line
from thermend.filters.motion import Motion
from thermend.io.atomic import whole_file
from thermend.methods.protocol import StepRecord
from thermend.restoration.session.carry import Carried
from thermend.restoration.session.choice import Choice
from thermend.restoration.session.defects import Defects
from thermend.restoration.session.memory import Memory
from thermend.restoration.session.scene import Scene

if TYPE_CHECKING:
    from thermend.restoration.session.session import Session

_KIND = "thermend session 1"
_SCENE = ("estimate", "variance", "pattern", "uncertainty")


def save(session: Session, path: str | os.PathLike[str], **more: Any) -> None:
    """Write it; what is there already is replaced. `more` are plain values that :func:`facts_of` gives back."""
    memory = session.memory
    if memory is None:
        raise UsageError("the session has had no frame yet; there is nothing to save")
    if not session.is_whole:
        raise UsageError("the session was interrupted within a frame; what it knows is not whole")
    arrays = {name: getattr(memory.scene, name) for name in _SCENE}
    arrays |= {"last": memory.last, "defects": memory.defects.share}
    if memory.scene.innovation is not None:
        arrays["innovation"] = memory.scene.innovation
    for name, array in (
        ("clean", memory.clean),
        ("plain", memory.plain),
        ("many", memory.choice.many),
        ("one", memory.choice.one),
    ):
        if array is not None:
            arrays[name] = array
    for name, mask in (("certain", memory.certain), ("moved", memory.scene.moved)):
        if mask is not None:
            arrays[name] = mask.astype(np.float32)
    if memory.carried is not None:
        arrays |= {"field": memory.carried.field, "detail": memory.carried.detail, "known": memory.carried.known}
    facts = {
        "kind": _KIND,
        "method": session.restorer.info.full_name,
        "weights": session.restorer.weights_sha256,
        "mode": session.mode,
        "scale": session.scale,
        "contrast": session.contrast,
        "frames": session.frames,
        "shutters": session.shutters,
        "low": memory.low,
        "high": memory.high,
        "unit": memory.unit,
        "serial": memory.serial,
        "motion": None if memory.motion is None else [memory.motion.matrix.ravel().tolist(), memory.motion.gain],
        "noise": float(memory.scene.noise),
        "fine": memory.scene.fine,
        "taught": memory.scene.taught,
        "seen": memory.scene.frames,
        "defect_frames": memory.defects.frames,
        "gain": None if memory.carried is None else memory.carried.gain,
        "advantage": memory.choice.advantage,
        "trials": memory.choice.trials,
        "trial_noise": memory.choice.noise,
        "method_saw": memory.seen,
        "since_start": memory.since_start,
        "since_seen": memory.since_seen,
        "frozen": memory.frozen,
        "rest": memory.rest,
        "steps": [[step.method, dict(step.facts), list(step.removed)] for step in memory.steps],
        "more": more,
    }
    with whole_file(Path(path), overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)


def load(session: Session, path: str | os.PathLike[str]) -> None:
    """Go on from a file that :func:`save` wrote.

    Raises
    ------
    InputError
        it is none
    UsageError
        it is of another method, mode, scale or contrast
    """
    facts, arrays = _read(Path(path))
    for name, asked, free in (
        ("method", session.restorer.info.full_name, None),
        ("weights", session.restorer.weights_sha256, None),
        ("mode", session.mode, "auto"),
        ("scale", session.scale, None),
        ("contrast", session.contrast, None),
    ):
        if asked != free and facts[name] != asked:
            raise UsageError(f"{path}: is the state of a session with {name} {facts[name]}, not {asked}")
    try:
        session.memory = _memory(facts, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"is no whole state of a session ({first_line(error)})") from error
    session.mode, session.frames, session.shutters = facts["mode"], facts["frames"], list(facts["shutters"])


def facts_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What was saved beside a state; raises as :func:`load`."""
    facts, _ = _read(Path(path))
    more = facts.get("more")
    return more if isinstance(more, dict) else {}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:  # which alone leaves a bad file open
            facts = json.loads(str(held["facts"]))
            arrays = {name: held[name] for name in held.files if name != "facts"}
    except OSError as error:
        if error.errno is not None:
            raise InputError(path, f"cannot be read: {error.strerror}") from error
        raise InputError(path, "is no state of a session") from error
    except Exception as error:
        raise InputError(path, f"is no state of a session ({first_line(error)})") from error
    if not isinstance(facts, dict) or facts.get("kind") != _KIND:
        raise InputError(path, "is no state of a session")
    shape = arrays["last"].shape if "last" in arrays else None
    for name, array in arrays.items():
        if array.dtype != np.float32 or array.ndim != 2 or not np.isfinite(array).all():
            raise InputError(path, f"is damaged: its {name} is no image")
        if name != "field" and array.shape != shape:
            raise InputError(path, f"is damaged: its {name} is of another size")
    return facts, arrays


def _motion(said: Any) -> Motion | None:
    return None if said is None else Motion(np.array(said[0], float).reshape(2, 3), float(said[1]))


def _mask(arrays: dict[str, Any], name: str) -> np.ndarray | None:
    return arrays[name] > 0.5 if name in arrays else None


def _memory(facts: dict[str, Any], arrays: dict[str, Any]) -> Memory:
    scene = Scene(
        arrays["estimate"],
        arrays["variance"],
        arrays["pattern"],
        arrays["uncertainty"],
        float(facts["noise"]),
        float(facts["fine"]),
        float(facts["taught"]),
        int(facts["seen"]),
        arrays.get("innovation"),
        _mask(arrays, "moved"),
    )
    carried = None
    if facts["gain"] is not None:
        carried = Carried(float(facts["gain"]), arrays["field"], arrays["detail"], arrays["known"])
    return Memory(
        float(facts["low"]),
        float(facts["high"]),
        facts["unit"],
        facts["serial"],
        scene,
        Defects(arrays["defects"], int(facts["defect_frames"])),
        arrays["last"],
        carried,
        Choice(
            float(facts["advantage"]),
            int(facts["trials"]),
            float(facts["trial_noise"]),
            arrays.get("many"),
            arrays.get("one"),
        ),
        arrays.get("clean"),
        int(facts["since_start"]),
        int(facts["since_seen"]),
        int(facts["method_saw"]),
        tuple(StepRecord(method, told, tuple(removed)) for method, told, removed in facts["steps"]),
        int(facts["frozen"]),
        arrays.get("plain"),
        _motion(facts["motion"]),
        _mask(arrays, "certain"),
        int(facts.get("rest", 1)),  # older states know of none
    )
