"""Clean images and numbered crops."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")

import thermend  # noqa: E402
from thermend import InputError, UsageError  # noqa: E402
from thermend.normalisation import Normalisation  # noqa: E402
from thermend.training import data  # noqa: E402
from thermend.training.data import CleanCrops, NumberedSamples, chosen_files, clean_pixels, source_files  # noqa: E402
from thermend.training.recipe import Source  # noqa: E402


@pytest.fixture
def folders(tmp_path, scene):
    grey = np.rint(scene * 200).astype(np.uint8)
    places = [tmp_path / "one", tmp_path / "two"]
    for k, place in enumerate(places):
        place.mkdir()
        for n in range(5):
            Image.fromarray(np.roll(grey, 7 * n, 1)).save(place / f"{'ab'[k]}{n}.png")
    return places


def test_the_convention_puts_the_percentiles_where_it_says(folders):
    pixels = clean_pixels(folders[0] / "a0.png", True) * 255
    low, high = np.percentile(pixels, (1, 99))
    assert (low, high) == pytest.approx((14, 223), abs=0.5)


def test_without_the_convention_an_image_is_as_it_is(folders):
    stored = np.asarray(Image.open(folders[0] / "a0.png"))
    np.testing.assert_allclose(clean_pixels(folders[0] / "a0.png", False) * 255, stored, atol=1e-3)


def test_a_photograph_gives_its_luma_at_the_size_that_is_asked_for(tmp_path, rng):
    colour = np.repeat(np.repeat(rng.integers(0, 255, (20, 30, 3)), 5, 0), 5, 1).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "p.png")
    with pytest.raises(InputError, match="palette"):
        clean_pixels(tmp_path / "p.png", False)
    luma = clean_pixels(tmp_path / "p.png", False, Source(photographs=True))
    np.testing.assert_allclose(luma, colour @ np.array([0.299, 0.587, 0.114]) / 255, atol=2 / 255)
    small = clean_pixels(tmp_path / "p.png", False, Source(photographs=True, shorter_side=50))
    assert small.shape == (50, 75)
    np.testing.assert_allclose(small, luma.reshape(50, 2, 75, 2).mean((1, 3)), atol=1e-3)
    assert clean_pixels(tmp_path / "p.png", False, Source(photographs=True, shorter_side=200)).shape == (200, 300)


def test_a_data_sets_layout_gives_the_part_of_its_subjects(tmp_path, scene):
    frames = np.rint(scene[:128, :160] * 200).astype(np.uint8) + np.arange(2, dtype=np.uint8)[:, None, None]
    for subject in range(1, 11):
        tifffile.imwrite(tmp_path / f"{subject:02d}_name_1_f_F_20_60__0.tif", frames, photometric="minisblack")
    found = {part: source_files(tmp_path, Source(layout="sober-drunk", part=part)) for part in ("train", "val", "test")}
    assert [len(files) for files in found.values()] == [7, 2, 1]
    named = chosen_files([tmp_path], None, None, 0, source=Source(layout="sober-drunk"))
    assert [path for path, _ in named] == found["train"]
    crops = CleanCrops(found["train"], 128, 0, False)
    np.testing.assert_allclose(crops.images[0][0].numpy() * 255, frames[0], atol=1e-3)
    with pytest.raises(UsageError, match="no recording of eyes"):
        source_files(tmp_path, Source(layout="sober-drunk", views=["eyes"]))


def test_an_image_without_contrast_is_refused_by_name(tmp_path):
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save(tmp_path / "flat.png")
    with pytest.raises(InputError, match=r"flat\.png.*no contrast"):
        clean_pixels(tmp_path / "flat.png", True)


def test_images_are_drawn_from_all_folders_alike(folders):
    names = [name for _, name in chosen_files(folders, 4, None, 0)]
    assert sorted(n[0] for n in names) == ["a", "a", "b", "b"]
    assert names == [name for _, name in chosen_files(folders, 4, None, 0)]
    assert any(names != [n for _, n in chosen_files(folders, 4, None, seed)] for seed in range(1, 5))


def test_a_small_folder_gives_all_it_has(folders):
    names = [name for _, name in chosen_files(folders, 9, None, 0)]
    assert len(set(names)) == 9


def test_a_split_names_the_images(folders, tmp_path):
    (tmp_path / "split.txt").write_text("# three\nb1.png\n\na3.png\n")
    assert [name for _, name in chosen_files(folders, None, tmp_path / "split.txt", 0)] == ["b1.png", "a3.png"]
    (tmp_path / "split.txt").write_text("imgs/b1.bmp\na3\n")  # as HM-TIR's lists may name them
    assert [name for _, name in chosen_files(folders, None, tmp_path / "split.txt", 0)] == ["b1.png", "a3.png"]
    (tmp_path / "split.txt").write_text("c1.png\n")
    with pytest.raises(UsageError, match=r"c1\.png is in none"):
        chosen_files(folders, None, tmp_path / "split.txt", 0)
    (folders[1] / "a3.png").write_bytes((folders[0] / "a3.png").read_bytes())
    (tmp_path / "split.txt").write_text("a3.png\n")
    with pytest.raises(UsageError, match=r"a3\.png is in several"):
        chosen_files(folders, None, tmp_path / "split.txt", 0)
    for content in (b"# none\n", b"\xff\xfe"):
        (tmp_path / "split.txt").write_bytes(content)
        with pytest.raises(InputError, match=r"split\.txt"):
            chosen_files(folders, None, tmp_path / "split.txt", 0)


def test_a_folder_named_twice_counts_once(folders):
    assert len(chosen_files([folders[0], folders[0]], None, None, 0)) == 5
    with pytest.raises(UsageError, match="the folders hold 5"):
        chosen_files([folders[0], folders[0]], 6, None, 0)


def test_too_few_images_are_counted(folders):
    with pytest.raises(UsageError, match="max_images: 11, but the folders hold 10"):
        chosen_files(folders, 11, None, 0)


def test_a_crop_that_does_not_fit_names_the_image(folders):
    with pytest.raises(UsageError, match=r"a0\.png: 240 x 192 pixels; a patch of 200"):
        CleanCrops([folders[0] / "a0.png"], 200, 0)


@pytest.fixture
def crops(folders):
    return CleanCrops([path for path, _ in chosen_files(folders, None, None, 0)], 64, 3)


def test_a_crop_depends_on_its_number_alone(crops):
    first = [crops[n] for n in range(15)]
    again = {n: crops[n] for n in reversed(range(15))}
    assert all(torch.equal(item[key], again[n][key]) for n, item in enumerate(first) for key in item)


def test_every_turn_sees_every_image_once(crops):
    places = {whole.reduced.data_ptr(): k for k, whole in enumerate(crops._whole)}
    seen = [places[crops[n]["whole"].data_ptr()] for n in range(20)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_a_sample_is_a_piece_of_its_image(crops):
    sample = crops[2]
    assert sample["clean"].shape == (1, 64, 64)
    assert sample["whole"].shape == (1, 256, 256)
    assert 0 <= float(sample["clean"].min()) <= float(sample["clean"].max()) <= 1
    pieces = [image[0].unfold(0, 64, 1).unfold(1, 64, 1) for image in crops.images]
    sums = torch.cat([p.sum((2, 3)).flatten() for p in pieces])
    assert float((sums - sample["clean"].sum()).abs().min()) < 1e-2


def test_few_images_are_held_and_samples_are_the_same(folders, crops, monkeypatch):
    monkeypatch.setattr(data, "HELD", 3 * (240 * 192 + 256 * 256) * 4)
    few = CleanCrops([path for path, _ in chosen_files(folders, None, None, 0)], 64, 3)
    for number in range(30):
        for key, value in crops[number].items():
            assert torch.equal(few[number][key], value)
        assert few._whole.held <= data.HELD


def test_an_image_that_is_not_held_is_named_when_it_is_seen(folders, monkeypatch):
    monkeypatch.setattr(data, "HELD", 1)
    paths = [path for path, _ in chosen_files(folders, None, None, 0)]
    few = CleanCrops(paths, 64, 3)
    paths[7].write_bytes(b"")
    with pytest.raises(InputError, match="b2"):
        [few[number] for number in range(10)]


def test_no_depth_is_lost_on_the_way_to_training(tmp_path, scene):
    counts = np.rint(20_000 + 20_000 * scene).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", counts)
    pixels = clean_pixels(tmp_path / "a.tif", False)
    image = thermend.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels, Normalisation.of(image).apply(image.pixels).clip(0, 1))
    assert len(np.unique(pixels)) == len(np.unique(counts)) > 1000


def test_stretches_follow_one_another_without_gap():
    numbers = NumberedSamples(6)
    found = []
    for stretch in range(3):
        numbers.set_epoch(stretch)
        found += list(numbers)
    assert found == list(range(18))
