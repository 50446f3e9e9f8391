"""Files as answers, without a server."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the server extra")
httpx = pytest.importorskip("httpx", reason="needs httpx")

import asyncio  # noqa: E402

from thermend.app.server.files import KeptFile  # noqa: E402


def asked(answer: KeptFile) -> tuple[int, bytes, bool]:
    """What is sent: the status, the body, and whether it was ended."""
    sent: list[dict] = []

    async def send(message):
        sent.append(dict(message))

    async def receive():
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    asyncio.run(answer(scope, receive, send))
    assert [message["type"] for message in sent].count("http.response.start") == 1
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body, not sent[-1].get("more_body", False) and sent[-1]["type"] == "http.response.body"


def test_a_file_is_sent(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"pixels")
    assert asked(KeptFile(tmp_path / "a.tif")) == (200, b"pixels", True)


def test_a_file_that_went_is_not_found(tmp_path):
    assert asked(KeptFile(tmp_path / "a.tif")) == (404, b'{"error":"it has just been removed"}', True)


def test_a_file_that_goes_after_the_first_word_is_cut_off(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    answer = KeptFile(path, stat_result=path.stat())
    path.unlink()
    status, body, whole = asked(answer)
    assert (status, body, whole) == (200, b"", False)


def test_other_faults_are_faults(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    answer = KeptFile(path)
    monkeypatch.setattr("anyio.open_file", _refused)
    with pytest.raises(PermissionError):
        asked(answer)


async def _refused(*_, **__):
    raise PermissionError("no")
