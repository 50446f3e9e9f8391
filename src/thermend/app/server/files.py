"""Files as answers."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import FileResponse, JSONResponse
from starlette.types import Message, Receive, Scope, Send


class KeptFile(FileResponse):
    """A file that its owner may remove, even between the look whether it is there and its first byte: then 404."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await super().__call__(scope, receive, noted)
        except (OSError, RuntimeError):
            if Path(self.path).is_file():
                raise
            if not begun:  # else the connection is cut off, which is all that can be said by now
                await JSONResponse({"error": "it has just been removed"}, 404)(scope, receive, send)
