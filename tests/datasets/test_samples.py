from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thermend import InputError, UsageError
from thermend.datasets import hm_tir
from thermend.datasets.samples import samples
from thermend.datasets.splits import split
from thermend.io.raster import luma


def save(path: Path, value: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 16), value, np.uint8)).save(path)
    return path


def test_partners_are_found_by_name_whatever_their_suffix(tmp_path):
    for name in ("clean/a.png", "clean/b.jpg", "clean/deep/a.png", "bad/a.bmp", "bad/b.jpg.png", "bad/deep/a.png"):
        save(tmp_path / name)
    found = {s.name: s.degraded for s in samples(tmp_path / "clean", tmp_path / "bad")}
    assert found == {
        "a.png": tmp_path / "bad/a.bmp",
        "b.jpg": tmp_path / "bad/b.jpg.png",
        "deep/a.png": tmp_path / "bad/deep/a.png",
    }


def test_a_missing_partner_or_folder_is_named(tmp_path):
    save(tmp_path / "clean/a.png")
    save(tmp_path / "bad/c.png")
    with pytest.raises(UsageError, match=r"a\.png"):
        samples(tmp_path / "clean", tmp_path / "bad")
    with pytest.raises(UsageError, match="no such folder"):
        samples(tmp_path / "nowhere")


def test_one_missing_partner_is_its_samples_problem(tmp_path):
    for name in ("clean/a.png", "clean/b.png", "clean/.hidden.png", "bad/a.png"):
        save(tmp_path / name)
    found = samples(tmp_path / "clean", tmp_path / "bad")
    assert [s.name for s in found] == ["a.png", "b.png"]
    assert found[0].problem is None
    assert "b.png: no image of that name" in found[1].problem


def test_results_below_the_clean_folder_are_no_clean_images(tmp_path):
    for name in ("clean/a.png", "clean/bad/a.png"):
        save(tmp_path / name)
    found = samples(tmp_path / "clean", tmp_path / "clean/bad")
    assert [(s.name, s.degraded) for s in found] == [("a.png", tmp_path / "clean/bad/a.png")]


def test_a_name_that_several_could_claim_is_nobodys(tmp_path):
    for name in ("clean/a/1.png", "clean/b/1.png", "clean/2.png", "bad/1.png", "bad/2.png"):
        save(tmp_path / name)
    problems = {s.name: s.problem for s in samples(tmp_path / "clean", tmp_path / "bad")}
    assert problems["2.png"] is None
    assert problems["a/1.png"]
    assert problems["b/1.png"]


def test_a_list_in_another_encoding_and_an_empty_condition_are_no_obstacle(tmp_path):
    for name in ("imgs/1.v2.png", "imgs/3.png", "composited/normal/1.v2.png"):
        save(tmp_path / name)
    (tmp_path / "composited/hard").mkdir()
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/test.txt").write_bytes(b"1.v2\n3.png\n")
    found = hm_tir.test_samples(tmp_path)
    assert list(found) == ["hm-tir-normal"]
    assert [(s.name, s.problem is None) for s in found["hm-tir-normal"]] == [("1.v2.png", True), ("3.png", False)]
    (tmp_path / "meta/test.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(UsageError, match="no clean image"):
        hm_tir.test_samples(tmp_path)


def test_hm_tir_is_read_as_it_is_downloaded(tmp_path):
    for name in ("imgs/1.png", "imgs/2.png", "imgs/3.png", "composited/normal/1.png", "composited/normal/2.png"):
        save(tmp_path / name)
    save(tmp_path / "single/blur/2.jpg")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/test.txt").write_text("imgs/2.png\n3\n\n")
    found = hm_tir.test_samples(tmp_path)
    assert {c: [s.name for s in samples if s.problem is None] for c, samples in found.items()} == {
        "hm-tir-normal": ["2.png"],
        "hm-tir-blur": ["2.png"],
    }
    missing = [s.problem for samples in found.values() for s in samples if s.problem]
    assert len(missing) == 2
    assert all("3.png: no image of that name" in problem for problem in missing)
    (tmp_path / "meta/test.txt").unlink()
    assert len(hm_tir.test_samples(tmp_path)["hm-tir-normal"]) == 2


def test_a_folder_of_another_layout_is_refused(tmp_path):
    save(tmp_path / "imgs/1.png")
    with pytest.raises(UsageError, match="composited/normal"):
        hm_tir.test_samples(tmp_path)


def test_the_split_depends_on_names_and_seed_alone():
    names = [f"{i}.png" for i in range(50)]
    training, test = split(names, 3)
    assert len(test) == 10
    assert sorted(training + test) == sorted(names)
    assert split(reversed(names), 3) == (training, test)
    assert split(names, 4)[1] != test
    assert split(["one"], 0) == ([], ["one"])


def test_a_visible_image_gives_its_luma(tmp_path, rng):
    colour = rng.integers(0, 255, (20, 24, 3)).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "v.png")
    expected = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma(tmp_path / "v.png") - expected).max() < 1.5
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(InputError, match="photograph"):
        luma(tmp_path / "x.png")
