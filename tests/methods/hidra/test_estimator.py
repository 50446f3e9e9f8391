"""DEM, and LoRA that it steers, against their equations written out."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("diffusers", reason="needs the hidra extra")
pytest.importorskip("transformers", reason="needs the hidra extra")

import transformers  # noqa: E402
from tiny_sizes import DINOV2, FEATURES, small_dinov2  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from thermend import InputError  # noqa: E402
from thermend.methods.hidra.estimator import (  # noqa: E402
    SMALL,
    DegradationEstimator,
    MutualInteractionAttention,
    colours,
    pretrained_features,
    small_features,
)
from thermend.methods.hidra.lora import GuidedLora, Modulation, add_lora  # noqa: E402

pytestmark = pytest.mark.slow


def test_layers_attend_to_each_other():
    torch.manual_seed(0)
    attention = MutualInteractionAttention(3, 4)
    features = torch.randn(2, 12, 5, 6)
    torch.testing.assert_close(attention(features), features)  # it begins as if it were not there
    torch.nn.init.normal_(attention.out.weight)
    query, key, value = (part(features).reshape(2, 3, -1) for part in (attention.query, attention.key, attention.value))
    weights = (query @ key.mT / (4 * 5 * 6) ** 0.5).softmax(-1)
    assert weights.shape == (2, 3, 3)
    torch.testing.assert_close(attention.map(features), weights)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 3))
    expected = attention.out((weights @ value).reshape(2, 12, 5, 6)) + features
    torch.testing.assert_close(attention(features), expected)


@pytest.mark.parametrize("interaction", [True, False])
@pytest.mark.parametrize("shape", [(64, 64), (70, 93), (5, 11)])
def test_a_vector_an_image_whatever_its_size(shape, interaction):
    estimator = DegradationEstimator(small_features({**SMALL, **FEATURES}), (1, 2), 6, interaction).eval()
    assert estimator(torch.rand(3, 1, *shape)).shape == (3, 6)
    assert (estimator.interaction is not None) == interaction


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="expected some of 1 to 2"):
        DegradationEstimator(small_features({**SMALL, **FEATURES}), (1, 3), 6)


@pytest.mark.parametrize("base", [nn.Conv2d(3, 5, 3, 2, 1), nn.Linear(6, 4)])
def test_lora_is_a_change_of_the_weights(base):
    """(W + U Σ V) x, with a Σ of its own for each image."""
    torch.manual_seed(1)
    lora = GuidedLora(base, 2)
    image = torch.randn(2, 3, 8, 9) if isinstance(base, nn.Conv2d) else torch.randn(2, 7, 6)
    torch.testing.assert_close(lora(image), base(image))  # as it was
    nn.init.normal_(lora.up.weight)
    for sigma in (None, torch.randn(2, 2, 2)):
        lora.sigma = sigma
        found = lora(image)
        for n in range(2):
            middle = torch.eye(2) if sigma is None else sigma[n]
            change = lora.up.weight.flatten(1) @ middle @ lora.down.weight.flatten(1)
            weight = base.weight + change.view_as(base.weight)
            one = image[n : n + 1]
            expected = (
                functional.conv2d(one, weight, base.bias, 2, 1)
                if isinstance(base, nn.Conv2d)
                else functional.linear(one, weight, base.bias)
            )
            torch.testing.assert_close(found[n : n + 1], expected, rtol=1e-4, atol=1e-5)


def test_the_modulation_begins_as_plain_lora_and_tells_layers_and_images_apart():
    torch.manual_seed(0)
    layers = [GuidedLora(nn.Linear(4, 4), 3) for _ in range(2)]
    modulation = Modulation(layers, 5)
    vectors = torch.randn(2, 5)
    torch.testing.assert_close(modulation(vectors), torch.eye(3).expand(2, 2, 3, 3))
    nn.init.normal_(modulation.second.weight)
    sigma = modulation(vectors)
    assert not torch.allclose(sigma[0, 0], sigma[0, 1])
    assert not torch.allclose(sigma[0, 0], sigma[1, 0])


def test_convolutions_and_attention_get_lora_and_nothing_else():
    model = nn.ModuleDict(
        {"time": nn.Linear(2, 2), "conv": nn.Conv2d(1, 2, 3), "attn": nn.ModuleDict({"to_q": nn.Linear(2, 2)})}
    )
    found = add_lora(model, 1)
    assert len(found) == 2
    assert isinstance(model["conv"], GuidedLora)
    assert isinstance(model["attn"]["to_q"], GuidedLora)
    assert isinstance(model["time"], nn.Linear)
    assert not model["conv"].base.weight.requires_grad


def test_a_pretrained_network_sees_grey_as_three_colours():
    image = torch.rand(2, 1, 9, 7)
    seen = colours(image, 3)
    assert seen.shape == (2, 3, 9, 7)
    for n, (mean, deviation) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):  # of ImageNet
        torch.testing.assert_close(seen[:, n], (image[:, 0] - mean) / deviation)


def test_the_small_one_sees_detail_of_less_than_a_grey_level_and_of_thirty():
    image = torch.full((1, 1, 12, 12), 0.5)
    assert not colours(image, 2)[:, 1].any()
    for height in (0.3, 30.0):
        point = image.clone()
        point[..., 6, 6] += height / 255
        detail = colours(point, 2)[0, 1]
        assert detail[6, 6].item() == pytest.approx(math.log1p(2 * height * 8 / 9) / 2, rel=1e-3)
        assert detail[6, 5].item() == pytest.approx(-math.log1p(2 * height / 9) / 2, rel=2e-3)
    torch.testing.assert_close(colours(point.to(torch.float64), 2)[0, 1], detail)  # whatever comes, it is float32


def test_channels_begin_as_frequencies_of_image_and_detail():
    """An image of one frequency is seen by one channel of those that look at the image."""
    projection = small_features().embeddings.patch_embeddings.projection
    low, width = 24, 96
    cosine = torch.cos(math.pi / 8 * 2 * (torch.arange(8) + 0.5))
    seen = projection(torch.stack((cosine.expand(8, 8), torch.zeros(8, 8)))[None])[0, :, 0, 0]
    assert (seen[:low].abs() > 1e-5).sum() == 1
    assert not seen[low : low + 60].abs().gt(1e-5).any()
    torch.testing.assert_close(seen[low + 60 :], torch.ones(width - low - 60))
    finest = torch.cos(math.pi / 8 * 7 * (torch.arange(8) + 0.5))
    for detail, answers in ((finest[:, None] * finest, 1), (torch.ones(8, 8), 0)):
        seen = projection(torch.stack((torch.zeros(8, 8), detail))[None])[0, :, 0, 0]
        assert (seen[low : low + 60].abs() > 1e-4).sum() == answers
        assert not seen[:low].any()


@pytest.mark.parametrize("changes", [{"hidden_size": 384}, {"patch_size": 4}, {"num_channels": 3}])
def test_others_than_the_usual_small_one_can_be_had(changes):
    features = small_features({**SMALL, **changes, "num_hidden_layers": 1})
    estimator = DegradationEstimator(features, (1,), 6)
    with torch.no_grad():
        assert estimator(torch.rand(2, 1, 32, 40)).isfinite().all()


def test_a_network_of_other_channels_is_refused():
    with pytest.raises(ValueError, match="4 channels: expected 2 or 3"):
        DegradationEstimator(small_features({**SMALL, "num_channels": 4}), (1,), 6)


def test_a_pretrained_dinov2_comes_from_its_folder(tmp_path):
    found = pretrained_features(str(small_dinov2(tmp_path)))
    torch.manual_seed(0)
    expected = transformers.Dinov2Model(transformers.Dinov2Config(**DINOV2)).state_dict()
    assert found.state_dict().keys() == expected.keys()
    for name, tensor in found.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])
    assert DegradationEstimator(found, (1, 2), 6)(torch.rand(2, 1, 60, 75)).shape == (2, 6)


def test_saved_in_half_precision_it_is_read_in_single(tmp_path):
    model = pretrained_features(str(small_dinov2(tmp_path / "single")))
    model.half().save_pretrained(tmp_path / "half")
    assert {p.dtype for p in pretrained_features(str(tmp_path / "half")).parameters()} == {torch.float32}


def test_other_networks_and_halves_of_one_are_no_dinov2(tmp_path):
    size = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 48}
    transformers.ViTModel(transformers.ViTConfig(**size)).save_pretrained(tmp_path / "vit")
    with pytest.raises(InputError, match="is a vit, no DINOv2"):
        pretrained_features(str(tmp_path / "vit"))
    small_dinov2(tmp_path / "deep")
    small_dinov2(tmp_path / "shallow", num_hidden_layers=1)
    (tmp_path / "deep" / "model.safetensors").write_bytes((tmp_path / "shallow" / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"lacks weights of a DINOv2 \(\d+, such as encoder\.layer\.1"):
        pretrained_features(str(tmp_path / "deep"))
    with pytest.raises(InputError, match="is no DINOv2 that can be read"):
        pretrained_features(str(tmp_path / "none"))
