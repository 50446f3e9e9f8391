"""The server under load: many clients at once, that repeat where it is full, hang up, and see it killed.

    python benchmarks/server.py [--uploads 1000] [--clients 50] [--queue 16] [--page docs/server.md]

Every upload is one of ten rendered scenes of 640 x 512 pixels with noise, of 16 bits, and every result is compared with what
the package gives for that scene. Everything goes over this machine's loopback.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
from pages import put, table

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.machine import cores, processor

SCENES = 10
EARLY = 100
COMMAND = "from thermend.app.cli.main import run; run()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(given, Path(folder))
        try:
            rows = soak.rows()
        finally:
            soak.server.kill()
            soak.server.wait()
    lines = table(("", "measured", "at most"), rows)
    print("\n".join(lines))
    if given.page:
        where = (
            f"{cores()} cores, {processor()}; {given.uploads} uploads, {given.clients} clients, --queue {given.queue}."
        )
        put(given.page, "load", [where, "", *lines])


class Soak:
    """One run of a server, and another after it was killed."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.given, self.folder = given, folder
        self.inputs = [scene_file(number) for number in range(SCENES)]
        restorer = thermend.load("auto")
        self.wanted = [restorer.restore(thermend.read(data)).pixels for data in self.inputs]
        self.memory: dict[int, float] = {}
        self.done = self.refused = 0
        self.waits: list[float] = []
        self.lock = threading.Lock()

    def start(self) -> None:
        words = [sys.executable, "-c", COMMAND, "serve", "--port", "0", "--queue", str(self.given.queue)]
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        self.server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.server.stdout is not None
        found = re.search(r"http://\S+", self.server.stdout.readline())
        assert found is not None
        self.address = found[0]

    def resident(self) -> float:
        """Memory of the server and of what it started, MB."""
        process = psutil.Process(self.server.pid)
        return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20

    def rows(self) -> list[tuple[str, str, str]]:
        self.start()
        with httpx.Client(base_url=self.address, timeout=600) as client:
            self.one(client, 0)  # the methods are loaded
            single = float(np.median([self.one(client, number) for number in range(5)]))
        self.waits.clear()
        self.done = 0
        begun = time.monotonic()
        with ThreadPoolExecutor(self.given.clients) as clients:
            list(clients.map(self.client, range(self.given.clients)))
        seconds = time.monotonic() - begun
        late = self.resident()
        (early,) = self.memory.values()
        queue, done = self.given.queue, self.done
        p95 = float(np.percentile(self.waits, 95))
        self.hang_up(self.given.clients)
        with httpx.Client(base_url=self.address, timeout=600) as client:
            self.one(client, 1)  # it goes on
            unread = client.post("/api/v1/jobs", files={"file": ("roof.png", self.inputs[2])}).json()["id"]
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        self.start()
        status = httpx.get(f"{self.address}/api/v1/jobs/{unread}").status_code
        left = len(list(self.folder.glob(f"thermend-serve-*/*/{unread}")))
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()
        after = len(list(self.folder.glob("thermend-serve-*/tmp*")))
        return [
            ("uploads done, each with its own result", f"{done} of {self.given.uploads}", ""),
            ("answered 429 and repeated", f"{self.refused}", ""),
            ("files a second", f"{done / seconds:.2f}", ""),
            ("one request alone", f"{single:.2f} s", ""),
            (
                "95th percentile of an accepted request, over (queue + 1) requests alone",
                f"{p95 / ((queue + 1) * single):.2f} ({p95:.1f} s)",
                "1.5",
            ),
            (
                f"memory at the end over that after {min(self.memory)} uploads",
                f"{late / early:.2f} ({late:.0f} MB)",
                "1.2",
            ),
            ("after half of the clients hung up", "the next is done", ""),
            ("killed and started: a job of before", f"{status}, {left} of its files left", "404, 0"),
            ("ended in order: folders left", str(after), "0"),
        ]

    def client(self, number: int) -> None:
        with httpx.Client(base_url=self.address, timeout=600) as client:
            for upload in range(number, self.given.uploads, self.given.clients):
                self.one(client, upload)

    def one(self, client: httpx.Client, number: int) -> float:
        """Send one, until it is taken, and hold its result against what it has to be; seconds from its acceptance."""
        scene = number % SCENES
        while True:
            answer = client.post("/api/v1/jobs", files={"file": (f"{scene}.png", self.inputs[scene])})
            if answer.status_code != 429:
                break
            with self.lock:
                self.refused += 1
            time.sleep(float(answer.headers["retry-after"]) * (0.5 + random.random()))
        assert answer.status_code == 202, answer.text
        begun, job = time.monotonic(), f"/api/v1/jobs/{answer.json()['id']}"
        while (found := client.get(job).json())["state"] in ("queued", "running"):
            time.sleep(0.05)
        waited = time.monotonic() - begun
        assert found["state"] == "done", found
        made = thermend.read(client.get(f"{job}/result").content).pixels
        assert np.abs(made - self.wanted[scene]).max() <= 0.5, "another's result"
        client.delete(job)
        with self.lock:
            self.waits.append(waited)
            self.done += 1
            if self.done >= min(EARLY, self.given.uploads // 2) and not self.memory:
                self.memory[self.done] = self.resident()
        return waited

    def hang_up(self, clients: int) -> None:
        """Half of so many clients go away in the middle of a file, the others after it, without waiting."""
        host, port = self.address.removeprefix("http://").split(":")
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for number in range(clients):
            body = head + self.inputs[0] + b"\r\n--x--\r\n"
            request = f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
            request += "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(request.encode() + (body[: len(body) // 2] if number % 2 else body))


def scene_file(number: int) -> bytes:
    """A rendered scene with noise, as a PNG of 16 bits."""
    scene = scene_picture(0, number)
    counts = 20000 + 4000 * scene + np.random.default_rng(number).normal(0, 40, scene.shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.png"
        thermend.write(thermend.ThermalImage.from_array(np.clip(np.rint(counts), 0, 65535).astype(np.uint16)), path)
        return path.read_bytes()


if __name__ == "__main__":
    main()
