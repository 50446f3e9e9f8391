"""The server over HTTP: what it answers, what it refuses, what it leaves behind."""

from __future__ import annotations

import io as buffers
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the server extra")
httpx = pytest.importorskip("httpx", reason="needs httpx")

import thermend  # noqa: E402

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from command import COMMAND  # noqa: E402
from command import thermend as run_command  # noqa: E402
from serving import ended, running, scene_file, submitted  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with running(folder) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        client.folder = folder
        yield client


def test_a_result_is_what_the_command_writes(client, tmp_path, scene):
    source = scene_file(tmp_path / "roof.tif", scene)
    done = run_command("enhance", source, "-o", tmp_path / "out")
    assert done.returncode == 0
    identity = submitted(client, source)
    found = ended(client, identity)
    assert found["state"] == "done"
    assert found["progress"] == 1
    assert found["error"] is None
    assert found["diagnosis"] == thermend.diagnose(thermend.read(source)).as_dict() | {"stripe_forms": []}
    assert any("noise" in sentence for sentence in found["words"])
    answer = client.get(f"/api/v1/jobs/{identity}/result")
    assert answer.content == (tmp_path / "out/roof.tif").read_bytes()
    assert answer.headers["content-type"] == "image/tiff"
    assert 'filename="roof.tif"' in answer.headers["content-disposition"]
    assert found["result"] == {"name": "roof.tif", "bytes": len(answer.content), "media_type": "image/tiff"}


@pytest.mark.parametrize(
    "asked", [{"mode": "display", "scale": 2}, {"method": "classical.dct", "contrast": "auto"}, {"unit": "centikelvin"}]
)
def test_what_is_asked_for_is_done(client, tmp_path, scene, asked):
    source = scene_file(tmp_path / "roof.png", scene)
    words = [word for name, value in asked.items() for word in (f"--{name}", value)]
    assert run_command("enhance", source, "-o", tmp_path / "out", *words).returncode == 0
    (written,) = (tmp_path / "out").iterdir()
    identity = submitted(client, source, **asked)
    found = ended(client, identity)
    assert found["result"]["name"] == written.name
    assert client.get(f"/api/v1/jobs/{identity}/result").content == written.read_bytes()


def test_pixels_are_those_of_the_files(client, tmp_path, scene):
    source = scene_file(tmp_path / "roof.tif", scene)
    identity = submitted(client, source, pixels="true", trust="true")
    found = ended(client, identity)
    assert found["views"]["before"] == {"unit": "counts", "height": 192, "width": 240}
    assert found["views"]["frames"] == [0]
    sides = {}
    for side in ("before", "after", "departure"):
        answer = client.get(f"/api/v1/jobs/{identity}/pixels", params={"side": side})
        sides[side] = np.load(buffers.BytesIO(answer.content))
    (tmp_path / "result.tif").write_bytes(client.get(f"/api/v1/jobs/{identity}/result").content)
    np.testing.assert_array_equal(sides["before"], thermend.read(source).pixels)
    assert np.abs(sides["after"] - thermend.read(tmp_path / "result.tif").pixels).max() <= 0.5  # the file is rounded
    assert sides["departure"].shape == (192, 240)
    assert client.get(f"/api/v1/jobs/{identity}/pixels", params={"side": "elsewhere"}).status_code == 422
    assert client.get(f"/api/v1/jobs/{identity}/pixels", params={"side": "after", "frame": 3}).status_code == 404


def test_a_recording_is_mended_frame_by_frame_and_can_be_looked_at(client, tmp_path, scene):
    frames = np.stack([(20000 + 2000 * np.roll(scene, k, 1)).astype(np.uint16) for k in range(5)])
    np.save(tmp_path / "flight.npy", frames)
    identity = submitted(client, tmp_path / "flight.npy", pixels="1", trust="1")
    found = ended(client, identity)
    assert found["state"] == "done", found["error"]
    assert found["frames"] == [5, 5]
    assert found["views"]["frames"] == [0, 1, 2, 3, 4]
    last = client.get(f"/api/v1/jobs/{identity}/pixels", params={"side": "before", "frame": 4}).content
    np.testing.assert_array_equal(np.load(buffers.BytesIO(last)), frames[4])


def test_what_is_no_image_is_one_line_under_its_own_name(client, tmp_path):
    (tmp_path / "notes.tif").write_bytes(b"these are words, not pixels")
    found = ended(client, submitted(client, tmp_path / "notes.tif"))
    assert found["state"] == "failed"
    assert found["error"].startswith("notes.tif: is not an image")
    assert str(client.folder) not in json.dumps(found)
    assert client.get(f"/api/v1/jobs/{found['id']}/result").status_code == 409


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"method": "nothing-such"}, "nothing-such"),
        ({"mode": "pretty"}, "pretty"),
        ({"scale": "3"}, "1, 2 or 4"),
        ({"contrast": "more"}, "contrast"),
        ({"unit": "furlongs"}, "furlongs"),
        ({"weights": "/etc/passwd"}, "weights"),
        ({"trust": "perhaps"}, "true or false"),
        ({"method": "deal", "mode": "radiometric"}, "mode"),
    ],
)
def test_wrong_fields_are_refused_with_a_line(client, tmp_path, scene, fields, word):
    source = scene_file(tmp_path / "roof.tif", scene)
    answer = client.post("/api/v1/jobs", files={"file": ("roof.tif", source.read_bytes())}, data=fields)
    assert answer.status_code == 422
    assert word in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_forms_that_are_none_are_refused(client):
    assert client.post("/api/v1/jobs", content=b"abc").status_code == 415
    head = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/api/v1/jobs", content=b"abc", headers=head).status_code == 400
    assert client.post("/api/v1/jobs", content=b"--x\r\n", headers=head).status_code == 400
    assert client.post("/api/v1/jobs", data={"mode": "auto"}, files={"other": b"x"}).status_code == 422
    assert client.post("/api/v1/jobs", files={"file": ("empty.png", b"")}).status_code == 422
    two = [("file", ("a.png", b"x")), ("file", ("b.png", b"y"))]
    assert client.post("/api/v1/jobs", files=two).status_code == 422
    assert client.post("/api/v1/jobs", data={"mode": "x" * 5000}, files={"file": b"x"}).status_code == 413


@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/x.png", "..\\..\\x.png", "/etc/passwd", "a\x00b.png", ".", "x.png/"]
)
def test_no_name_reaches_the_file_system(client, tmp_path, scene, name):
    source = scene_file(tmp_path / "roof.png", scene, kind="picture")
    before = {path for path in client.folder.rglob("*") if path.is_file()}
    answer = client.post("/api/v1/jobs", files={"file": (name, source.read_bytes())})
    assert answer.status_code == 202, answer.text
    found = ended(client, answer.json()["id"])
    assert found["state"] == "done"
    assert not set("/\\\x00") & set(found["name"])
    new = {path for path in client.folder.rglob("*") if path.is_file()} - before
    assert {path.name for path in new} <= {"input.png", "input"}
    assert not list(tmp_path.glob("x.png"))


def test_a_removed_job_leaves_nothing(client, tmp_path, scene):
    identity = submitted(client, scene_file(tmp_path / "roof.tif", scene), pixels="true")
    ended(client, identity)
    assert list(client.folder.rglob(f"{identity}/*"))
    assert client.delete(f"/api/v1/jobs/{identity}").status_code == 204
    assert not list(client.folder.rglob(identity))
    for path in ("", "/result", "/events", "/pixels?side=after"):
        assert client.get(f"/api/v1/jobs/{identity}{path}").status_code == 404
    assert client.delete(f"/api/v1/jobs/{identity}").status_code == 404


def test_events_tell_of_a_job_until_it_has_ended(client, tmp_path, scene):
    identity = submitted(client, scene_file(tmp_path / "roof.tif", scene))
    with client.stream("GET", f"/api/v1/jobs/{identity}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert told[-1]["state"] == "done"
    assert all(line == "event: job" for line in lines[::2])
    assert [job["progress"] for job in told] == sorted(job["progress"] for job in told)


def test_several_results_come_as_one_archive(client, tmp_path, scene):
    sources = [
        scene_file(tmp_path / folder / "roof.tif", scene, seed)
        for seed, folder in enumerate("ab")
        if not (tmp_path / folder).mkdir()
    ]
    ids = [submitted(client, source) for source in sources]
    for identity in ids:
        ended(client, identity)
    archive = zipfile.ZipFile(buffers.BytesIO(client.get("/api/v1/archive", params={"id": [*ids, "unknown"]}).content))
    assert archive.testzip() is None
    assert archive.namelist() == ["roof.tif", "roof (2).tif"]
    assert archive.read("roof (2).tif") == client.get(f"/api/v1/jobs/{ids[1]}/result").content
    assert client.get("/api/v1/archive", params={"id": ["unknown"]}).status_code == 404
    together = client.get("/api/v1/jobs", params={"id": [*ids, "unknown"]}).json()
    assert [job["id"] for job in together] == ids


def test_fifty_uploads_from_ten_clients_are_not_mixed_up(tmp_path, scene):
    """Each result is its own input's, although the queue holds fewer than come at once."""
    crop = scene[:48, :64]
    sources = [scene_file(tmp_path / f"{n}.png", crop + 0.003 * n, n, "picture") for n in range(50)]
    found: dict[int, bytes] = {}
    asked_again = []

    def send(address: str, numbers: range) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            for number in numbers:
                while True:
                    with sources[number].open("rb") as file:
                        answer = client.post("/api/v1/jobs", files={"file": file}, data={"method": "classical.dct"})
                    if answer.status_code == 202:
                        break
                    assert answer.status_code == 429
                    assert int(answer.headers["retry-after"]) >= 1
                    asked_again.append(number)
                    threading.Event().wait(0.2)
                identity = answer.json()["id"]
                assert ended(client, identity)["state"] == "done"
                found[number] = client.get(f"/api/v1/jobs/{identity}/result").content

    with running(tmp_path, "--queue", 4) as (address, _):
        threads = [threading.Thread(target=send, args=(address, range(k, 50, 10))) for k in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 50
    assert asked_again
    restorer = thermend.load("classical.dct")
    for number, data in found.items():
        (tmp_path / "result.png").write_bytes(data)
        wanted = restorer.restore(thermend.read(sources[number])).pixels
        assert (
            np.abs(thermend.read(tmp_path / "result.png").pixels - wanted).max() <= 0.51
        )  # rounded, with other threads


def test_limits_are_told_and_hold(tmp_path, scene):
    words = ("--max-upload", 20, "--max-pixels", 10_000, "--timeout", 2, "--queue", 2)
    with running(tmp_path, *words) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        answer = client.post("/api/v1/jobs", files={"file": ("a.npy", bytes(20 * 2**20 + 1))})
        assert answer.status_code == 413
        found = ended(client, submitted(client, scene_file(tmp_path / "large.png", scene, kind="picture")))
        assert found["error"] == "large.png: 240 x 192 pixels are more than are taken here"
        small = scene_file(tmp_path / "small.png", scene[:64, :80], kind="picture")
        stack = np.zeros((12, 90, 100), np.uint16) + np.random.default_rng(0).integers(0, 99, (12, 90, 100), np.uint16)
        np.save(tmp_path / "long.npy", np.repeat(stack, 80, 0))
        found = ended(client, submitted(client, tmp_path / "long.npy"))
        assert found["error"] == "long.npy: takes longer than the 2 s that a file may take here"
        assert ended(client, submitted(client, small))["state"] == "done"  # another process has taken its place


def test_cancelling_makes_room_at_once(tmp_path, scene):
    stack = np.random.default_rng(0).integers(0, 999, (400, 120, 160), np.uint16)
    np.save(tmp_path / "long.npy", stack)
    with running(tmp_path) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        long = submitted(client, tmp_path / "long.npy")
        waiting = submitted(client, scene_file(tmp_path / "roof.tif", scene))
        while client.get(f"/api/v1/jobs/{long}").json()["frames"] is None:
            threading.Event().wait(0.1)
        assert client.get(f"/api/v1/jobs/{waiting}").json()["state"] == "queued"
        assert client.delete(f"/api/v1/jobs/{long}").status_code == 204
        assert ended(client, waiting)["state"] == "done"
        assert not list(tmp_path.glob(f"thermend-serve-*/*/{long}"))


def test_what_a_killed_server_left_goes_when_the_next_begins(tmp_path, scene):
    with running(tmp_path) as (address, process), httpx.Client(base_url=address, timeout=60) as client:
        identity = submitted(client, scene_file(tmp_path / "roof.tif", scene))
        ended(client, identity)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert list(tmp_path.glob(f"thermend-serve-*/*/{identity}"))
    with running(tmp_path) as (address, process), httpx.Client(base_url=address, timeout=60) as client:
        assert client.get(f"/api/v1/jobs/{identity}").status_code == 404
        assert not list(tmp_path.glob(f"thermend-serve-*/*/{identity}"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not list(tmp_path.glob("thermend-serve-*/tmp*"))  # and one that ends in order leaves nothing


def test_results_go_when_their_time_is_over(tmp_path, scene):
    with running(tmp_path, "--keep", 0.03) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        identity = submitted(client, scene_file(tmp_path / "roof.tif", scene))
        assert ended(client, identity)["expires"].endswith("Z")
        for _ in range(100):
            if client.get(f"/api/v1/jobs/{identity}").status_code == 404:
                break
            threading.Event().wait(0.1)
        else:
            raise AssertionError("it is still kept")
        assert not list(tmp_path.glob(f"thermend-serve-*/*/{identity}"))


def test_everything_is_described(client):
    described = client.get("/openapi.json").json()
    assert {"/api/v1/health", "/api/v1/methods", "/api/v1/jobs", "/api/v1/jobs/{id}/result"} <= set(described["paths"])
    form = described["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert set(form["schema"]["properties"]) >= {"file", "mode", "method", "scale", "contrast", "unit"}
    assert described["components"]["schemas"]["JobState"]["examples"]
    assert client.get("/docs").status_code == 404
    assert client.get("/api/v1/nothing").json() == {"error": "Not Found"}
    names = {row["name"] for row in client.get("/api/v1/methods").json()}
    assert {"auto", "deal", "ppfn", "hidra", "dual-decoder", "classical.chain"} <= names


def test_a_folder_that_is_somebody_elses_is_not_used(tmp_path):
    (tmp_path / f"thermend-serve-{os.getuid()}").write_text("in the way")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [COMMAND, "serve", "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert "is not this user's folder" in done.stderr or "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr
