"""What DEM is taught, and when."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from thermend.methods.hidra.lessons import Lessons  # noqa: E402
from thermend.methods.hidra.pipeline import CASCADE, known  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def clean(scene):
    return torch.from_numpy(scene[None, None]).float()


def test_what_was_done_is_told(clean):
    images = clean.expand(200, -1, -1, -1)
    mean = images.mean((1, 2, 3))
    found = known(images, torch.Generator().manual_seed(0), mean)
    assert found.there.shape == found.amount.shape == (200, len(CASCADE.steps))
    assert not found.amount[found.there == 0].any()
    assert (found.amount[found.there == 1] > 0).float().mean() > 0.95
    change = (255 * (found.image - images)).square().mean((1, 2, 3)).sqrt()
    one = found.there.sum(1) == 1  # then the amount is all that happened, but for rounding
    torch.testing.assert_close(change[one], found.amount[one].sum(1).expm1(), rtol=0.1, atol=0.5)
    assert not change[found.there.sum(1) == 0].round().any()


def test_half_take_one_step_and_the_others_any_number(clean):
    images = clean[..., :8, :8].expand(2800, -1, -1, -1)
    found = known(images, torch.Generator().manual_seed(0), images.mean((1, 2, 3)))
    counts = torch.bincount(found.there.sum(1).long(), minlength=7)
    assert 1500 < counts[1] < 1700  # 1400 + 200
    assert all(140 < counts[n] < 260 for n in (0, 2, 3, 4, 5, 6))
    alone = found.there[found.there.sum(1) == 1].sum(0)
    assert alone.min() > 200


def test_the_terms_are_what_a_linear_layer_misses(clean):
    torch.manual_seed(0)
    images = clean.expand(3, -1, -1, -1)
    truth, lessons = known(images, torch.Generator().manual_seed(0), images.mean((1, 2, 3))), Lessons(5)
    vectors = torch.randn(3, 5)
    there, amount = lessons.readout(vectors).chunk(2, 1)
    terms = lessons(vectors, truth)
    likely = torch.where(truth.there == 1, there.sigmoid(), 1 - there.sigmoid())
    assert terms["there"].item() == pytest.approx(-likely.log().mean().item(), rel=1e-5)
    assert terms["amount"].item() == pytest.approx((amount - truth.amount).square().mean().item(), rel=1e-5)
    assert math.isfinite(sum(terms.values()).item())
