from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thermend import InputError, UsageError
from thermend.evaluation import images


def save(path: Path, value: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 16), value, np.uint8)).save(path)
    return path


def test_partners_are_found_by_name_whatever_their_suffix(tmp_path):
    for name in ("clean/a.png", "clean/b.jpg", "clean/deep/a.png", "bad/a.bmp", "bad/b.jpg.png", "bad/deep/a.png"):
        save(tmp_path / name)
    found = {s.name: s.degraded for s in images.samples(tmp_path / "clean", tmp_path / "bad")}
    assert found == {
        "a.png": tmp_path / "bad/a.bmp",
        "b.jpg": tmp_path / "bad/b.jpg.png",
        "deep/a.png": tmp_path / "bad/deep/a.png",
    }


def test_a_missing_partner_or_folder_is_named(tmp_path):
    save(tmp_path / "clean/a.png")
    save(tmp_path / "bad/c.png")
    with pytest.raises(UsageError, match=r"a\.png"):
        images.samples(tmp_path / "clean", tmp_path / "bad")
    with pytest.raises(UsageError, match="no such folder"):
        images.samples(tmp_path / "nowhere")


def test_hm_tir_is_read_as_it_is_downloaded(tmp_path):
    for name in ("imgs/1.png", "imgs/2.png", "imgs/3.png", "composited/normal/1.png", "composited/normal/2.png"):
        save(tmp_path / name)
    save(tmp_path / "single/blur/2.jpg")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/test.txt").write_text("imgs/2.png\n3\n\n")
    found = images.hm_tir(tmp_path)
    assert {c: [s.name for s in samples] for c, samples in found.items()} == {
        "hm-tir-normal": ["2.png"],
        "hm-tir-blur": ["2.png"],
    }
    (tmp_path / "meta/test.txt").unlink()
    assert len(images.hm_tir(tmp_path)["hm-tir-normal"]) == 2


def test_a_folder_of_another_layout_is_refused(tmp_path):
    save(tmp_path / "imgs/1.png")
    with pytest.raises(UsageError, match="composited/normal"):
        images.hm_tir(tmp_path)


def test_the_split_depends_on_names_and_seed_alone():
    names = [f"{i}.png" for i in range(50)]
    training, test = images.split(names, 3)
    assert len(test) == 10
    assert sorted(training + test) == sorted(names)
    assert images.split(reversed(names), 3) == (training, test)
    assert images.split(names, 4)[1] != test
    assert images.split(["one"], 0) == ([], ["one"])


def test_a_visible_image_gives_its_luma(tmp_path, rng):
    colour = rng.integers(0, 255, (20, 24, 3)).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "v.png")
    expected = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(images.visible_grey(tmp_path / "v.png") - expected).max() < 1.5
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(InputError, match="visible"):
        images.visible_grey(tmp_path / "x.png")
