"""An archive in an S3 store of this machine, mended on a Ray cluster of it; the store fails on purpose."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from command import COMMAND, thermend
from PIL import Image

import thermend as package
from thermend.image import ThermalImage

pytest.importorskip("ray", reason="needs the cluster extra")
pytest.importorskip("moto", reason="needs the dev extra")
s3fs = pytest.importorskip("s3fs", reason="needs the cluster extra")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals")]
METHOD = ("--method", "classical.chain")


@pytest.fixture(scope="module")
def server():
    """The address of the store; `faults` of it says how often it fails."""
    script = Path(__file__).parents[2] / "fuzz/store.py"
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    with pytest.MonkeyPatch.context() as patch:
        address = process.stdout.readline().strip()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIATHERMEND", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test", "AWS_ENDPOINT_URL": address,
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        yield address
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def s3(server):
    store = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    store.mkdir("archive")
    return store


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster that is begun once, and ends alone; `--on ray` joins it, and its client port is given."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    ray = str(Path(sys.executable).with_name("ray"))
    words = ["--head", "--block", "--port", str(ports[0]), "--ray-client-server-port", str(ports[1]), "--num-cpus", "2"]
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen(
        [ray, "start", *words, "--include-dashboard=false"], start_new_session=True, env=os.environ | settings,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 120
    while True:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", ports[1])) == 0:
                break
        if time.monotonic() > until or process.poll() is not None:
            process.kill()
            pytest.skip("no Ray cluster can be begun on this machine")
        time.sleep(0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", f"127.0.0.1:{ports[0]}")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield f"ray://127.0.0.1:{ports[1]}"
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def set_faults(server: str, **shares: float) -> dict[str, int]:
    words = "&".join(f"{name}={value}" for name, value in shares.items())
    with urllib.request.urlopen(f"{server}/faults?{words}") as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def files(tmp_path_factory, scene) -> Path:
    """A dozen images in two folders, and two that are none."""
    folder = tmp_path_factory.mktemp("flight")
    rng = np.random.default_rng(3)
    for number in range(12):
        noisy = np.roll(scene, 7 * number, 1)[:96, :120] + rng.normal(0, 0.02, (96, 120))
        path = folder / f"day{number % 2}" / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        if number % 3:
            Image.fromarray((255 * noisy.clip(0, 1)).astype(np.uint8)).save(path)
        else:
            counts = ThermalImage.from_array((20000 + 4000 * noisy).astype(np.uint16))
            package.write(counts, path.with_suffix(".tif"))
    (folder / "day0/bad.png").write_bytes(b"no image")
    (folder / "day1/cut.tif").write_bytes((folder / "day1/03.tif").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def plain(files, tmp_path_factory) -> dict[str, bytes]:
    """What a plain run makes of them."""
    out = tmp_path_factory.mktemp("plain")
    assert thermend("enhance", files, "-o", out, *METHOD).returncode == 1
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def results(s3, folder: str) -> dict[str, bytes]:
    found = (name for name in s3.find(folder) if "/thermend-manifest/" not in name)
    return {name[len(folder) + 1 :]: s3.cat_file(name) for name in found}


def rows(out: str) -> list[dict]:
    from thermend.jobs.archive import manifest

    return [row for part in manifest.read(out) for row in part.to_pylist()]


def test_an_archive_from_store_to_store(s3, server, cluster, files, plain, tmp_path):
    """Killed, gone on with, looked at, changed: nothing is lost, nothing is made twice, what is not ours stays."""
    s3.put(str(files), "archive/flight", recursive=True)
    source, out = "s3://archive/flight", "s3://archive/mended"
    command = [COMMAND, "enhance", source, "-o", out, *METHOD, "--on", "ray"]

    set_faults(server, errors=0.03, slow=0.03)
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 100
    while not s3.find("archive/mended") and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    for name, data in results(s3, "archive/mended").items():
        assert plain[name] == data

    done = thermend(*command[1:])
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == "12 written, 2 failed; of 14 to s3://archive/mended"
    lines = done.stderr.strip().splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == [f"{source}/day0/bad.png", f"{source}/day1/cut.tif"]
    assert results(s3, "archive/mended") == plain
    faults = set_faults(server, errors=0, slow=0)
    assert faults["errors"] + faults["late errors"] > 3
    assert s3.list_multipart_uploads("archive") == []

    # the manifest
    said = {row["input"]: row for row in rows(out)}
    assert len(said) == 14
    one = said[f"{source}/day0/00.tif"]
    assert (one["outcome"], one["output"]) == ("done", f"{out}/day0/00.tif")
    assert one["diagnosis"]["noise_sigma"] > 1
    assert one["seconds"] > 0
    import hashlib

    assert one["output_sha256"] == hashlib.sha256(plain["day0/00.tif"]).hexdigest()
    assert one["sha256"] == hashlib.sha256((files / "day0/00.tif").read_bytes()).hexdigest()
    everything = b"".join(s3.cat_file(name) for name in s3.find("archive/mended"))
    assert b"secret-of-the-test" not in everything
    assert b"AKIATHERMEND" not in everything

    # what is done is not done again, what is missing is
    before = {name: s3.info(name)["LastModified"] for name in s3.find("archive/mended") if "manifest" not in name}
    s3.rm("archive/mended/day1/01.png")
    s3.pipe("archive/flight/day0/02.png", (files / "day0/04.png").read_bytes())
    again = thermend(*command[1:])
    assert again.stdout.strip() == "2 written, 10 done before, 2 failed; of 14 to s3://archive/mended"
    changed = {n for n, t in before.items() if s3.info(n)["LastModified"] != t}
    assert changed == {"archive/mended/day1/01.png", "archive/mended/day0/02.png"}

    # other options, results that somebody changed, and somebody's own
    s3.pipe("archive/mended/day0/04.png", b"somebody's")
    other = thermend(*command[1:], "--scale", "2")
    assert "12 kept, made with other options (--overwrite replaces them)" in other.stdout
    assert s3.cat_file("archive/mended/day0/06.tif") == plain["day0/06.tif"]
    s3.pipe("archive/mended/day0/new.png", b"somebody's")
    s3.pipe("archive/flight/day0/new.png", (files / "day0/04.png").read_bytes())
    other = thermend(*command[1:], "--scale", "2", "--overwrite")
    assert other.returncode == 1
    assert other.stderr.count("it is never replaced") == 2
    assert s3.cat_file("archive/mended/day0/04.png") == s3.cat_file("archive/mended/day0/new.png") == b"somebody's"
    assert s3.cat_file("archive/mended/day0/06.tif") != plain["day0/06.tif"]

    # what was done
    status = json.loads(thermend("archive", "status", out, "--json").stdout)
    assert status["inputs"] == 15
    assert status["outcomes"] == {"done": 11, "failed": 4}
    assert len(status["runs"]) >= 4
    failures = json.loads(thermend("archive", "failures", out, "--json").stdout)
    assert [f["input"].rpartition("/")[2] for f in failures] == ["04.png", "bad.png", "new.png", "cut.tif"]
    assert "15 inputs: 11 done, 4 failed" in thermend("archive", "status", out).stdout
    for _ in range(2):  # ours may be made anew
        assert thermend("archive", "report", out, "-o", tmp_path / "r.html").returncode == 0
    assert "What was wrong with the images" in (tmp_path / "r.html").read_text()
    (tmp_path / "r.html").write_text("somebody's")
    assert thermend("archive", "report", out, "-o", tmp_path / "r.html").returncode == 2
    assert thermend("archive", "report", out).stdout.strip().endswith("mended/thermend-report.html")


def test_ctrl_c_ends_a_run_in_order(cluster, files, plain, tmp_path):
    command = [COMMAND, "enhance", str(files), "-o", str(tmp_path / "out"), *METHOD, "--on", "ray"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 100
    while not list(tmp_path.glob("out/day*/*")) and running.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert "Traceback" not in said
    assert running.returncode in (130, 1)  # 1: it was done before
    done = thermend(*command[1:])
    assert f"of 14 to {tmp_path / 'out'}" in done.stdout
    out = tmp_path / "out"
    made = {
        p.relative_to(out).as_posix(): p.read_bytes()
        for p in out.rglob("*")
        if p.is_file() and "manifest" not in str(p)
    }
    assert made == plain


def test_a_cluster_of_its_own(cluster, files, plain, tmp_path, monkeypatch):
    """Where no other is named it is begun on this machine, and ends with the run."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    done = thermend("enhance", files / "day1", "-o", tmp_path / "out", *METHOD, "--on", "ray")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "cut.tif" not in line] == []
    assert (tmp_path / "out/03.tif").read_bytes() == plain["day1/03.tif"]


def test_a_cluster_by_its_client_port(cluster, files, plain, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS")
    done = thermend("enhance", files / "day1", "-o", tmp_path / "out", *METHOD, "--on", cluster, "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == {"found": 7, "done": 0, "kept": 0, "failed": 1, "written": 6}
    assert (tmp_path / "out/03.tif").read_bytes() == plain["day1/03.tif"]


def test_stores_without_a_cluster(s3, files, plain, tmp_path):
    s3.put(str(files / "day0"), "archive/plain/day0", recursive=True)
    done = thermend("enhance", "s3://archive/plain", "-o", tmp_path / "out", *METHOD, "--json")
    assert done.returncode == 1
    assert {row["file"] for row in json.loads(done.stdout) if row["error"]} == {"s3://archive/plain/day0/bad.png"}
    assert (tmp_path / "out/day0/04.png").read_bytes() == plain["day0/04.png"]
    one = thermend("enhance", files / "day0/04.png", "-o", "s3://archive/one/r.png", *METHOD)
    assert one.returncode == 0
    assert s3.cat_file("archive/one/r.png") == plain["day0/04.png"]
    assert (
        "exists already and is kept"
        in thermend("enhance", files / "day0/06.tif", "-o", "s3://archive/one/r.png", *METHOD).stderr
    )
    by_file = thermend("enhance", f"file://{files}/day0/04.png", "-o", f"file://{tmp_path}/f", *METHOD)
    assert by_file.returncode == 0
    assert (tmp_path / "f/04.png").read_bytes() == plain["day0/04.png"]


def test_other_commands_take_addresses_too(s3, files, tmp_path):
    s3.put(str(files / "day1"), "archive/others", recursive=True)
    said = json.loads(thermend("diagnose", "s3://archive/others/*.png", "--json").stdout)
    local = json.loads(thermend("diagnose", files / "day1/*.png", "--json").stdout)
    names = [Path(row.pop("file")).name for row in local]
    assert [row.pop("file") for row in said] == [f"s3://archive/others/{name}" for name in names]
    assert said == local
    assert "s3://archive/others/cut.tif: " in thermend("diagnose", "s3://archive/others").stderr
    words = ("degrade", "s3://archive/others/01.png", "-o", "s3://archive/worse", "--preset", "hm-tir-hard")
    assert thermend(*words).stdout.strip() == "1 of 1 written to s3://archive/worse"
    first = s3.cat_file("archive/worse/01.png")
    assert "exists already and is kept" in thermend(*words).stderr
    thermend("degrade", files / "day1/01.png", "-o", tmp_path, "--preset", "hm-tir-hard")
    assert (tmp_path / "01.png").read_bytes() == first


@pytest.mark.parametrize("more", [(), ("--on", "ray")])
def test_a_bucket_that_there_is_not_is_told_before_the_work(s3, files, more):
    done = thermend("enhance", files, "-o", "s3://no-such-bucket/mended", *METHOD, *more)
    assert done.returncode == 2
    assert done.stderr.strip() == ("thermend: s3://no-such-bucket/mended: cannot be written: there is no such bucket")


def test_a_part_that_is_refused_leaves_nothing_open(s3, server, tmp_path, monkeypatch):
    import s3fs.core

    from thermend.errors import InputError
    from thermend.io import stores

    monkeypatch.setattr(s3fs.core, "calculate_chunksize", lambda size, chunksize=None: 5 << 20)
    monkeypatch.setattr(stores, "_WAITS", (0,))
    (tmp_path / "large").write_bytes(os.urandom(12 << 20))
    set_faults(server, parts=1)
    stores.put(tmp_path / "large", "s3://archive/large")
    assert s3.cat_file("archive/large") == (tmp_path / "large").read_bytes()
    set_faults(server, parts=1000)
    with pytest.raises(InputError, match="cannot be written"):
        stores.put(tmp_path / "large", "s3://archive/larger")
    set_faults(server, parts=0)
    assert not s3.exists("archive/larger")
    assert s3.list_multipart_uploads("archive") == []
    s3.call_s3("create_multipart_upload", Bucket="archive", Key="killed/a.tif")
    s3.call_s3("create_multipart_upload", Bucket="archive", Key="killed-not/a.tif")
    assert (
        stores.abort_uploads("s3://archive/killed", older=1e12) == 0
    )  # it may be another program's that still works on it
    assert stores.abort_uploads("s3://archive", older=-1) == 0
    assert stores.abort_uploads("s3://archive/killed", older=-1) == 1
    assert [one["Key"] for one in s3.list_multipart_uploads("archive")] == ["killed-not/a.tif"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "slurm"), "expected ray"),
        (("--gpus", "1"), "--gpus goes with --on"),
        (("--on", "ray", "--gpus", "0"), "expected 1 or more"),
        (("--on", "ray", "--gpus", "1"), "--device cuda"),
        (("--on", "ray", "--resume"), "--resume"),
        (("--on", "ray", "--save-pattern", "p.npz"), "--save-pattern"),
    ],
)
def test_wrong_use_is_a_line(files, tmp_path, words, said):
    done = thermend("enhance", files, "-o", tmp_path / "out", *METHOD, *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
