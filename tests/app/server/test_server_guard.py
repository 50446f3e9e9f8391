"""Who is let in: hosts, origins, tokens, cookies; without a server, one request after another through the guard."""

from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("starlette", reason="needs the server extra")

from thermend.app.server.guard import Guard, Sessions, name_of
from thermend.app.server.settings import Settings
from thermend.errors import UsageError


async def _inner(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"in"})


def asked(guard: Guard, path: str = "/api/v1/methods", **headers: str | list[str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer; `host` is this machine's unless said."""
    sent = []
    headers.setdefault("host", "127.0.0.1:8000")
    pairs = [
        (n.replace("_", "-"), v) for n, given in headers.items() for v in ([given] if isinstance(given, str) else given)
    ]
    scope = {"type": "http", "path": path, "headers": [(n.encode(), v.encode()) for n, v in pairs]}

    async def send(message):
        sent.append(message)

    asyncio.run(guard(scope, None, send))
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, sent[1]["body"]


def guard(**settings) -> Guard:
    made = Settings(**settings)
    return Guard(_inner, made, Sessions(made.token), frozenset({"/page/app.js"}))


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000"])
def test_this_machine_s_names_are_known(host):
    assert asked(guard(), host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8000",
        "",
        "a@localhost",
        "localhost/x",
        "[::1",
        "10.0.0.1",
    ],
)
def test_other_names_are_misdirected(host):
    """A name of somebody else's that leads to this machine (DNS rebinding) reaches nothing."""
    status, _, body = asked(guard(), host=host)
    assert status == 421
    assert body != b"in"


def test_one_host_is_named():
    assert asked(guard(), host=["localhost", "evil.example"])[0] == 421
    assert asked(guard(), host=[])[0] == 421


def test_a_proxy_s_name_is_known_where_it_is_allowed():
    behind = guard(allowed_hosts=("thermal.example.org",))
    assert asked(behind, host="thermal.example.org")[0] == 200
    assert asked(behind, host="thermal.example.org", origin="https://thermal.example.org")[0] == 200
    assert asked(behind, host="127.0.0.1:8000", origin="https://thermal.example.org")[0] == 200
    assert asked(behind, host="other.example.org")[0] == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost:9000", "null", "file://", "http://127.0.0.1"]
)
def test_requests_from_other_origins_are_refused(origin):
    assert asked(guard(), origin=origin)[0] == 403
    assert asked(guard(), path="/", origin=origin)[0] == 403


def test_requests_of_our_own_page_are_answered():
    assert asked(guard(), origin="http://127.0.0.1:8000", sec_fetch_site="same-origin")[0] == 200
    assert asked(guard(), sec_fetch_site="none")[0] == 200


def test_other_sites_may_link_to_the_page_and_to_nothing_else():
    assert asked(guard(), path="/", sec_fetch_site="cross-site")[0] == 200
    assert asked(guard(), sec_fetch_site="cross-site")[0] == 403
    assert asked(guard(), path="/page/app.js", sec_fetch_site="cross-site")[0] == 403


def test_a_token_is_asked_for_everywhere_but_where_nothing_is_told():
    closed = guard(token="open sesame")
    assert asked(closed)[0] == 401
    assert asked(closed)[1]["www-authenticate"] == "Bearer"
    assert asked(closed, path="/openapi.json")[0] == 401
    for path in ("/", "/page/app.js", "/api/v1/health", "/api/v1/session"):
        assert asked(closed, path=path)[0] == 200
    assert asked(closed, authorization="Bearer open sesame")[0] == 200
    assert asked(closed, authorization="bearer open sesame")[0] == 200


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", "Bearer open", "Basic open sesame", "open sesame", "Bearer open sesame2", "Bearer öpen", ""],
)
def test_wrong_tokens_are_refused(given):
    assert asked(guard(token="open sesame"), authorization=given)[0] == 401


def test_a_cookie_is_worth_the_token_until_it_is_ended():
    closed = guard(token="open sesame")
    secret, seconds = closed.sessions.begin()
    assert seconds > 3600
    assert asked(closed, cookie=f"other=1; thermend={secret}")[0] == 200
    assert asked(closed, cookie="thermend=guessed")[0] == 401
    assert asked(closed, cookie="thermend=open sesame")[0] == 401
    closed.sessions.end(f"thermend={secret}")
    assert asked(closed, cookie=f"thermend={secret}")[0] == 401


def test_a_cookie_ends_by_itself(monkeypatch):
    closed = guard(token="open sesame")
    secret, seconds = closed.sessions.begin()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds + 1)
    assert asked(closed, cookie=f"thermend={secret}")[0] == 401


def test_the_token_itself_is_not_kept():
    assert "sesame" not in repr(vars(guard(token="open sesame").sessions))


def test_browsers_are_told_to_allow_little():
    _, headers, _ = asked(guard())
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert not any(name.startswith("access-control") for name in headers)
    assert asked(guard(), host="evil.example")[1]["content-security-policy"] == policy


def test_any_address_by_number_is_known_where_all_are_listened_at():
    open_to_all = guard(host="0.0.0.0", token="t")
    assert asked(open_to_all, host="192.168.1.7:8000", authorization="Bearer t")[0] == 200
    assert asked(open_to_all, host="some.name", authorization="Bearer t")[0] == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "thermal.example.org"])
def test_no_other_machine_reaches_a_server_without_a_token(host):
    with pytest.raises(UsageError, match="token"):
        Settings(host=host)
    assert Settings(host=host, token="t").token == "t"


@pytest.mark.parametrize("token", ["", "  ", " t", "tä", "a\nb"])
def test_tokens_that_no_header_carries_are_refused(token):
    with pytest.raises(UsageError, match="token"):
        Settings(token=token)


@pytest.mark.parametrize(
    "wrong",
    [{"port": 70000}, {"queue": 0}, {"seconds": -1}, {"keep_minutes": float("nan")}, {"allowed_hosts": ("https://x",)}],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        Settings(**wrong)


def test_names_are_read_from_hosts():
    assert name_of("Example.org:80") == "example.org"
    assert name_of("[::1]:80") == "::1"
    assert name_of("example.org:port") is None
    assert name_of("user@example.org") is None


def test_web_sockets_are_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guard()({"type": "websocket", "path": "/", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
