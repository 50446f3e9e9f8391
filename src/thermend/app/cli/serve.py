"""`thermend serve`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from thermend.app.cli import console
from thermend.app.server.settings import Settings
from thermend.errors import MissingDependencyError, UsageError
from thermend.jobs import executors

_WAITS = 128  # connections that the system holds until they are taken
_ENDS = 3  # s that requests are given when the server is to end


def run(settings: Settings, say: Callable[[str], None] = print) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError
        the address cannot be had, or a package is missing
    """
    try:
        import uvicorn

        from thermend.app.server.application import application
        from thermend.app.server.private import private_folder
    except ImportError as error:
        raise MissingDependencyError(
            f"the server needs more packages ({error.name} is missing): pip install 'thermend[server]'"
        ) from error
    executors.quieten_libraries()
    listening = _bound(settings)
    port = listening.getsockname()[1]

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.started:
                return
            say(f"thermend: http://{_shown(settings.host)}:{port} (Ctrl-C ends it)")

    with listening, private_folder() as folder:
        config = uvicorn.Config(
            application(settings, folder),
            log_level="warning",
            access_log=False,  # it would hold what is nobody's business
            server_header=False,
            lifespan="on",
            ws="none",
            backlog=_WAITS,
            timeout_graceful_shutdown=_ENDS,
        )
        server = Server(config)
        with contextlib.suppress(KeyboardInterrupt, SystemExit):  # uvicorn raises a signal again once all is put away
            server.run(sockets=[listening])
        if not server.started:
            raise UsageError("the server could not be started")
    return console.DONE


def _bound(settings: Settings) -> socket.socket:
    """A socket at the address."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise UsageError(f"{settings.host}:{settings.port} cannot be had: {error.strerror or error}") from error
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
