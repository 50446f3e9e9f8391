"""A server as a user starts it, and clients of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from command import COMMAND

import thermend


@contextmanager
def running(folder: Path, *words: object, token: str | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start it at a free port, with its files below a folder; its address, and its process."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    environment.pop("THERMEND_TOKEN", None)
    if token is not None:
        environment["THERMEND_TOKEN"] = token
    with (folder / "standard-error").open("w") as errors:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("thermend: http://"), line + (folder / "standard-error").read_text()
            yield line.split()[1], process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
            process.stdout.close()  # type: ignore[union-attr]
    said = (folder / "standard-error").read_text()
    assert "Traceback" not in said, said


def ended(client: httpx.Client, identity: str, within: float = 240) -> dict:
    """A job, once it has ended."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        found = client.get(f"/api/v1/jobs/{identity}").json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"still {found['state']}")


def submitted(client: httpx.Client, path: Path, **fields: object) -> str:
    """Send a file; the job's name."""
    with path.open("rb") as file:
        answer = client.post(
            "/api/v1/jobs", files={"file": (path.name, file)}, data={k: str(v) for k, v in fields.items()}
        )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def scene_file(path: Path, scene: np.ndarray, seed: int = 0, kind: str = "counts") -> Path:
    """A noisy image of the scene: 16-bit counts, or an 8-bit picture."""
    rng = np.random.default_rng(seed)
    noisy = scene + rng.normal(0, 0.02, scene.shape)
    if kind == "counts":
        thermend.write(thermend.ThermalImage.from_array((20000 + 2000 * noisy).astype(np.uint16)), path)
    else:
        thermend.write(thermend.ThermalImage.from_array(np.clip(255 * noisy, 0, 255).astype(np.uint8)), path)
    return path
