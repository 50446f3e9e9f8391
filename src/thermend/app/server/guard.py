"""Who is let in, and what browsers are told to allow: around the whole application, before anything of it runs."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thermend.app.server.settings import LOOPBACK, Settings

COOKIE = "thermend"
UPLOADS = "/api/v1/jobs"
_BODY = 64 * 1024
"""Bytes of a request that is no upload."""
_SESSION = 12 * 3600.0  # s
_MOST_SESSIONS = 1000
OPEN = ("/", "/api/v1/health", "/api/v1/session")
"""Paths that need no token, beside the page's own files: they tell nothing."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class TooLongError(Exception):
    """The body of a request that is no upload has no end."""


class Sessions:
    """Browsers that have shown the token once; forgotten when the process ends.

    Parameters
    ----------
    token : str or None
        None lets everybody in
    """

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else _hashed(token)
        self._sessions: dict[bytes, float] = {}

    @property
    def is_open(self) -> bool:
        """Whether no token is asked for."""
        return self._token is None

    def knows(self, token: str) -> bool:
        """Whether that is the token; takes as long for a wrong one."""
        return self._token is None or hmac.compare_digest(_hashed(token), self._token)

    def begin(self) -> tuple[str, int]:
        """What a cookie holds from now on, and for how many seconds."""
        now = time.time()
        alive = sorted(((k, end) for k, end in self._sessions.items() if end > now), key=lambda pair: pair[1])
        self._sessions = dict(alive[-_MOST_SESSIONS + 1 :])
        secret = secrets.token_urlsafe(32)
        self._sessions[_hashed(secret)] = now + _SESSION
        return secret, int(_SESSION)

    def admits(self, authorization: str | None, cookie: str | None) -> bool:
        """Whether a request brings the token, or the cookie of a browser that has shown it."""
        if self._token is None:
            return True
        kind, _, given = (authorization or "").partition(" ")
        if kind.lower() == "bearer":  # another kind is a proxy's affair
            return self.knows(given.strip())
        secret = _secret_in(cookie)
        return secret is not None and self._sessions.get(_hashed(secret), 0.0) > time.time()

    def end(self, cookie: str | None) -> None:
        """Forget a browser."""
        if secret := _secret_in(cookie):
            self._sessions.pop(_hashed(secret), None)


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _secret_in(cookie: str | None) -> str | None:
    """What our cookie holds; others, whatever they look like, are passed over."""
    for part in (cookie or "").split(";"):
        name, sign, value = part.strip().partition("=")
        if sign and name == COOKIE:
            return value.strip('"')
    return None


class Guard:
    """Checks host, origin and token of every request, and adds the headers.

    A page of somebody else's must reach nothing here: by a name of theirs that leads to this machine (the host is none of ours:
    421) or by a request across origins (403); and no form of theirs carries the cookie (``SameSite=Strict``).
    """

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, files: frozenset[str]) -> None:
        self.app, self.settings, self.sessions, self.files = app, settings, sessions, files
        self.names = {name.lower() for name in (*settings.allowed_hosts, settings.host)}
        if settings.is_local or settings.takes_any_address:
            self.names |= set(LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await answer(sent, *refusal)
            return
        if scope["path"] == UPLOADS and scope["method"] == "POST":  # which are counted as they come
            await self.app(scope, receive, sent)
            return
        read = 0

        async def received() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > _BODY:
                raise TooLongError
            return message

        try:
            await self.app(scope, received, sent)
        except TooLongError:
            await answer(sent, 413, "the request is too long")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, where a request is not let in."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 421, "this server is not known by that name (--allow-host adds one)"
        for origin in headers.get("origin", []):
            if not self._same(origin, hosts[0]):
                return 403, "requests from other sites are not answered"
        if headers.get("sec-fetch-site", ["none"])[0] in ("cross-site", "same-site") and scope["path"] != "/":
            return 403, "requests from other sites are not answered"
        if scope["path"] in OPEN or scope["path"] in self.files:
            return None
        cookies = "; ".join(headers.get("cookie", [])) or None
        if not self.sessions.admits(headers.get("authorization", [None])[0], cookies):  # type: ignore[list-item]
            return 401, "the token is missing or wrong"
        return None

    def _is_ours(self, host: str) -> bool:
        name = name_of(host)
        if name is None:
            return False
        if name in self.names:
            return True
        return self.settings.takes_any_address and _is_address(name)  # which no other site's name can be

    def _same(self, origin: str, host: str) -> bool:
        """Whether a page of ours asks: it came by this host, or by a proxy's name that was allowed."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or (name_of(parts.netloc) or "") in {
            name.lower() for name in self.settings.allowed_hosts
        }


def name_of(host: str) -> str | None:
    """The name in a Host header, without the port; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def answer(send: Send, status: int, reason: str) -> None:
    """Answer a request with an error, as the API has them."""
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"www-authenticate", b"Bearer")] * (status == 401) + [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
