"""The server put together, as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from thermend.app.server import routes
from thermend.app.server.guard import Guard, Sessions
from thermend.app.server.settings import Settings
from thermend.jobs.queue import Queue
from thermend.jobs.standing import Limits
from thermend.version import __version__

PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """The page's own files by the path that they are asked for: read once, so that no request's path reaches the disk."""
    found = {f"/page/{path.name}": (path.read_bytes(), _TYPES[path.suffix]) for path in sorted(PAGE.iterdir())}
    return {"/": found.pop("/page/index.html"), **found}


def application(settings: Settings, folder: Path) -> ASGIApp:
    """Everything that answers requests; the queue lives from the first to the last.

    Parameters
    ----------
    settings : Settings
    folder : Path
        for uploads and results (:func:`thermend.app.server.private.private_folder`)
    """
    sessions = Sessions(settings.token)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        queue = app.state.queue = Queue(
            folder,
            Limits(settings.seconds, settings.memory_megabytes, settings.pixels),
            workers=settings.workers,
            waiting=settings.queue,
            keep=60 * settings.keep_minutes,
            storage=settings.storage_megabytes * 2**20,
        )
        try:
            yield
        finally:
            await asyncio.to_thread(queue.close)

    app = FastAPI(
        title="thermend",
        version=__version__,
        description="Mends thermal-infrared images: stripes, noise, blur, low contrast; temperatures are kept.",
        docs_url=None,  # they would ask a host of somebody else's for their scripts
        redoc_url=None,
        lifespan=life,
    )
    app.state.sessions, app.state.settings = sessions, settings
    app.include_router(routes.router)
    app.add_exception_handler(HTTPException, routes.problem)
    app.add_exception_handler(RequestValidationError, routes.misuse)
    app.add_exception_handler(Exception, routes.problem)
    files = page_files()

    async def page(request: Request) -> Response:
        body, kind = files[request.url.path]
        return Response(body, media_type=kind, headers={"Cache-Control": "no-cache"})

    for path in files:
        app.add_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)
    return Guard(app, settings, sessions, frozenset(files))
