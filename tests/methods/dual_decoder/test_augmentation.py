"""Sober-Drunk's augmentations: what each does, how far, and that a sample follows from its number."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from thermend import UsageError  # noqa: E402
from thermend.methods.dual_decoder import augmentation  # noqa: E402
from thermend.methods.dual_decoder.augmentation import COVER, AugmentedCrops, covered, rotated  # noqa: E402
from thermend.methods.dual_decoder.recipe import DualDecoderRecipe  # noqa: E402
from thermend.methods.dual_decoder.training import DualDecoderTraining  # noqa: E402
from thermend.training.data import CleanCrops, Drawn  # noqa: E402
from thermend.training.recipe import check  # noqa: E402

KINDS = ("rotated", "covered", "blurred")


@pytest.fixture
def paths(tmp_path, scene):
    found = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(found):
        Image.fromarray(np.rint(np.roll(scene, 50 * n, 1) * 255).astype(np.uint8)).save(path)
    return found


def samples(paths, *kinds, count=40):
    crops = AugmentedCrops(paths, 64, 0, False, kinds=kinds)
    return [crops[number]["clean"][0].numpy() for number in range(count)]


def test_a_turn_is_about_the_pieces_own_centre():
    """A bright point at (row 40, column 60), twenty to the right of the centre (40, 40), is twenty above it after 90°."""
    image = np.zeros((100, 120), np.float32)
    image[40, 60] = 1
    drawn = Drawn(0, top=10, left=10, crop=61, flips=(), turned=False)
    np.testing.assert_allclose(rotated(image, drawn, 0.0), image[10:71, 10:71], atol=1e-6)
    turned = rotated(image, drawn, 90.0)
    assert np.unravel_index(turned.argmax(), turned.shape) == (10, 30)


def test_a_turn_at_the_border_shows_the_mirror_image():
    image = np.full((64, 64), 0.25, np.float32)
    drawn = Drawn(0, top=0, left=0, crop=64, flips=(), turned=False)
    np.testing.assert_allclose(rotated(image, drawn, 15.0), 0.25, atol=1e-6)


def test_a_cover_is_one_grey_and_as_large_as_it_says(rng):
    piece = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    for _ in range(50):
        result = covered(piece, rng)
        changed = result != piece
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        sides = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert all(round(64 * COVER[0]) - 1 <= side <= round(64 * COVER[1]) for side in sides)
        assert len(np.unique(result[changed])) == 1
    assert piece[0, 0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_done_to_half_of_the_pieces_and_alone(paths, kind):
    plain = CleanCrops(paths, 64, 0, False)
    changed = [not np.allclose(a, plain[n]["clean"][0], atol=1e-6) for n, a in enumerate(samples(paths, kind))]
    assert 10 <= sum(changed) <= 30
    assert all(a.min() >= 0 and a.max() <= 1 and a.shape == (64, 64) for a in samples(paths, kind, count=10))


def test_blur_takes_detail_and_leaves_the_mean(paths, monkeypatch):
    monkeypatch.setattr(augmentation, "OFTEN", 1.0)
    plain = CleanCrops(paths, 64, 0, False)
    for number, blurred in enumerate(samples(paths, "blurred", count=10)):
        clean = plain[number]["clean"][0].numpy()
        assert np.square(np.diff(blurred)).sum() < np.square(np.diff(clean)).sum()
        assert blurred.mean() == pytest.approx(clean.mean(), abs=0.01)


def test_a_sample_follows_from_its_number(paths):
    ordered = AugmentedCrops(paths, 64, 0, False, kinds=KINDS)
    again = AugmentedCrops(paths, 64, 0, False, kinds=KINDS)
    for number in (7, 0, 3):
        assert torch.equal(ordered[number]["clean"], again[number]["clean"])
    assert not torch.equal(ordered[0]["clean"], AugmentedCrops(paths, 64, 1, False, kinds=KINDS)[0]["clean"])


def test_a_recipe_asks_for_them_by_name(paths):
    def taken(**changes):
        values = {
            "method": "dual-decoder/full",
            "data": str(paths[0].parent),
            "patch_size": 64,
            "steps": 1,
            "out": "run",
        }
        recipe = check(DualDecoderRecipe, values | {"widths": [4, 8, 8, 12]} | changes, "recipe.yaml")
        return DualDecoderTraining.samples(recipe, paths)

    assert type(taken()) is CleanCrops
    assert taken(augmentations=["rotated", "blurred"]).kinds == ("rotated", "blurred")
    with pytest.raises(UsageError, match="augmentations"):
        taken(augmentations=["stretched"])
