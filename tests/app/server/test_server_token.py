"""A server with a token, over HTTP: the page trades it for a cookie, and it is written nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the server extra")
httpx = pytest.importorskip("httpx", reason="needs httpx")

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from command import COMMAND, thermend  # noqa: E402
from serving import ended, running, scene_file, submitted  # noqa: E402

pytestmark = pytest.mark.slow
TOKEN = "a token, with words"


def test_the_token_is_traded_once_for_a_cookie(tmp_path, scene):
    source = scene_file(tmp_path / "roof.tif", scene)
    with running(tmp_path, token=TOKEN) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/api/v1/health").json()["version"] is None
        assert client.get("/api/v1/session").json() == {"needed": True, "admitted": False}
        assert client.post("/api/v1/jobs", files={"file": source.read_bytes()}).status_code == 401
        assert client.post("/api/v1/session", json={"token": "wrong"}).status_code == 401
        answer = client.post("/api/v1/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert ended(client, submitted(client, source))["state"] == "done"
        assert client.delete("/api/v1/session").status_code == 204
        client.cookies.clear()
        assert client.get("/api/v1/methods").status_code == 401
        assert client.get("/api/v1/methods", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/api/v1/methods", params={"token": TOKEN}).status_code == 401
        assert client.get("/api/v1/health", headers={"Host": "evil.example"}).status_code == 421
        assert (
            client.post("/api/v1/session", json={"token": TOKEN}, headers={"Origin": "http://evil"}).status_code == 403
        )
    written = (tmp_path / "standard-error").read_text()
    assert TOKEN not in written


def test_another_address_needs_a_token():
    done = thermend("serve", "--host", "0.0.0.0", "--port", 0)
    assert done.returncode == 2
    assert "token" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_address_that_is_taken_is_one_line(tmp_path):
    with running(tmp_path) as (address, _):
        done = thermend("serve", "--port", address.rpartition(":")[2])
    assert done.returncode == 2
    assert "cannot be had: Address already in use" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_is_missing_is_named_with_the_line_that_installs_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['uvicorn'] = None\n")
    words = [COMMAND, "serve"]
    done = subprocess.run(
        words, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 2
    assert "pip install 'thermend[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_the_server_s_own_is_one_line_without_a_trace(tmp_path, scene):
    """A result that goes while it is asked for."""
    with running(tmp_path) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        identity = submitted(client, scene_file(tmp_path / "roof.tif", scene))
        assert ended(client, identity)["state"] == "done"
        for path in tmp_path.glob(f"thermend-serve-*/*/{identity}/result/*"):
            path.unlink()
        answer = client.get(f"/api/v1/jobs/{identity}/result")
        assert answer.status_code == 409
        assert set(answer.json()) == {"error"}
