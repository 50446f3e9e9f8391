"""Mend files by a server: `python client.py http://127.0.0.1:8000 roof.jpg flight.seq` (needs httpx)."""

import os
import sys
import time
from pathlib import Path

import httpx


def mended(client: httpx.Client, path: Path, **asked: str) -> Path:
    """Send a file, wait for it, and write the result beside it; asks again where the server is full."""
    while True:
        with path.open("rb") as file:
            answer = client.post("/api/v1/jobs", files={"file": (path.name, file)}, data=asked)
        if answer.status_code != 429:
            break
        time.sleep(int(answer.headers["Retry-After"]))
    if answer.status_code != 202:
        raise SystemExit(answer.json()["error"])
    job = f"/api/v1/jobs/{answer.json()['id']}"
    while (state := client.get(job).json())["state"] in ("queued", "running"):
        time.sleep(0.2)
    if state["error"]:
        raise SystemExit(state["error"])
    print(path.name, *state["words"], sep="\n  ")
    target = path.with_name(f"{path.stem}.mended{Path(state['result']['name']).suffix}")
    with client.stream("GET", f"{job}/result") as result, target.open("xb") as file:
        for piece in result.iter_bytes():
            file.write(piece)
    client.delete(job)
    return target


if __name__ == "__main__":
    token = os.environ.get("THERMEND_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=sys.argv[1], headers=headers, timeout=60) as connection:
        for name in sys.argv[2:]:
            print(mended(connection, Path(name)))
