"""Nothing that was there is lost, and nothing that lies about is run."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from command import COMMAND, thermend


@pytest.fixture
def pictures(tmp_path, rng):
    """A folder of four pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        ramp = np.add.outer(np.arange(64), np.arange(80)) + rng.normal(0, 3, (64, 80))
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(ramp, 0, 255).astype(np.uint8))
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_overwrite_never_replaces_an_input(pictures, tmp_path):
    before = contents(pictures)
    out = pictures / "out"
    assert thermend("enhance", pictures, "-o", out).returncode == 0
    # A result's companion would be called as this input is, and this input's result as that one.
    (out / "0.compare.png").write_bytes((pictures / "1.png").read_bytes())
    held = (out / "0.compare.png").read_bytes()
    done = thermend("enhance", pictures / "0.png", out / "0.compare.png", "-o", out, "--compare", "--overwrite")
    assert (out / "0.compare.png").read_bytes() == held
    assert done.returncode != 0
    assert {p: b for p, b in contents(pictures).items() if p in before} == before


def test_a_result_never_takes_the_place_of_another_input(pictures, tmp_path):
    jpeg = pictures / "below"
    jpeg.mkdir()
    cv2.imwrite(str(jpeg / "1.jpg"), cv2.imread(str(pictures / "1.png"), 0))
    before = contents(pictures)
    done = thermend("enhance", jpeg / "1.jpg", pictures / "1.png", "-o", pictures, "--overwrite")
    assert done.returncode != 0
    assert {p: b for p, b in contents(pictures).items() if p in before} == before


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_two_processes_on_one_folder_both_succeed(pictures, tmp_path, overwrite):
    words = ("enhance", pictures, "-o", tmp_path / "out", "--method", "classical.column-median", *overwrite)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: thermend(*words), range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"{n}.png" for n in range(4)]


def test_parts_of_killed_runs_go_and_those_of_living_ones_stay(pictures, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    dead, living, foreign = (
        out / name for name in (".0.png.0123abcd.part.png", ".1.png.0123abcd.part.png", ".part.png")
    )
    for path in (dead, living, foreign):
        path.write_bytes(b"half")
        os.utime(path, (1_000_000_000, 1_000_000_000))
    with living.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert thermend("enhance", pictures, "-o", out).returncode == 0
    assert not dead.exists()
    assert living.exists()
    assert foreign.exists()


@pytest.mark.parametrize("start", [(COMMAND,), (sys.executable, "-m", "thermend")], ids=["command", "module"])
@pytest.mark.parametrize(
    "words",
    [
        ("enhance", ".", "-o", "../out"),
        ("diagnose", "."),
        ("methods",),
        ("degrade", *(f"{n}.png" for n in range(9)), "-o", "../out", "--preset", "hm-tir-blur"),
        ("evaluate", "--method", "classical.column-median", "--clean", ".", "--preset", "hm-tir-blur"),
        ("export", "--method", "level", "-o", "../level.onnx"),
        ("train", "no.yaml"),
    ],
    ids=lambda words: words[0],
)
def test_no_module_of_the_current_folder_is_run(pictures, tmp_path, start, words):
    for number in range(4, 9):
        (pictures / f"{number}.png").write_bytes((pictures / "0.png").read_bytes())
    trap = f"open({str(tmp_path / 'ran')!r}, 'a').write(__name__)\nraise SystemExit('a module of the folder was run')\n"
    for name in (
        "multiprocessing",
        "numpy",
        "cv2",
        "torch",
        "tifffile",
        "PIL",
        "scipy",
        "json",
        "logging",
        "socket",
        "yaml",
    ):
        (pictures / f"{name}.py").write_text(trap)
    done = subprocess.run([*start, *words], cwd=pictures, capture_output=True, text=True, timeout=280)
    assert not (tmp_path / "ran").exists(), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    if words[0] != "train":
        assert done.returncode == 0, done.stderr


def test_what_lies_beside_an_input_goes_along_or_is_named(pictures, tmp_path):
    (pictures / "1.pgw").write_text("0.5\n0\n0\n-0.5\n1000\n2000\n")
    (pictures / "1.png.ovr").write_bytes(b"reduced")
    before = contents(pictures)
    done = thermend("enhance", pictures, "-o", tmp_path / "out", "--scale", "2", "--method", "classical.chain")
    assert done.returncode == 0
    assert [float(n) for n in (tmp_path / "out" / "1.pgw").read_text().split()] == [
        0.25,
        0,
        0,
        -0.25,
        999.875,
        2000.125,
    ]
    assert f"{pictures / '1.png'}: left behind: 1.png.ovr" in done.stderr
    assert contents(pictures) == before
    # Results that go where inputs lie replace no side file of theirs, whatever is asked.
    done = thermend("enhance", pictures / "1.png", "-o", pictures / "1.jpg", "--overwrite", "--scale", "2")
    assert done.returncode == 0, done.stderr
    assert {p: b for p, b in contents(pictures).items() if p in before} == before
