"""The networks of 2D-GAN: what Table 2 counts, the variants of Tables 4 and 5, any size."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from thermend.methods import find  # noqa: E402
from thermend.methods.dual_decoder.network import (  # noqa: E402
    ATTENTIONS,
    CHANNELS,
    WIDTHS,
    DualDecodingGenerator,
    MarkovianDiscriminator,
    OuterSkip,
)

pytestmark = pytest.mark.slow

SMALL = (4, 8, 8, 12)
CONFIGURATIONS = {
    "C1": {"dual": False, "inner": False, "outer": False, "attention": "none"},
    "C2": {"dual": False, "outer": False, "attention": "none"},
    "C3": {"attention": "none"},
    "C4": {"outer": False},
    "C5": {},
}
"""Of Table 4."""


def counted(network: torch.nn.Module, *shape: int) -> tuple[float, float]:
    """Millions of parameters and billions of multiply-accumulates."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(shape))
    return sum(p.numel() for p in network.parameters()) / 1e6, counter.get_total_flops() / 2e9


def test_parameters_and_operations_are_those_of_table_2():
    """At 512 × 512, the size at which both networks' operations fit."""
    assert counted(DualDecodingGenerator(), 1, 1, 512, 512) == pytest.approx((12.18, 61.32), rel=0.03)
    assert counted(MarkovianDiscriminator(), 1, CHANNELS, 512, 512) == pytest.approx((1.46, 3.46), rel=0.03)


def test_with_one_channel_parameters_are_within_two_per_cent():
    """As the released file states it (`recipes/dual-decoder/paper.yaml`)."""
    for network, wanted in ((DualDecodingGenerator(channels=1), 12.18), (MarkovianDiscriminator(channels=1), 1.46)):
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(wanted, rel=0.02)
    image = torch.rand(2, 1, 64, 64)
    assert DualDecodingGenerator((4, 4, 8, 8), channels=1)(image).shape == image.shape
    assert MarkovianDiscriminator((4, 4, 4, 4), channels=1)(image).shape == (2, 1, 4, 4)


@pytest.mark.parametrize("variant", WIDTHS)
def test_the_catalogue_has_the_counts(variant):
    entry = find(f"dual-decoder/{variant}")
    parameters, giga = counted(DualDecodingGenerator(WIDTHS[variant]), 1, 1, 512, 640)
    assert (entry.parameters, entry.macs) == (round(parameters * 1e6), round(giga * 1e9))


def test_patches_are_judged_8_by_8():
    assert MarkovianDiscriminator((4, 4, 4, 4))(torch.zeros(2, CHANNELS, 128, 128)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_without_batch_norm_each_sample_is_judged_alone(norm):
    torch.manual_seed(0)
    critic = MarkovianDiscriminator((4, 4, 4, 4), norm)
    images = torch.rand(3, CHANNELS, 64, 64)
    others = torch.cat((images[:1], torch.rand(2, CHANNELS, 64, 64) * 3))
    alone = torch.allclose(critic(images)[0], critic(others)[0], atol=1e-5)
    assert alone == (norm != "batch")


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (33, 50), (128, 130)])
def test_any_size_comes_back_in_its_own(name, shape):
    torch.manual_seed(0)
    network = DualDecodingGenerator(SMALL, **CONFIGURATIONS[name]).eval()
    with torch.no_grad():
        result = network(torch.rand(2, 1, *shape))
    assert result.shape == (2, 1, *shape)
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def gradients(network: DualDecodingGenerator) -> dict[str, bool]:
    """Which parameters the last image's gradient reaches; those of the first pass by way of its image alone, or of skips."""
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    return {name: p.grad is not None and bool(p.grad.abs().max() > 0) for name, p in network.named_parameters()}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_everything_that_a_configuration_has_takes_part(name):
    torch.manual_seed(0)
    network = DualDecodingGenerator(SMALL, **CONFIGURATIONS[name])
    assert all(gradients(network).values())
    assert hasattr(network, "second_decoder") == (name in ("C3", "C4", "C5"))
    assert any(isinstance(m, OuterSkip) for m in network.modules()) == (name in ("C3", "C5"))


@pytest.mark.parametrize("attention", ATTENTIONS)
@torch.no_grad()
def test_attention_weighs_the_first_encoders_features(attention):
    """Without its features nothing of them is left; cross-level attention alone also asks the decoder how much."""
    torch.manual_seed(0)
    network = DualDecodingGenerator(SMALL, attention=attention).eval()
    if attention == "none":
        assert network.attentions is None
        return
    encoded, one, other = (torch.randn(1, 8, 20, 26) for _ in range(3))
    module = network.attentions[1]
    weighted = module(encoded, one)
    assert weighted.shape == encoded.shape
    assert not torch.allclose(weighted, encoded)
    depends = not torch.allclose(weighted, module(encoded, other), atol=1e-6)
    assert depends == (attention != "pixel")
    if attention != "multi-head":
        assert float(module(torch.zeros_like(encoded), one).abs().max()) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dual": False}, "need a second pass"),
        ({"widths": (8,)}, "two levels or more"),
        ({"inner": False}, "outer skips carry"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DualDecodingGenerator(**{"widths": SMALL, **changes})
