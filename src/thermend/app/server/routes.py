"""`/api/v1`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from thermend.app.server.answers import (
    Accepted,
    Health,
    JobState,
    MethodRow,
    Problem,
    Session,
    Token,
    media_type,
    result_name,
    result_of,
    state_of,
)
from thermend.app.server.archive import zipped
from thermend.app.server.files import KeptFile
from thermend.app.server.guard import COOKIE, Sessions
from thermend.app.server.settings import Settings
from thermend.app.server.uploads import RefusedError, Upload, discard, received, stated_size
from thermend.errors import UsageError
from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES, ReadOptions, palettes
from thermend.io.kinds import suffix_of
from thermend.jobs.enhance import Enhance
from thermend.jobs.queue import ENDED, FullError, Queue, Ticket
from thermend.jobs.sources import Input
from thermend.jobs.standing import Order
from thermend.jobs.views import path_of
from thermend.methods import list_methods
from thermend.version import __version__

router = APIRouter(prefix="/api/v1")

_LOOKS = 0.1  # s between two looks at a job whose events are sent
_BREATH = 15.0  # s after which a line says that the connection lives
_MOST_IDS = 1000
_FIELDS = {
    "mode": {"type": "string", "enum": ["auto", "radiometric", "display"], "default": "auto"},
    "method": {
        "type": "string",
        "default": "auto",
        "description": "as /api/v1/methods names them; a+b, one after another",
    },
    "scale": {"type": "integer", "enum": [1, 2, 4], "default": 1},
    "contrast": {"type": "string", "enum": ["auto", "keep", "stretch"], "default": "auto"},
    "unit": {
        "type": "string",
        "enum": ["celsius", "kelvin", "centikelvin", "fahrenheit", "counts"],
        "description": "what the stored numbers are, where the file does not say",
    },
    "trust": {"type": "boolean", "default": False, "description": "hold the result against what was measured"},
    "pixels": {"type": "boolean", "default": False, "description": "keep the pixels of both, for /pixels"},
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}, **_FIELDS},
                },
                "example": {"file": "(the bytes of roof.jpg)", "mode": "radiometric", "scale": 2},
            }
        },
    }
}
_GONE: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "no such job, or it was removed"}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the form was cut off"},
    413: {"model": Problem, "description": "too large"},
    422: {"model": Problem, "description": "a field is wrong"},
    429: {"model": Problem, "description": "too many wait; Retry-After says when to ask again"},
}


def _queue(request: Request) -> Queue:
    queue: Queue = request.app.state.queue
    return queue


def _ticket(request: Request, identity: str) -> Ticket:
    ticket = _queue(request).find(identity)
    if ticket is None:
        raise HTTPException(404, "no such job, or it was removed")
    return ticket


@router.get("/health", summary="Whether the server works")
def health(request: Request) -> Health:
    """Whether the server works; with the token, how much it has to do."""
    sessions: Sessions = request.app.state.sessions
    if not sessions.admits(request.headers.get("authorization"), request.headers.get("cookie")):
        return Health()
    return Health(version=__version__, **_queue(request).counts())


@router.get("/methods", summary="The methods")
def methods() -> list[MethodRow]:
    """What ``thermend methods --json`` prints, and a title each."""
    keys = MethodRow.model_fields
    return [MethodRow(**{key: getattr(entry, key) for key in keys}) for entry in list_methods()]


@router.get("/palettes", summary="Colours from cold to hot")
def all_palettes() -> dict[str, list[str]]:
    """Each palette as 256 colours, ``rrggbb``."""
    return {name: [bytes(map(int, rgb)).hex() for rgb in palettes.table(name)] for name in palettes.PALETTES}


@router.get("/formats", summary="Names of files that are read")
def formats() -> dict[str, list[str]]:
    """Suffixes of images and of recordings."""
    return {"images": list(READABLE_SUFFIXES), "recordings": list(RECORDING_SUFFIXES)}


@router.get("/session", summary="Whether a token is asked for")
def session(request: Request) -> Session:
    """Whether a token is asked for, and whether this browser has shown it."""
    sessions: Sessions = request.app.state.sessions
    admitted = sessions.admits(request.headers.get("authorization"), request.headers.get("cookie"))
    return Session(needed=not sessions.is_open, admitted=admitted)


@router.post("/session", status_code=204, summary="Trade the token for a cookie", responses={401: {"model": Problem}})
def begin_session(request: Request, given: Token) -> Response:
    """Trade the token, once, for a cookie that no script reads and no other site sends."""
    sessions: Sessions = request.app.state.sessions
    if not sessions.knows(given.token):
        raise HTTPException(401, "the token is wrong")
    secret, seconds = sessions.begin()
    answer = Response(status_code=204)
    answer.set_cookie(
        COOKIE, secret, max_age=seconds, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer


@router.delete("/session", status_code=204, summary="Forget this browser")
def end_session(request: Request) -> Response:
    """Forget this browser: its cookie is worth nothing from now on."""
    sessions: Sessions = request.app.state.sessions
    sessions.end(request.headers.get("cookie"))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.post("/jobs", status_code=202, summary="Mend a file", openapi_extra=_FORM, responses=_REFUSED)
async def submit(request: Request, answer: Response) -> Accepted:
    """Take a file in and put it into the queue."""
    most = request.app.state.settings.upload_megabytes * 2**20
    try:
        stated = stated_size(request)
        with _queue(request).arrival(most if stated is None else min(stated, most)) as ticket:
            upload = await received(request, ticket.folder, most)
            ticket.order = _order(upload, ticket, request.app.state.settings)
    except FullError as error:
        with contextlib.suppress(ClientDisconnect, RefusedError):
            await discard(request, most)
        raise HTTPException(429, str(error), {"Retry-After": str(error.retry_after)}) from None
    except RefusedError as error:
        raise HTTPException(error.status, error.reason, {"Connection": "close"}) from None
    except UsageError as error:
        raise HTTPException(422, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "the client went away") from None
    answer.headers["Location"] = f"/api/v1/jobs/{ticket.id}"
    return Accepted(id=ticket.id)


@router.get("/jobs", summary="Several jobs at once")
def several(request: Request, id: Annotated[list[str], Query(max_length=_MOST_IDS)]) -> list[JobState]:
    """Those of the named jobs that are still kept."""
    found = (_queue(request).find(identity) for identity in id)
    return [state_of(ticket, _queue(request)) for ticket in found if ticket is not None]


@router.get("/jobs/{id}", summary="How far a job is", responses=_GONE)
def job(request: Request, id: str) -> JobState:
    """How far a job is, what is wrong with its file, and what became of it."""
    return state_of(_ticket(request, id), _queue(request))


@router.delete("/jobs/{id}", status_code=204, summary="Cancel a job, or remove its result", responses=_GONE)
def remove(request: Request, id: str) -> Response:
    """Cancel a job, or remove its result; nothing of it is kept."""
    if not _queue(request).remove(id):
        raise HTTPException(404, "no such job, or it was removed")
    return Response(status_code=204)


@router.get(
    "/jobs/{id}/events",
    summary="A job's changes as they happen",
    response_class=StreamingResponse,
    responses={
        **_GONE,
        200: {"content": {"text/event-stream": {"example": 'event: job\ndata: {"state": "running"}\n\n'}}},
    },
)
async def events(request: Request, id: str) -> StreamingResponse:
    """Server-sent events, ``job``, each with what ``/jobs/{id}`` answers, until the job has ended."""
    ticket, queue = _ticket(request, id), _queue(request)

    async def changes() -> AsyncIterator[str]:
        seen, quiet = -1, 0.0
        while True:
            ended, version = ticket.state in ENDED, ticket.version
            if version != seen or ended:
                seen, quiet = version, 0.0
                yield f"event: job\ndata: {state_of(ticket, queue).model_dump_json()}\n\n"
            elif quiet > _BREATH:
                quiet = 0.0
                yield ": waiting\n\n"
            if ended or await request.is_disconnected():
                return
            await asyncio.sleep(_LOOKS)
            quiet += _LOOKS

    return StreamingResponse(changes(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.get(
    "/jobs/{id}/result",
    summary="The result",
    response_class=FileResponse,
    responses={
        **_GONE,
        200: {"content": {"image/tiff": {}, "image/png": {}, "video/mp4": {}}},
        409: {"model": Problem, "description": "it is not done yet, or failed"},
    },
)
def result(request: Request, id: str) -> FileResponse:
    """The bytes that ``thermend enhance`` writes for that file."""
    ticket = _ticket(request, id)
    if ticket.state in ("queued", "running"):
        raise HTTPException(409, "it is not done yet", {"Retry-After": "1"})
    path = result_of(ticket)
    if path is None:
        raise HTTPException(
            409, (ticket.outcome and (ticket.outcome.error or ticket.outcome.skipped)) or "has no result"
        )
    return KeptFile(path, media_type=media_type(path), filename=result_name(ticket))


@router.get(
    "/jobs/{id}/pixels",
    summary="Pixels of a frame",
    response_class=FileResponse,
    responses={**_GONE, 200: {"content": {"application/octet-stream": {}}}},
)
def pixels(
    request: Request,
    id: str,
    side: Literal["before", "after", "departure"],
    frame: Annotated[int, Query(ge=0, le=9_999_999)] = 0,
) -> FileResponse:
    """Float32 as NPY, of a job with ``pixels``: as it was read, what became of it, or how far that departs from what was
    measured (in units of its noise)."""
    ticket = _ticket(request, id)
    folder = None if ticket.order is None else ticket.order.views
    if folder is None or not (path := path_of(folder, side, frame)).is_file():
        raise HTTPException(404, "no such pixels are kept")
    return KeptFile(path, media_type="application/octet-stream")


@router.get(
    "/archive",
    summary="Several results as one ZIP file",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def archive(request: Request, id: Annotated[list[str], Query(max_length=_MOST_IDS)]) -> StreamingResponse:
    """The results of the named jobs that are done."""
    tickets = (_queue(request).find(identity) for identity in id)
    found = [(result_name(t), path) for t in tickets if t is not None and (path := result_of(t)) is not None]
    if not found:
        raise HTTPException(404, "none of these has a result")
    headers = {"Content-Disposition": 'attachment; filename="thermend.zip"'}
    return StreamingResponse(zipped(found), media_type="application/zip", headers=headers)


def _order(upload: Upload, ticket: Ticket, settings: Settings) -> Order:
    """What is asked for; raises UsageError where it makes no sense."""
    fields = dict(upload.fields)
    if unknown := sorted(set(fields) - set(_FIELDS)):
        raise UsageError(f"unknown field `{unknown[0][:40]}`; known are file, {', '.join(_FIELDS)}")
    asked: dict[str, Any] = {name: fields[name] for name in ("mode", "method", "contrast") if fields.get(name)}
    scale = fields.get("scale") or "1"
    if scale not in ("1", "2", "4"):
        raise UsageError(f"scale {scale[:40]}: expected 1, 2 or 4")
    most = max(1, settings.pixels // int(scale) ** 2)
    reading = ReadOptions(unit=fields.get("unit") or None, max_pixels=most)  # type: ignore[arg-type]
    job = Enhance(
        ticket.folder / "result",
        single=False,
        reading=reading,
        scale=int(scale),
        trust_map=_switch(fields, "trust"),
        threads=settings.threads,
        **asked,
    )
    job.check()
    views = None
    if _switch(fields, "pixels"):
        views = ticket.folder / "pixels"
        views.mkdir()
    path = _named_by_content(upload.path)
    return Order(job, Input(path, Path(path.name), path.stem), upload.name, views)


def _switch(fields: dict[str, str], name: str) -> bool:
    given = fields.get(name, "").lower()
    if given not in ("", "0", "1", "false", "true", "off", "on"):
        raise UsageError(f"{name} {given[:40]}: expected true or false")
    return given in ("1", "true", "on")


def _named_by_content(path: Path) -> Path:
    """A file without a known suffix gets the one of what it holds, if it is an image; the work says what is wrong else."""
    if path.suffix:
        return path
    try:
        return path.rename(path.with_suffix(suffix_of(path)))
    except Exception:
        return path


async def problem(_: Request, error: Exception) -> JSONResponse:
    """An error as one line of JSON."""
    status, headers = getattr(error, "status_code", 500), getattr(error, "headers", None)
    detail = getattr(error, "detail", "a fault of the server's own; please report it")
    return JSONResponse({"error": str(detail)}, status, headers)


async def misuse(_: Request, error: Exception) -> JSONResponse:
    """A request that does not fit its description, in one line."""
    found = error.errors()[0]  # type: ignore[attr-defined]
    place = ".".join(str(part) for part in found["loc"] if part not in ("query", "body", "path"))
    return JSONResponse({"error": f"{place}: {found['msg']}"}, 422)
