"""Pretrained features: the usual checkpoints read by their keys, and never others in their place."""

from __future__ import annotations

import importlib.util

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend import InputError  # noqa: E402
from thermend.errors import MissingDependencyError  # noqa: E402
from thermend.training import features as module  # noqa: E402
from thermend.training.features import VGG16, VGG19, EfficientNet, Same, features  # noqa: E402

pytestmark = pytest.mark.slow


def usual_vgg() -> dict[str, torch.Tensor]:
    """As the usual checkpoint has it, in small numbers and with what lies behind block5_conv2."""
    torch.manual_seed(0)
    own = {f"features.{name}": tensor for name, tensor in VGG19().state_dict().items()}
    return own | {"features.32.weight": torch.zeros(512, 512, 3, 3), "classifier.0.weight": torch.zeros(3, 3)}


def usual_efficientnet(lite: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    found = {}
    for name, tensor in EfficientNet(lite).state_dict().items():
        place, _, rest = name.partition(".")
        if place == "blocks":
            number, part, layer, kind = rest.split(".")
            theirs = {
                "expand0": "expand_conv", "expand1": "bn0", "depthwise0": "depthwise_conv", "depthwise1": "bn1",
                "squeeze0": "se_reduce", "squeeze1": "se_expand", "project0": "project_conv", "project1": "bn2",
            }[part + layer]  # fmt: skip
            found[f"_blocks.{number}._{theirs}.{kind}"] = tensor
        else:
            layer, kind = rest.split(".")
            theirs = {"stem0": "_conv_stem", "stem1": "_bn0", "head0": "_conv_head", "head1": "_bn1"}[place + layer]
            found[f"{theirs}.{kind}"] = tensor
    return found | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


@pytest.fixture
def lpips_package(tmp_path, monkeypatch):
    """The package `lpips` as pip lays it out; it could not be imported."""
    folder = tmp_path / "lpips"
    (folder / "weights" / "v0.1").mkdir(parents=True)
    (folder / "__init__.py").write_text("import torchvision")
    torch.manual_seed(1)
    weights = [torch.rand(1, width, 1, 1) for width in (64, 128, 256, 512, 512)]
    torch.save({f"lin{n}.model.1.weight": w for n, w in enumerate(weights)}, folder / "weights" / "v0.1" / "vgg.pth")
    monkeypatch.syspath_prepend(tmp_path)
    return weights


def usual_vgg16() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    own = {f"features.{name}": tensor for name, tensor in VGG16().state_dict().items()}
    return own | {"classifier.0.weight": torch.zeros(3, 3)}


@pytest.fixture
def alone(monkeypatch):
    """Without a network and without torch.hub's cache."""

    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)


def test_vgg_is_read_from_a_file_up_to_block5_conv2(tmp_path):
    torch.save(usual_vgg(), tmp_path / "vgg19.pth")
    found = features("vgg19", tmp_path / "vgg19.pth")
    assert found.name == "vgg19"
    image = torch.rand(1, 1, 64, 48)
    assert found(image).shape == (1, 512, 4, 3)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in found.network) == 14
    assert float(found(image).min()) < 0  # before the ReLU


def test_efficientnet_is_read_from_a_file(tmp_path):
    tensors = usual_efficientnet(False)
    assert sum(t.numel() for n, t in tensors.items() if "running" not in n and "num_batches" not in n) == 5_288_548
    torch.save(tensors, tmp_path / "b0.pth")
    found = features("efficientnet-b0", tmp_path / "b0.pth")
    assert found(torch.rand(1, 1, 70, 64)).shape == (1, 1280, 3, 2)


def test_the_usual_download_is_asked_with_its_hash_and_without_pickles(monkeypatch):
    asked = {}

    def load(url, **options):
        asked.update(options, url=url)
        return usual_vgg()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    assert features("vgg19").name == "vgg19"
    assert asked["check_hash"] is True
    assert asked["weights_only"] is True
    assert asked["url"].endswith("vgg19-dcbb9e9d.pth")


def test_a_download_of_something_else_is_refused(monkeypatch):
    def load(url, **options):
        raise RuntimeError('invalid hash value (expected "dcbb9e9d", got "00000000")')

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    with pytest.raises(InputError, match=r"vgg19-dcbb9e9d\.pth.*invalid hash"):
        features("vgg19")


@pytest.mark.parametrize(("blocks", "width", "share", "name"), [(11, 112, 16, ", 11 blocks"), (16, 1280, 32, "")])
def test_lite0_is_taken_where_it_is_named(alone, tmp_path, monkeypatch, blocks, width, share, name):
    torch.save(usual_efficientnet(True), tmp_path / "lite.pth")
    monkeypatch.setattr(module, "lite0_file", lambda: tmp_path / "lite.pth")
    found = features("lite0", None, blocks)
    assert found.name == "efficientnet-lite0" + name
    assert found(torch.rand(1, 1, 64, 96)).shape == (1, width, 64 // share, 96 // share)


@pytest.mark.parametrize("network", ["lpips", "vgg19", "efficientnet-b0"])
def test_nothing_takes_the_place_of_what_is_not_to_be_had(alone, network):
    with pytest.raises(MissingDependencyError, match=f"weights of {network} are not to be had.*lite0"):
        features(network)


def test_without_lite0_its_package_is_named(alone, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="offline"):
        features("lite0")


def test_foreign_files_are_refused_by_name(tmp_path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth: holds no weights of vgg19"):
        features("vgg19", tmp_path / "x.pth")


def test_features_are_frozen_and_pass_gradients_to_the_image(tmp_path):
    torch.save(usual_vgg(), tmp_path / "vgg19.pth")
    found = features("vgg19", tmp_path / "vgg19.pth").train()
    assert not found.network.training
    assert not any(p.requires_grad for p in found.parameters())
    image = torch.rand(1, 1, 32, 32, requires_grad=True)
    assert float(found.distance(image, image.detach()).detach()) == 0
    found.distance(image, torch.rand(1, 1, 32, 32)).backward()
    assert float(image.grad.abs().max()) > 0


def test_lpips_is_the_weighted_difference_of_directions(tmp_path, lpips_package):
    torch.save(usual_vgg16(), tmp_path / "vgg16.pth")
    found = features("lpips", tmp_path / "vgg16.pth")
    assert found.name == "lpips"
    one, other = torch.rand(2, 2, 1, 32, 48)
    expected = torch.zeros(())
    ends = iter(lpips_package)
    pair = [(image.expand(-1, 3, -1, -1) - found.mean) / found.deviation for image in (one, other)]
    for layer, after in zip(found.network, [*list(found.network)[1:], torch.nn.MaxPool2d(2)]):
        pair = [layer(image) for image in pair]
        if isinstance(after, torch.nn.MaxPool2d):
            a, b = (torch.nn.functional.normalize(image, dim=1) for image in pair)
            expected = expected + (next(ends) * (a - b) ** 2).sum(1).mean()
    torch.testing.assert_close(found.distance(one, other), expected)
    assert next(ends, None) is None
    assert float(found.distance(one, one)) == 0
    dark = torch.zeros(1, 1, 32, 32, requires_grad=True)
    for layer in found.network:
        if isinstance(layer, torch.nn.Conv2d):
            layer.bias.fill_(-1)  # places where no channel says anything
    found.distance(dark, other[:1, :, :, :32]).backward()
    assert torch.isfinite(dark.grad).all()


def test_lpips_is_downloaded_with_its_hashes(monkeypatch):
    asked = {}

    def load(url, **options):
        asked[url] = options
        widths = (64, 128, 256, 512, 512)
        own = {f"lin{n}.model.1.weight": torch.ones(1, w, 1, 1) for n, w in enumerate(widths)}
        return own if "vgg.pth" in url else usual_vgg16()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    assert features("lpips").name == "lpips"
    assert len(asked) == 2
    for url, options in asked.items():
        assert options["check_hash"] is True
        assert torch.hub.HASH_REGEX.search(options["file_name"] or url.rpartition("/")[2])


def test_without_the_channels_weights_lpips_is_not_half_of_itself(alone, tmp_path, monkeypatch):
    torch.save(usual_vgg16(), tmp_path / "vgg16.pth")
    with pytest.raises(MissingDependencyError, match="--no-deps lpips"):
        features("lpips", tmp_path / "vgg16.pth")


def test_a_foreign_lpips_is_refused(tmp_path, lpips_package):
    torch.save({"lin0.model.1.weight": torch.zeros(1, 3, 1, 1)}, tmp_path / "lpips" / "weights" / "v0.1" / "vgg.pth")
    torch.save(usual_vgg16(), tmp_path / "vgg16.pth")
    with pytest.raises(InputError, match="no weights of LPIPS"):
        features("lpips", tmp_path / "vgg16.pth")


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_is_tensorflows(side, kernel):
    """Half the size rounded up; at even sizes what is missing is added at the end."""
    conv = Same(1, 1, kernel, 2, bias=False)
    conv.weight.data.fill_(1)
    result = conv(torch.ones(1, 1, side, side))[0, 0]
    assert result.shape == (-(-side // 2),) * 2
    before = max((-(-side // 2) - 1) * 2 + kernel - side, 0) // 2
    assert float(result[0, 0].detach()) == (kernel - before) ** 2
