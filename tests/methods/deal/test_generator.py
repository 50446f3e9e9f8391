"""N_G: Eq. 3 by hand, and what its strategies draw."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend.degradations import Step, Uniform, contrast, gaussian_blur  # noqa: E402
from thermend.degradations.severity import rounded  # noqa: E402
from thermend.methods.deal.generator import DegradationGenerator, MixtureClassifier  # noqa: E402

pytestmark = pytest.mark.slow

CONTRAST, BLUR = Step("contrast", {"factor": 0.5}), Step("blur", {"sigma": 1.5})
STRIPES = Step("stripes", {"offset": Uniform(10.0, 30.0)})


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def clean() -> torch.Tensor:
    return torch.rand(3, 1, 40, 48, generator=drawing(9))


def test_a_mixture_is_equation_3(clean):
    torch.manual_seed(0)
    network = DegradationGenerator([CONTRAST, BLUR], stages=2).eval()
    a = network.classifier(clean).softmax(2)
    expected = clean
    for stage in range(2):
        first, second = (a[:, stage, j].view(-1, 1, 1, 1) for j in (0, 1))
        expected = first * contrast(expected, 0.5, clean.mean((1, 2, 3))) + second * gaussian_blur(expected, 1.5)
    with torch.no_grad():
        result = network(clean, drawing(), mean=clean.mean((1, 2, 3)))
    torch.testing.assert_close(result, rounded(expected))


def test_the_classifier_has_the_released_shape():
    network = MixtureClassifier(6)
    assert network(torch.rand(2, 1, 100, 120)).shape == (2, 5, 6)
    channels = [m.out_channels for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert channels == [16, 32, 64, 128, 128, 30]
    assert sum(isinstance(m, torch.nn.InstanceNorm2d) for m in network.modules()) == 4


def test_average_mixes_all_alike_and_learns_nothing(clean):
    network = DegradationGenerator([CONTRAST, BLUR, STRIPES], strategy="average")
    weights, passes = network.mixture(clean, drawing())
    assert torch.equal(weights, torch.full((3, 5, 3), 1 / 3))
    assert bool(passes.all())
    assert not list(network.parameters())


def test_all_applies_one_degradation_a_sample():
    network = DegradationGenerator([CONTRAST, BLUR, STRIPES], strategy="all")
    weights, passes = network.mixture(torch.rand(300, 1, 8, 8), drawing())
    assert bool((passes == (torch.arange(5) == 0)).all())
    counts = weights[:, 0].sum(0)
    assert bool((weights.amax(2) == 1).all())
    assert bool((counts > 70).all())  # 100 expected of each


def test_gates_hold_for_one_degradation_a_sample_too():
    network = DegradationGenerator([CONTRAST, BLUR], strategy="all", gate=0.4)
    _, passes = network.mixture(torch.rand(300, 1, 8, 8), drawing())
    assert float(passes[:, 0].double().mean()) == pytest.approx(0.4, abs=0.06)
    assert not bool(passes[:, 1:].any())


def test_gates_leave_some_samples_undamaged():
    network = DegradationGenerator([CONTRAST, BLUR], strategy="random", noise=1.0, gate=0.4)
    clean = torch.rand(200, 1, 8, 8)
    _, passes = network.mixture(clean, drawing())
    assert float(passes.double().mean()) == pytest.approx(0.4, abs=0.05)
    untouched = ~passes.any(1)
    assert bool(untouched.any())
    with torch.no_grad():
        result = network(clean, drawing())
    assert torch.equal(result[untouched], rounded(clean[untouched]))


def test_noise_lets_mixtures_vary_from_sample_to_sample(clean):
    still = DegradationGenerator([CONTRAST, BLUR], strategy="random").mixture(clean, drawing())[0]
    noisy = DegradationGenerator([CONTRAST, BLUR], strategy="random", noise=2.0).mixture(clean, drawing())[0]
    assert torch.equal(still, torch.full_like(still, 0.5))
    assert float(noisy.std()) > 0.2
    torch.testing.assert_close(noisy.sum(2), torch.ones(3, 5))


def test_the_same_state_gives_the_same_images(clean):
    network = DegradationGenerator([STRIPES, CONTRAST], strategy="random", noise=1.0, gate=0.6)
    with torch.no_grad():
        assert torch.equal(network(clean, drawing(4)), network(clean, drawing(4)))
        assert not torch.equal(network(clean, drawing(4)), network(clean, drawing(5)))


def test_a_piece_loses_contrast_about_the_whole_images_mean(clean):
    network = DegradationGenerator([CONTRAST], stages=1, strategy="average")
    means = torch.tensor([0.2, 0.5, 0.8])
    with torch.no_grad():
        result = network(clean, drawing(), mean=means)
    torch.testing.assert_close(result, rounded(contrast(clean, 0.5, means)))
