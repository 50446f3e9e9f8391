"""`thermend enhance` on recordings, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import COMMAND, thermend

import thermend as package
from thermend.image import FrameFacts, Metadata, ThermalImage
from thermend.io.writers import open_writer

pytest.importorskip("av", reason="needs the extra video")

METHOD = ("--method", "classical.chain")


def frames(count: int, unit: str = "display", shape: tuple[int, int] = (64, 80)) -> list[ThermalImage]:
    """A camera that pans over a textured scene, with a fixed pattern and noise."""
    rng = np.random.default_rng(3)
    wide = sum(12 * _unit(cv2.GaussianBlur(rng.standard_normal((80, 400)), (0, 0), s)) for s in (1, 3, 8)) + 120
    pattern = 6 * rng.standard_normal(shape)
    made = []
    for number in range(count):
        pixels = wide[8 : 8 + shape[0], 2 * number : 2 * number + shape[1]] + pattern + 3 * rng.standard_normal(shape)
        facts = Metadata(frame=FrameFacts(number, number / 10))
        if unit == "celsius":
            made.append(ThermalImage((pixels / 10).astype(np.float32), "celsius", metadata=facts))
        else:
            grey = np.clip(np.rint(pixels), 0, 255).astype(np.float32)
            made.append(ThermalImage(grey, "display", "uint8", metadata=facts))
    return made


def _unit(texture: np.ndarray) -> np.ndarray:
    return texture / texture.std()


def recorded(path: Path, images: list[ThermalImage]) -> Path:
    with open_writer(path) as writer:
        for image in images:
            writer.write(image)
    return path


def test_a_video_becomes_a_video_with_its_times(tmp_path):
    recorded(tmp_path / "a.mkv", frames(14))
    done = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "out", "--compare", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["frames"] == 14
    assert "session" in row["steps"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.compare.mp4", "a.mkv"]
    back = list(package.read_frames(tmp_path / "out/a.mkv"))
    assert back[13].metadata.frame.time == pytest.approx(1.3, abs=2e-3)
    session = package.load("auto").session()
    wanted = [session(frame).pixels for frame in package.read_frames(tmp_path / "a.mkv")]
    assert max(np.abs(a.pixels - b).max() for a, b in zip(back, wanted, strict=True)) <= 0.51  # rounded to grey levels
    again = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "out", "--compare")
    assert again.returncode == 0
    assert "exists already" in again.stderr


def test_temperatures_go_into_tiff_and_stay_temperatures(tmp_path):
    recorded(tmp_path / "t.npy", frames(12, "celsius"))
    recorded(tmp_path / "t2.tif", frames(12, "celsius"))
    done = thermend("enhance", tmp_path / "t2.tif", "-o", tmp_path / "out", "--palette", "iron")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["t2.iron.mp4", "t2.tif"]
    before, after = (list(package.read_frames(p)) for p in (tmp_path / "t2.tif", tmp_path / "out/t2.tif"))
    assert [a.unit for a in after] == ["celsius"] * 12
    assert all(abs(float(a.pixels.mean() - b.pixels.mean())) < 0.05 for a, b in zip(after, before))
    assert after[5].metadata.frame == FrameFacts(5, 0.5)
    assert after[5].metadata.provenance["steps"][0]["method"] == "session"
    npy = thermend("enhance", tmp_path / "t.npy", "--unit", "celsius", "-o", tmp_path / "out2")
    assert npy.returncode == 0
    assert np.load(tmp_path / "out2/t.npy").shape == (12, 64, 80)


@pytest.mark.parametrize("options", [(), ("--each-frame",), ("--mode", "display", "--palette", "iron", "--compare")])
@pytest.mark.parametrize("name", ["t.npy", "t.tif", "stills"])
def test_frames_without_any_valid_pixel_do_not_end_a_recording(tmp_path, options, name):
    given = np.stack([image.pixels for image in frames(5, "celsius")])
    given[[0, 3]] = np.nan
    if name == "stills":
        (tmp_path / name).mkdir()
        for number, pixels in enumerate(given):
            np.save(tmp_path / name / f"{number}.npy", pixels)
    elif name == "t.npy":
        np.save(tmp_path / name, given)
    else:
        recorded(tmp_path / name, [ThermalImage(pixels, "celsius") for pixels in given])
    words = ("--recording",) if name == "stills" else ()
    out = tmp_path / "o.npy"
    done = thermend("enhance", tmp_path / name, "-o", out, "--unit", "celsius", *words, *options, *METHOD)
    assert done.returncode == 0, done.stderr
    assert "2 frames without any valid pixel, which are as empty in the result" in done.stderr
    back = [np.isnan(frame.pixels) for frame in package.read_frames(out)]
    if "display" not in options:
        assert [bool(frame.all()) for frame in back] == [True, False, False, True, False]
    assert len(back) == 5
    np.save(tmp_path / "none.npy", np.full_like(given, np.nan))
    none = thermend("enhance", tmp_path / "none.npy", "-o", tmp_path / "none-out.npy", *METHOD)
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)
    assert "has no valid pixel in any frame" in none.stderr
    assert not (tmp_path / "none-out.npy").exists()


def test_each_frame_is_mended_by_itself_where_that_is_asked_for(tmp_path):
    images = frames(5)
    recorded(tmp_path / "a.mkv", images)
    assert thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "o.mkv", "--each-frame", *METHOD).returncode == 0
    alone = package.load(METHOD[1])
    for image, result in zip(images, package.read_frames(tmp_path / "o.mkv"), strict=True):
        assert np.abs(alone(image).pixels - result.pixels).max() <= 0.51


def test_numbered_stills_are_one_recording_where_that_is_said(tmp_path):
    (tmp_path / "stills").mkdir()
    for number, image in enumerate(frames(11)):
        image.save(tmp_path / f"stills/f{number}.png")
    done = thermend("enhance", tmp_path / "stills", "-o", tmp_path / "out", "--recording")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["stills.mp4"]
    assert len(list(package.read_frames(tmp_path / "out/stills.mp4"))) == 11
    alone = thermend("enhance", tmp_path / "stills", "-o", tmp_path / "out2")
    assert alone.returncode == 0
    assert len(list((tmp_path / "out2").iterdir())) == 11


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("name", "number"), [("r.mkv", signal.SIGINT), ("r.tif", signal.SIGTERM), ("r.mp4", signal.SIGINT)]
)
def test_what_is_done_is_kept_and_gone_on_with(tmp_path, name, number):
    recorded(tmp_path / "a.mkv", frames(150))
    out = tmp_path / "out" / name
    command = [
        COMMAND,
        "enhance",
        str(tmp_path / "a.mkv"),
        "-o",
        str(out),
        "--method",
        "classical.chain",
        "--mode",
        "display",
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    partial = out.with_name(f"r.partial{out.suffix}")
    until = time.monotonic() + 120
    enough = 0 if out.suffix == ".mp4" else 20_000  # of which H.264 holds most back to look ahead
    while (
        not (partial.exists() and partial.stat().st_size > enough)
        and running.poll() is None
        and time.monotonic() < until
    ):
        time.sleep(0.02)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    if out.exists():
        pytest.skip("it was done before it could be interrupted")
    assert running.returncode != 0
    assert "Traceback" not in said
    assert {p.name for p in out.parent.iterdir()} == {"r.partial.state", partial.name}
    done = len(list(package.read_frames(partial)))
    assert 0 < done < 150
    refused = thermend("enhance", partial, "-o", tmp_path / "other")
    assert refused.returncode == 2
    assert "unfinished" in refused.stderr
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=200)
    assert resumed.returncode == 0, resumed.stderr
    assert [p.name for p in out.parent.iterdir()] == [name]
    whole = tmp_path / "whole" / name
    assert subprocess.run([*command[:3], "-o", str(whole), *command[5:]], timeout=200).returncode == 0
    pairs = list(zip(package.read_frames(out), package.read_frames(whole), strict=True))
    assert len(pairs) == 150
    if out.suffix != ".mp4":  # which loses a little, and not the same after it begins anew
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in pairs)


def test_a_pattern_is_kept_and_taken_off_stills(tmp_path):
    images = frames(40)
    recorded(tmp_path / "a.mkv", images)
    done = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "out", "--save-pattern", tmp_path / "p.npz")
    assert done.returncode == 0, done.stderr
    images[3].save(tmp_path / "still.png")
    plain, helped = (tmp_path / n for n in ("plain.png", "helped.png"))
    assert thermend("enhance", tmp_path / "still.png", "-o", plain, "--method", "classical.stretch").returncode == 0
    options = ["--method", "classical.stretch", "--pattern", tmp_path / "p.npz"]
    assert thermend("enhance", tmp_path / "still.png", "-o", helped, *options).returncode == 0
    rough = [float(np.abs(np.diff(package.read(p).pixels, axis=1)).mean()) for p in (plain, helped)]
    assert rough[1] < 0.9 * rough[0]
    again = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "o2", "--save-pattern", tmp_path / "p.npz")
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trust-map"], "a recording has none"),
        (["-o", "x.png"], "no recording is written so"),
        (["--pattern", "missing.npz"], "missing.npz"),
        (["--save-pattern", "p.npz", "--each-frame"], "--save-pattern"),
        (["--look-ahead", "5", "--each-frame"], "--look-ahead"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, options, said):
    recorded(tmp_path / "a.mkv", frames(3))
    os.chdir(tmp_path)
    given = options if "-o" in options else ["-o", tmp_path / "out", *options]
    done = thermend("enhance", tmp_path / "a.mkv", *given)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("**/*.partial*"))


def test_a_recording_that_was_cut_off_is_mended_as_far_as_it_goes(tmp_path):
    recorded(tmp_path / "a.tif", frames(6, "celsius"))
    data = recorded(tmp_path / "a.mkv", frames(60)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    done = thermend("enhance", tmp_path / "cut.mkv", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert 10 < len(list(package.read_frames(tmp_path / "out/cut.mkv"))) < 60


@pytest.mark.parametrize("share", [1.0, 2 / 3])
def test_a_look_ahead_changes_the_first_frames_and_loses_none(tmp_path, share):
    """As far as a recording goes, and however far it looks."""
    data = recorded(tmp_path / "whole.mkv", frames(60)).read_bytes()
    (tmp_path / "a.mkv").write_bytes(data[: int(len(data) * share)])
    results = {}
    for name, more in (("causal", []), ("ahead", ["--look-ahead", "40"]), ("far", ["--look-ahead", "500"])):
        done = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / f"{name}.mkv", *METHOD, *more)
        assert done.returncode == 0, done.stderr
        results[name] = np.stack([image.pixels for image in package.read_frames(tmp_path / f"{name}.mkv")])
    assert results["causal"].shape == results["ahead"].shape == results["far"].shape
    assert not np.array_equal(results["causal"][0], results["ahead"][0])


def test_live_frames_come_from_opencv(tmp_path):
    """The loop of docs/recordings.md, on a file in place of a camera."""
    recorded(tmp_path / "a.mp4", frames(6))
    camera = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    if not camera.isOpened():
        pytest.skip("this OpenCV opens no videos")
    session, seen = package.load("classical.chain").session(), 0
    while True:
        there, picture = camera.read()
        if not there:
            break
        mended = session(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        assert mended.pixels.shape == (64, 80)
        seen += 1
    assert seen == session.frames == 6


def test_two_processes_do_not_write_one_result(tmp_path):
    from thermend.io.atomic import claimed

    recorded(tmp_path / "a.mkv", frames(3))
    with claimed(tmp_path / "out/a.mkv"):
        done = thermend("enhance", tmp_path / "a.mkv", "-o", tmp_path / "out", *METHOD)
    assert done.returncode == 2
    assert "another process" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
