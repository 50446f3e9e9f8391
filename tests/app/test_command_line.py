"""The command line as a user meets it: through the installed command, judged by files, lines and exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import COMMAND, thermend
from PIL import Image

from thermend import read

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, scene, rng) -> Path:
    """A folder with a tree: a.png, a.jpg, deep/b.tif (16 bits), and files that are no images."""
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    grey = np.clip(scene * 255 + rng.normal(0, 8, scene.shape), 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(root / "a.png")
    Image.fromarray(grey[:50, :70]).save(root / "a.jpg")
    tifffile.imwrite(root / "deep" / "b.tif", (grey * 40.0 + 20000).astype(np.uint16))
    (root / "notes.txt").write_text("not an image")
    return root


def test_a_folder_keeps_its_tree_and_its_names(folder, tmp_path):
    done = thermend("enhance", folder, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert found == ["a.jpg.png", "a.png", "deep/b.tif"]
    assert tifffile.imread(tmp_path / "out/deep/b.tif").dtype == np.uint16
    assert read(tmp_path / "out/a.jpg.png").shape == (50, 70)


def test_a_second_run_keeps_what_is_there(folder, tmp_path):
    thermend("enhance", folder / "a.png", "-o", tmp_path / "out")
    result = tmp_path / "out" / "a.png"
    result.write_bytes(b"mine")
    again = thermend("enhance", folder / "a.png", "-o", tmp_path / "out")
    assert (again.returncode, result.read_bytes()) == (0, b"mine")
    assert again.stderr.count("\n") == 1
    assert "kept" in again.stderr
    assert thermend("enhance", folder / "a.png", "-o", tmp_path / "out", "--overwrite").returncode == 0
    with Image.open(result) as picture:
        assert picture.size == (240, 192)


def test_bad_files_cost_one_line_each_and_the_rest_goes_on(folder, tmp_path):
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.tif").write_bytes(b"hello")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:3000])
    done = thermend("enhance", folder, "-o", tmp_path / "out")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3
    for name in ("empty.png", "text.tif", "cut.png"):
        assert sum(name in line for line in lines) == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.jpg.png", "a.png", "deep"]


@pytest.mark.parametrize(
    "words",
    [
        ["enhance", "nowhere.png", "-o", "out"],
        ["enhance", "a.png", "-o", "out", "--method", "nonsense"],
        ["enhance", "a.png", "-o", "out", "--mode", "nonsense"],
        ["enhance", "a.png", "-o", "out", "--method", "classical.he", "--mode", "radiometric"],
        ["enhance", "a.png", "-o", "out", "--scale", "3"],
        ["enhance", "a.png", "-o", "out", "--palette", "nonsense"],
        ["enhance", "a.png", "-o", "out", "--unit", "rankine"],
        ["enhance", "a.png", "-o", "."],
        ["enhance", "a.png", "a.jpg", "-o", "one.png"],
        ["enhance", "a.png"],
        ["enhance", "notes.txt", "-o", "out"],
        ["diagnose", "nowhere.png"],
        ["nonsense"],
    ],
)
def test_wrong_use_ends_with_2_and_writes_nothing(folder, monkeypatch, words):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    done = thermend(*words)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert sorted(folder.rglob("*")) == before


def test_the_input_is_never_replaced(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = (folder / "a.png").read_bytes()
    assert thermend("enhance", "a.png", "-o", "a.png", "--overwrite").returncode == 2
    assert thermend("enhance", ".", "-o", ".", "--overwrite").returncode == 2
    assert (folder / "a.png").read_bytes() == before


def test_results_inside_the_searched_folder_are_not_mended_again(folder):
    for _ in range(2):
        assert thermend("enhance", folder, "-o", folder / "out").returncode == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.jpg.png", "a.png", "deep"]


def test_a_glob_is_expanded(folder, tmp_path):
    assert thermend("enhance", folder / "*.png", "-o", tmp_path / "out").returncode == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_multi_page_tiff_stays_one(tmp_path, scene):
    pages = np.stack([scene, scene[::-1]]).astype(np.float32)
    tifffile.imwrite(tmp_path / "m.tif", pages, photometric="minisblack")
    assert thermend("enhance", tmp_path / "m.tif", "-o", tmp_path / "out").returncode == 0
    assert tifffile.imread(tmp_path / "out/m.tif").shape == pages.shape


def test_a_trust_map_lies_beside_its_result_and_what_is_not_supported_is_said(folder, tmp_path):
    done = thermend("enhance", folder / "a.png", "-o", tmp_path / "out", "--trust-map", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["suspect"] < 0.2
    assert "not supported" not in done.stderr
    with Image.open(tmp_path / "out/a.trust.png") as picture, Image.open(folder / "a.png") as source:
        assert picture.mode == "L"
        assert picture.size == source.size
        assert np.asarray(picture).any()
        assert np.mean(np.asarray(picture) > 100) < 0.2  # four units of noise
    onnx = pytest.importorskip("onnx", reason="needs the train extra")
    shapes = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 1, None, None]) for n in ("x", "y")]
    smooth = onnx.helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[41, 41], pads=[20] * 4)
    graph = onnx.helper.make_graph([smooth], "smooth", [shapes[0]], [shapes[1]])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "smooth.onnx")
    words = ("enhance", folder / "a.png", "--method", "onnx", "--weights", tmp_path / "smooth.onnx")
    done = thermend(*words, "-o", tmp_path / "smooth", "--trust-map")
    assert done.returncode == 0, done.stderr
    assert "a.png: " in done.stderr
    assert "of its result is not supported by what was measured" in done.stderr


def test_compare_and_palette_write_pictures_beside_the_numbers(folder, tmp_path):
    done = thermend("enhance", folder / "deep", "-o", tmp_path / "out", "--compare", "--palette", "iron")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["b.compare.png", "b.iron.png", "b.tif"]
    with Image.open(tmp_path / "out/b.compare.png") as picture:
        assert picture.size == (2 * 240 + 8, 192)
    with Image.open(tmp_path / "out/b.iron.png") as picture:
        assert picture.mode == "RGB"


def test_centikelvin_comes_out_as_celsius(tmp_path, scene):
    tifffile.imwrite(tmp_path / "t.tif", (29315 + 1000 * scene).astype(np.uint16))
    assert thermend("enhance", tmp_path / "t.tif", "-o", tmp_path / "out", "--unit", "centikelvin").returncode == 0
    result = tifffile.imread(tmp_path / "out/t.tif")
    assert result.dtype == np.float32
    assert result.mean() == pytest.approx(20 + 10 * scene.mean(), abs=0.06)


def test_depth_is_as_stated(folder, tmp_path):
    assert thermend("enhance", folder / "deep", "-o", tmp_path / "out", "--depth", "32").returncode == 0
    assert tifffile.imread(tmp_path / "out/b.tif").dtype == np.float32


def test_json_tells_what_became_of_every_file(folder, tmp_path):
    (folder / "empty.png").write_bytes(b"")
    report = json.loads(thermend("enhance", folder, "-o", tmp_path / "out", "--json").stdout)
    assert len(report) == 4
    assert sum(row["error"] is not None for row in report) == 1
    assert all(row["result"] for row in report if row["error"] is None)


def test_diagnose_prints_a_table_and_json(folder):
    assert "a.png" in thermend("diagnose", folder).stdout.replace("\n", "")
    rows = json.loads(thermend("diagnose", folder, "--json").stdout)
    assert [Path(row["file"]).name for row in rows] == ["a.jpg", "a.png", "b.tif"]
    assert {"noise_sigma", "stripe_sigma", "stripe_direction", "blur_sigma", "nonuniformity", "contrast"} <= set(
        rows[0]
    )


def test_methods_are_listed_without_loading_any():
    rows = json.loads(thermend("methods", "--json").stdout)
    assert {"auto", "classical.he", "classical.seid", "classical.column-median"} <= {row["name"] for row in rows}
    heavy = "[m for m in ('cv2', 'numpy', 'torch') if m in sys.modules]"
    code = f"import sys; from thermend.app.cli.methods import run; run(True, str); print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_samples_are_mended(tmp_path):
    samples = Path(__file__).parents[2] / "samples"
    done = thermend("enhance", samples, "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    steps = {Path(row["file"]).name: row["steps"] for row in json.loads(done.stdout)}
    names = {path.name for path in samples.iterdir() if path.suffix in (".png", ".tif")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names == set(steps)
    levelled = {name for name, taken in steps.items() if "level/compact" in taken}
    assert "harbour.png" in levelled
    assert not any(name.endswith(".tif") for name in levelled)  # temperatures and counts


def test_no_two_results_meet(tmp_path, rng):
    grey = rng.integers(0, 255, (20, 24)).astype(np.uint8)
    for place in ("a/img.jpg", "b/img.png", "c/x.jpg", "c/x.png", "c/x.jpg.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.fromarray(grey).save(tmp_path / place)
    done = thermend("enhance", tmp_path / "a/img.jpg", tmp_path / "b/img.png", "-o", tmp_path / "one", "--json")
    assert {Path(r["result"]).name for r in json.loads(done.stdout)} == {"img.png", "img.jpg.png"}
    done = thermend("enhance", tmp_path / "c", "-o", tmp_path / "two", "--json", "--overwrite")
    assert {Path(r["result"]).name for r in json.loads(done.stdout)} == {"x.png", "x.jpg.png", "x.jpg.png.png"}


def test_brackets_in_a_name_are_shown(tmp_path):
    Image.fromarray(np.full((20, 24), 9, np.uint8)).save(tmp_path / "scene[red][-b].png")
    assert "scene[red][-b].png" in thermend("diagnose", tmp_path).stdout


def test_a_name_of_greatest_length_is_mended(tmp_path):
    name = "n" * 251 + ".png"
    Image.fromarray(np.full((20, 24), 9, np.uint8)).save(tmp_path / name)
    assert thermend("enhance", tmp_path / name, "-o", tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / name).is_file()


def test_an_empty_input_is_not_the_current_folder(tmp_path):
    done = thermend("enhance", "", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "empty" in done.stderr


def test_a_named_file_keeps_its_name_beside_its_colours(folder, tmp_path):
    assert thermend("enhance", folder / "a.png", "-o", tmp_path / "r.tif", "--palette", "iron").returncode == 0
    assert tifffile.imread(tmp_path / "r.tif").dtype == np.uint8
    with Image.open(tmp_path / "r.iron.png") as picture:
        assert picture.mode == "RGB"


def test_pictures_beside_a_result_are_kept_and_made_up_for(folder, tmp_path):
    assert thermend("enhance", folder / "a.png", "-o", tmp_path / "out").returncode == 0
    result = (tmp_path / "out/a.png").read_bytes()
    assert thermend("enhance", folder / "a.png", "-o", tmp_path / "out", "--compare").returncode == 0
    with Image.open(tmp_path / "out/a.compare.png") as picture:
        assert '"method": "auto"' in picture.info["thermend"]
    (tmp_path / "out/a.compare.png").write_bytes(b"mine")
    (tmp_path / "out/a.png").unlink()
    done = thermend("enhance", folder / "a.png", "-o", tmp_path / "out", "--compare", "--json")
    assert json.loads(done.stdout)[0]["result"].endswith("a.png")
    assert (tmp_path / "out/a.compare.png").read_bytes() == b"mine"
    assert (tmp_path / "out/a.png").read_bytes() == result


def test_a_comparison_never_meets_another_result(folder, tmp_path):
    shutil.copy(folder / "a.png", folder / "a.compare.png")
    done = thermend("enhance", folder, "-o", tmp_path / "out", "--compare")
    assert done.returncode == 2
    assert "apart" in done.stderr


def test_names_too_long_are_named(tmp_path, folder):
    for words in ((("n" * 300 + ".png"), "-o", tmp_path / "o"), (folder / "a.png", "-o", tmp_path / ("o" * 300))):
        done = thermend("enhance", *words)
        assert done.returncode == 2
        assert "nnn" in done.stderr or "ooo" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
@pytest.mark.parametrize("name", ["r.png", "r.jpg", "r.tif", "r.npy"])
def test_a_full_disk_costs_one_line_and_leaves_nothing(tmp_path, rng, name):
    import resource
    import signal

    Image.fromarray(rng.integers(0, 255, (400, 500)).astype(np.uint8)).save(tmp_path / "noisy.png")

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [COMMAND, "enhance", "noisy.png", "-o", f"out/{name}", "--method", "classical.unsharp"],
        cwd=tmp_path, capture_output=True, text=True, preexec_fn=small_files,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if name in line]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_batch_that_is_ended_leaves_no_process_and_no_part(tmp_path, rng):
    import signal
    import time

    import psutil

    for i in range(40):
        Image.fromarray(rng.integers(0, 255, (700, 900)).astype(np.uint8)).save(tmp_path / f"{i}.png")
    process = psutil.Popen(
        [COMMAND, "enhance", str(tmp_path), "-o", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list((tmp_path / "out").glob("[0-9]*.png")):
        time.sleep(0.01)
    family = process.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert not [p.name for p in (tmp_path / "out").iterdir() if ".part" in p.name]
    assert len(list((tmp_path / "out").iterdir())) < 40
