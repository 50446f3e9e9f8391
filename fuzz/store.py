"""An S3 server on this machine that fails on purpose (moto behind a door that sometimes stays shut).

    python fuzz/store.py [--port 0] [--errors SHARE] [--slow SHARE] [--seed N]

Prints its address. `SHARE` of the requests are answered with 500 or 503, before or after they are carried out, or half a second
late; ``PUT /faults?errors=0.1&slow=0.1&parts=1`` changes that (`parts`: so many parts of multipart uploads are refused), and
``GET /faults`` says how many there were.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ANSWER = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>on purpose</Message></Error>'


class Door:
    """A WSGI application in front of another."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], errors: float, slow: float, seed: int) -> None:
        self.inner = inner
        self.shares: dict[str, float] = {"errors": errors, "slow": slow, "parts": 0}
        self.done = {"errors": 0, "late errors": 0, "slow": 0, "parts": 0, "requests": 0}
        self.draw, self.lock, self.inside = random.Random(seed), threading.Lock(), threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/faults":
            return self._settings(environ, start)
        with self.lock:
            self.done["requests"] += 1
            is_part = "partNumber=" in environ.get("QUERY_STRING", "") and environ["REQUEST_METHOD"] == "PUT"
            refused = is_part and self.shares["parts"] > 0
            if refused:
                self.shares["parts"] -= 1
                self.done["parts"] += 1
            slow = self.draw.random() < self.shares["slow"]
            wrong = self.draw.random() < self.shares["errors"]
            late = wrong and self.draw.random() < 0.3
        if slow:
            self.done["slow"] += 1
            time.sleep(0.5)
        if refused or (wrong and not late):
            self.done["errors"] += not refused
            return self._refuse(environ, start)
        if late:  # it is carried out, and the answer is lost
            self.done["late errors"] += 1
            self._carried_out(environ, lambda *_: lambda data: None)
            return self._refuse(environ, start, read=False)
        return self._carried_out(environ, start)

    def _carried_out(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """One after another: moto's threads see one another's objects before they are there."""
        with self.inside:
            return [b"".join(self.inner(environ, start))]

    def _refuse(self, environ: dict[str, Any], start: Callable[..., Any], read: bool = True) -> Iterable[bytes]:
        if read:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"].read(length)
        status, code = self.draw.choice(
            (("500 Internal Server Error", b"InternalError"), ("503 Slow Down", b"SlowDown"))
        )
        start(status, [("Content-Type", "application/xml")])
        return [ANSWER % code]

    def _settings(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        for name, values in parse_qs(environ.get("QUERY_STRING", "")).items():
            self.shares[name] = float(values[0])
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self.done).encode()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--errors", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    door = Door(DomainDispatcherApplication(create_backend_app), given.errors, given.slow, given.seed)
    server = make_server("127.0.0.1", given.port, door, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
