"""The prior begins as the identity."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("diffusers", reason="needs the hidra extra")

from tiny_sizes import AUTOENCODER, UNET  # noqa: E402

from thermend.methods.hidra.backbone import EMBEDDED, OneStepDiffusion, Reconstruction, embedded  # noqa: E402
from thermend.methods.hidra.identity import (  # noqa: E402
    Carrier,
    autoencoder_as_identity,
    carrier_of_autoencoder,
    carrier_of_unet,
    transform,
    unet_as_identity,
)

pytestmark = pytest.mark.slow

SIZES = [
    EMBEDDED,
    {**EMBEDDED, "autoencoder": {**EMBEDDED["autoencoder"], **AUTOENCODER}, "unet": {**EMBEDDED["unet"], **UNET}},
]


@pytest.fixture(params=SIZES, ids=["as it ships", "tiny"])
def prior(request) -> OneStepDiffusion:
    torch.manual_seed(0)
    found = embedded(request.param)
    autoencoder_as_identity(found.autoencoder)
    unet_as_identity(found.unet)
    return found.eval()


def _scene() -> torch.Tensor:
    """A dull image, a bright one with edges, noise."""
    torch.manual_seed(1)
    dull = 0.3 + 0.01 * torch.rand(1, 64, 64)
    edges = torch.full((1, 64, 64), 0.9)
    edges[:, 20:30, 30:] = 0.1
    return torch.stack([dull, edges, 0.4 + 0.2 * torch.rand(1, 64, 64)])


def test_the_autoencoder_gives_what_it_takes(prior):
    image = _scene()
    with torch.no_grad():
        found = Reconstruction(prior.autoencoder)(image)
    assert (found - image).abs().mean((1, 2, 3)).max() < 0.01
    assert (found.mean((1, 2, 3)) - image.mean((1, 2, 3))).abs().max() < 0.01


def test_the_unet_gives_what_it_takes(prior):
    """Of any level and contrast, and at any timestep: nothing else of it reaches the output yet."""
    latent = (
        torch.randn(3, prior.unet.config["in_channels"], 16, 16) * torch.tensor([0.2, 1, 2])[:, None, None, None] + 1
    )
    with torch.no_grad():
        for timestep in (0, 999):
            assert (prior.noise(latent, timestep) - latent).abs().mean() < 0.1 * latent.abs().mean()


def test_no_layer_stays_cut_off(prior):
    """The zeros that it begins with block gradients for one step only. Of the prompt, all zeros, nothing is to be learned."""
    image = _scene()
    optimizer = torch.optim.SGD(prior.parameters(), 1e-4)
    for _ in range(2):
        optimizer.zero_grad()
        torch.manual_seed(2)
        (prior(image) - image.flip(3)).square().mean().backward()
        optimizer.step()
    idle = {n for n, p in prior.named_parameters() if p.grad is None or not p.grad.any()}
    assert all(".attn2." in name or ("transformer_blocks" in name and ".norm2." in name) for name in idle), idle


def test_the_transform_keeps_all_that_there_is():
    square = torch.rand(16)
    assert torch.allclose(torch.linalg.inv(transform(4)) @ (transform(4) @ square), square, atol=1e-5)
    assert (transform(4) @ torch.ones(16))[1:].abs().max() < 1e-5  # of a flat square the level is all


@pytest.mark.parametrize("numbers", [16, 20, 32])
def test_carriers_are_pairs_with_references_beside_them(numbers):
    carrier = Carrier(192, 16, numbers)
    references = carrier.references().view(16, -1)
    assert references.sum(1).abs().max() == 0
    assert int((references == 0).sum()) == 2 * numbers
    assert len(set(carrier.plus.tolist())) == numbers


@pytest.mark.parametrize(("channels", "groups", "numbers"), [(48, 16, 16), (64, 32, 32), (40, 8, 16)])
def test_no_room_is_said(channels, groups, numbers):
    with pytest.raises(ValueError, match="cannot carry"):
        Carrier(channels, groups, numbers)


def test_what_cannot_begin_as_the_identity_is_refused():
    for changes in (
        {"block_out_channels": [96, 96]}, {"in_channels": 3, "out_channels": 3}, {"latent_channels": 4},
        {"mid_block_add_attention": True}, {"down_block_types": ["AttnDownEncoderBlock2D"]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="one level"):
            carrier_of_autoencoder({**EMBEDDED["autoencoder"], **changes})
    with pytest.raises(ValueError, match="cannot carry"):
        carrier_of_unet({**EMBEDDED["unet"], "block_out_channels": [32, 96, 160]})
    with pytest.raises(ValueError, match="UpBlock2D"):
        carrier_of_unet({**EMBEDDED["unet"], "up_block_types": ["UpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"]})
