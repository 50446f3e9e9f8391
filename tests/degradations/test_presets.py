from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

import thermend  # noqa: E402
from thermend import UsageError  # noqa: E402
from thermend.degradations import DEGRADATIONS, PRESETS, Cascade, OneOf, Step, Uniform, degrade, generator_for  # noqa: E402
from thermend.degradations.cascade import RootUniform  # noqa: E402

PARITY = Path(__file__).parent / "presets.npz"
"""An image and what every preset made of it (seed 7, name `scene.png`); written by `python tests/degradations/parity.py`."""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_the_same_on_every_machine(name):
    with np.load(PARITY) as stored:
        result = degrade(stored["scene"], name, 7, "scene.png")
        difference = np.abs(result.astype(int) - stored[name])
    assert difference.max() <= 1
    assert np.mean(difference > 0) <= 1e-3


def test_seed_name_and_preset_decide_and_nothing_else(scene):
    grey = np.rint(scene * 255).astype(np.uint8)
    first = degrade(grey, "hm-tir-hard", 1, "a.png")
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, degrade(grey, "hm-tir-hard", 1, "a.png"))
    for other in ((2, "a.png"), (1, "b.png")):
        assert (first != degrade(grey, "hm-tir-hard", *other)).mean() > 0.5


def test_the_numbers_of_a_preset_are_its_papers():
    grey = np.full((600, 700), 128, np.uint8)
    for name, sigma in (("deal-stripe-moderate", 10), ("deal-stripe-heavy", 25)):
        profile = degrade(grey, name, 0, "x").astype(float).mean(0)
        assert profile.std() == pytest.approx(sigma, rel=0.1)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    np.testing.assert_allclose(
        degrade(ramp, "deal-low-contrast", 0, "x")[0], 127.5 + 0.5 * (np.arange(256) - 127.5), atol=1
    )


@pytest.mark.parametrize(("preset", "low", "high"), [("hm-tir-hard", 11.0, 12.0), ("deal-stripe-heavy", 19.5, 21)])
def test_how_far_real_images_are_degraded(cases, preset, low, high):
    values = []
    for path in (
        sorted((cases / "data/roadscene/val").glob("*.png"))[:12]
        + sorted((cases / "data/hit-uav/val").glob("*.jpg"))[:12]
    ):
        clean = thermend.read(path).pixels.astype(np.uint8)
        error = np.mean((degrade(clean, preset, 0, path.name).astype(float) - clean) ** 2)
        values.append(10 * np.log10(255**2 / error))
    # The strength was set on training images; these are others.
    assert low - 1 < np.mean(values) < high + 1


def test_an_unknown_preset_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match="hm-tir-hard"):
        degrade(np.zeros((4, 4), np.uint8), "hm-tir", 0, "x")


def test_a_gate_lets_some_images_pass(scene):
    batch = torch.from_numpy(np.stack([scene] * 64))[:, None]
    cascade = Cascade((Step("darkening", {"share": 0.5}),))
    changed = (
        cascade(batch, generator_for(0, "", ""), gate=0.25) != cascade(batch, generator_for(0, "", ""), 0.0)
    ).any(-1)
    assert 4 < changed.any(-1).sum() < 30


def test_stages_follow_one_another(scene):
    batch = torch.from_numpy(scene)[None, None]
    stages = list(PRESETS["hm-tir-normal"].stages(batch, generator_for(0, "p", "x")))
    assert len(stages) == 3
    whole = PRESETS["hm-tir-normal"](batch, generator_for(0, "p", "x"))
    np.testing.assert_allclose(whole, stages[-1], atol=1e-6)
    for stage in stages:  # each stores 8 bits
        np.testing.assert_allclose(stage * 255, (stage * 255).round(), atol=1e-4)


def test_each_image_of_a_batch_draws_its_own_severity(scene):
    batch = torch.from_numpy(np.stack([scene] * 4))[:, None]
    step = Step("stripes", {"offset": Uniform(0, 20), "direction": OneOf(("columns", "rows"))})
    result = step(batch, generator_for(0, "p", "x")) - batch
    assert len({round(float(r.std()), 4) for r in result}) == 4


def test_samples_that_differ_in_what_a_number_is_for_are_kept_apart():
    """Drawn for each sample alone or for all together, a degradation is the same."""
    step = Step("anisotropic-blur", {"sigma_x": OneOf((2, 1.0)), "sigma_y": OneOf((2, 1.0)), "angle": 0.0, "size": 9})
    images = torch.rand(16, 1, 20, 24, generator=torch.Generator().manual_seed(1))
    together = step(images, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    drawn = [step._draw(generator) for _ in range(16)]
    apart = [Step("anisotropic-blur", d)(images[i : i + 1], torch.Generator()) for i, d in enumerate(drawn)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-5, rtol=0)


def test_half_of_the_blind_kernels_are_isotropic():
    blur = PRESETS["hidra-blind-sr"].steps[0]
    generator = torch.Generator().manual_seed(0)
    isotropic = [blur._draw(generator)["isotropic"] for _ in range(400)]
    assert 0.4 < sum(isotropic) / 400 < 0.6
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    round_, long = (DEGRADATIONS["anisotropic-blur"](point, 1.0, 3.0, 0.0, 25, float(i)) for i in (1, 0))
    torch.testing.assert_close(round_, round_.transpose(2, 3))
    assert not torch.allclose(long, long.transpose(2, 3))


def test_where_the_variance_is_drawn_deviations_are_larger():
    """E[√U(25, 400)] = 2/3 (400^1.5 − 25^1.5) / 375, where U(5, 20) has 12.5."""
    step = Step("gaussian-noise", {"sigma": RootUniform(5, 20)})
    batch = torch.full((3000, 1, 16, 16), 0.5)
    sigma = (step(batch, generator_for(0, "p", "x")) - 0.5).square().mean((1, 2, 3)).sqrt() * 255
    assert float(sigma.mean()) == pytest.approx(2 / 3 * (400**1.5 - 25**1.5) / 375, rel=0.02)
    assert float(sigma.square().mean()) == pytest.approx(212.5, rel=0.03)
    named = PRESETS["hm-tir-noise-released"].steps[-1].severity["sigma"]
    assert (type(named), named.low, named.high) == (RootUniform, 5, 20)
    assert [s.name for s in PRESETS["hm-tir-hard-released"].steps] == [s.name for s in PRESETS["hm-tir-hard"].steps]
