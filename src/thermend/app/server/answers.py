"""What is answered, as ``/openapi.json`` describes it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from thermend.estimation.words import sentences
from thermend.image import Unit
from thermend.jobs.queue import ENDED, Queue, Ticket
from thermend.jobs.views import frames_in

MEDIA_TYPES = {
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".npy": "application/octet-stream",
    ".mp4": "video/mp4",
    ".mkv": "video/x-matroska",
}
_EXAMPLE: JsonDict = {
    "id": "2mT0kW3cT8wq0xkq7c6J0A",
    "name": "roof.jpg",
    "state": "done",
    "ahead": 0,
    "progress": 1.0,
    "frames": None,
    "diagnosis": {"noise_sigma": 2.1, "stripe_sigma": 0.0, "stripe_direction": "none", "noise_kelvin": 0.11},
    "words": ["Light sensor noise: standard deviation 2.1 grey levels (0.11 K)."],
    "steps": ["classical.dct-denoise"],
    "error": None,
    "suspect": None,
    "left": [],
    "result": {"name": "roof.tif", "bytes": 1310992, "media_type": "image/tiff"},
    "views": None,
    "expires": "2026-01-31T12:30:00Z",
}


class Problem(BaseModel):
    """What went wrong."""

    error: str = Field(examples=["roof.txt: is not an image that thermend reads"])


class Health(BaseModel):
    """Whether the server works; more for those who are let in."""

    status: Literal["ok"] = "ok"
    version: str | None = Field(None, examples=["0.1.0"])
    queued: int | None = Field(None, examples=[0])
    running: int | None = Field(None, examples=[1])
    kept: int | None = Field(None, examples=[12])


class MethodRow(BaseModel):
    """A method, as ``thermend methods --json`` has it."""

    name: str = Field(examples=["auto"])
    variant: str | None
    title: str
    parameters: int
    macs: int | None
    weights: str | None
    modes: list[str] = Field(examples=[["radiometric", "display"]])
    licence: str


class Accepted(BaseModel):
    """A file that was taken."""

    id: str = Field(examples=[_EXAMPLE["id"]])


class ResultFile(BaseModel):
    """The bytes that ``thermend enhance`` writes."""

    name: str
    bytes: int
    media_type: str


class JobState(BaseModel):
    """One file: what is done to it, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    name: str = Field(description="of the file, as it was uploaded")
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    ahead: int = Field(description="how many wait before it")
    progress: float = Field(description="0 to 1; of a recording whose length is not known, 0 until it is done")
    frames: tuple[int, int | None] | None = Field(description="of a recording: how many are done, and of how many")
    diagnosis: dict[str, Any] | None = Field(description="as `thermend diagnose --json` has it")
    words: list[str] = Field(description="the diagnosis in words")
    steps: list[str] = Field(description="methods that had a part in the result")
    error: str | None = Field(description="one line, where it failed")
    suspect: float | None = Field(description="share of the result that the input does not support")
    left: list[str] = Field(description="what could not go along with the result")
    result: ResultFile | None
    views: dict[str, Any] | None = Field(
        description="of a job with `pixels`: units and sizes, and the frames that are kept"
    )
    expires: str | None = Field(description="when it is removed, UTC")


class Session(BaseModel):
    """Whether a token is asked for, and whether this browser has shown it."""

    needed: bool
    admitted: bool


class Token(BaseModel):
    """What a browser trades for a cookie."""

    token: str = Field(max_length=4096, examples=["the token that the server was started with"])


def state_of(ticket: Ticket, queue: Queue) -> JobState:
    """A ticket, as it is told."""
    state = ticket.state  # before the outcome, which is there when the state says so
    outcome, order = ticket.outcome, ticket.order
    assert order is not None
    found = ticket.diagnosis
    unit: Unit = "display" if ticket.views is None else ticket.views["before"]["unit"]
    views = None
    if ticket.views is not None and order.views is not None:
        views = {**ticket.views, "frames": frames_in(order.views)}
    ended = state in ENDED
    file = result_of(ticket) if state == "done" else None
    try:
        size = 0 if file is None else file.stat().st_size
    except OSError:  # it has gone just now
        file, size = None, 0
    return JobState(
        id=ticket.id,
        name=order.name,
        state=state,
        ahead=queue.ahead(ticket) if state == "queued" else 0,
        progress=round(ticket.progress, 4),
        frames=ticket.frames,
        diagnosis=None if found is None else found.as_dict(),
        words=[] if found is None else sentences(found, unit),
        steps=[] if outcome is None else list(outcome.steps),
        error=None if outcome is None or not ended else outcome.error,
        suspect=None if outcome is None else outcome.suspect,
        left=[] if outcome is None else list(outcome.left),
        result=None if file is None else ResultFile(name=result_name(ticket), bytes=size, media_type=media_type(file)),
        views=views,
        expires=None if ticket.ended is None else _time(ticket.ended + queue.keep),
    )


def result_of(ticket: Ticket) -> Path | None:
    """The file of a result, where there is one."""
    if ticket.state != "done" or ticket.outcome is None or ticket.outcome.written is None:
        return None
    path = Path(ticket.outcome.written)
    return path if path.is_file() else None


def result_name(ticket: Ticket) -> str:
    """What a result is called: as its input, with the suffix of what it is."""
    assert ticket.order is not None
    assert ticket.outcome is not None
    return Path(ticket.order.name).stem + Path(ticket.outcome.written or "").suffix


def media_type(path: Path) -> str:
    """What a file is, by its suffix."""
    return MEDIA_TYPES.get(path.suffix, "application/octet-stream")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
