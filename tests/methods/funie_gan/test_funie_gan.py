"""FUnIE-GAN: its counts, any size, its losses, and the way from a recipe to a mended picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import thermend  # noqa: E402
from thermend import InputError, UsageError  # noqa: E402
from thermend.methods import find  # noqa: E402
from thermend.methods.funie_gan import training as module  # noqa: E402
from thermend.methods.funie_gan.checkpoints import built, load_network  # noqa: E402
from thermend.methods.funie_gan.network import ConditionalDiscriminator, UNet  # noqa: E402
from thermend.methods.funie_gan.training import FunieGANRecipe, FunieGANTraining  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow

SMALL = (4, 8, 8)


@pytest.fixture(autouse=True)
def small_features(replace_features):
    replace_features(module)


def recipe(folder: Path, **changes) -> FunieGANRecipe:
    values = {
        "method": "funie-gan", "data": str(folder), "out": str(folder.parent / "run"), "steps": 4, "batch_size": 2,
        "patch_size": 64, "widths": list(SMALL), "device": "cpu", "checkpoint_every": 2,
    }  # fmt: skip
    return check(FunieGANRecipe, values | changes, "recipe.yaml")


def prepared(folder: Path, monkeypatch, **changes) -> tuple[FunieGANTraining, dict[str, torch.Tensor]]:
    """A training outside of Lightning, and a batch."""
    made = recipe(folder, **changes)
    torch.manual_seed(0)
    training = FunieGANTraining(made)
    optimizers = training.make_optimizers()
    monkeypatch.setattr(training, "optimizers", lambda: optimizers)
    monkeypatch.setattr(training, "manual_backward", lambda loss: loss.backward())
    samples = FunieGANTraining.samples(made, sorted(folder.iterdir()))
    drawn = [samples[n] for n in range(made.batch_size)]
    return training, {key: torch.stack([sample[key] for sample in drawn]) for key in drawn[0]}


def test_the_catalogue_has_the_counts():
    """With the three channels of the released network they are the 7.02 million that are told of it."""
    network = UNet()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 512, 640))
    entry = find("funie-gan")
    assert entry.parameters == sum(p.numel() for p in network.parameters())
    assert entry.macs == counter.get_total_flops() // 2
    of_two_channels = 2 * 32 * 16 + 2 * (64 * 16 + 1)
    assert round((entry.parameters + of_two_channels) / 1e6, 2) == 7.02


@pytest.mark.parametrize("shape", [(32, 32), (1, 1), (33, 50), (128, 130)])
def test_any_size_comes_back_in_its_own(shape):
    torch.manual_seed(0)
    network = UNet(SMALL).eval()
    with torch.no_grad():
        result = network(torch.rand(2, 1, *shape))
    assert result.shape == (2, 1, *shape)
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def test_every_skip_takes_part():
    torch.manual_seed(0)
    network = UNet(SMALL)
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in network.parameters())


def test_patches_are_judged_beside_what_they_were_made_of():
    torch.manual_seed(0)
    critic = ConditionalDiscriminator().eval()
    image, degraded = torch.rand(2, 1, 128, 128), torch.rand(2, 1, 128, 128)
    judged = critic(image, degraded)
    assert judged.shape == (2, 1, 8, 8)
    assert not torch.allclose(judged, critic(image, degraded.flip(0)))


def test_terms_are_the_released_codes(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch)
    training.critic.eval()
    clean, restored, degraded = batch["clean"], torch.rand_like(batch["clean"]), torch.rand_like(batch["clean"])
    terms = {name: float(term.detach()) for name, term in training.terms(restored, clean, degraded).items()}
    with torch.no_grad():
        of_real, of_fake = training.critic(clean, degraded), training.critic(restored, degraded)
    network = training.perceptual["content"]
    assert terms == {
        "adversarial": pytest.approx(float((of_fake - 1).pow(2).mean()), rel=1e-5),
        "absolute": pytest.approx(float(((2 * restored - 1) - (2 * clean - 1)).abs().mean()), rel=1e-5),
        "content": pytest.approx(float((network(restored) - network(clean)).pow(2).mean()), rel=1e-5),
    }
    judged = float(training.judged(restored, clean, degraded).detach())
    assert judged == pytest.approx(float(0.5 * ((of_real - 1).pow(2).mean() + of_fake.pow(2).mean())), rel=1e-5)


def test_a_step_weighs_the_terms_and_the_discriminator_learns(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch, losses={"absolute": 7, "content": 3})
    own, _ = training.optimizers()
    monkeypatch.setattr(own, "step", lambda: None)
    before = [p.clone() for p in training.network.parameters()]
    logged = [training.step(batch, torch.Generator().manual_seed(0)) for _ in range(12)]
    first = {name: float(value) for name, value in logged[0].items()}
    assert first["loss"] == pytest.approx(first["adversarial"] + 7 * first["absolute"] + 3 * first["content"], rel=1e-5)
    assert float(logged[-1]["critic"]) < 0.8 * first["critic"]
    assert all(torch.equal(p, old) for p, old in zip(training.network.parameters(), before))


def test_the_generators_step_leaves_the_discriminator(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch)
    before = [p.clone() for p in training.critic.parameters()]
    monkeypatch.setattr(training.optimizers()[1], "step", lambda: None)
    training.step(batch, torch.Generator().manual_seed(0))
    assert all(torch.equal(p, old) for p, old in zip(training.critic.parameters(), before))


def test_without_content_nothing_pretrained_is_asked_for(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch, losses={"content": 0})
    assert list(training.terms(batch["clean"], batch["clean"], batch["clean"])) == ["adversarial", "absolute"]
    assert "features" not in training.metadata()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in built({"widths": SMALL}).state_dict().items()}
    write_tensors(path, tensors, {"method": "funie-gan", "widths": list(SMALL)})
    return path


def test_a_recipe_becomes_weights_that_mend(folder, tmp_path, scene):
    path = train(recipe(folder, out=str(tmp_path / "run")), FunieGANTraining)
    assert read_metadata(path)["features"] == {"content": "small vgg19"}
    assert load_network(path).widths == SMALL
    picture = np.rint(255 * scene).astype(np.uint8)
    mended = thermend.load("funie-gan", weights=path, engine="torch").restore(picture).pixels
    assert mended.shape == scene.shape
    assert np.isfinite(mended).all()


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_every_engine_gives_what_the_network_gives(weights, scene, for_engine, engine):
    path = for_engine("funie-gan", weights, engine)
    picture = np.rint(scene[:96, :128] * 255).astype(np.uint8)
    result = thermend.load("funie-gan", weights=path, engine=engine).restore(picture).pixels
    with torch.no_grad():
        given = torch.from_numpy(picture.astype(np.float32) / 255)[None, None]
        expected = load_network(weights)(given)[0, 0].numpy() * 255
    np.testing.assert_allclose(result, expected, atol=0.1)


@pytest.mark.parametrize(
    "facts", [{"widths": [4, 8]}, {"widths": [4, 8, 16]}, {"widths": [2**20] * 3}, {"widths": "x"}]
)
def test_a_file_that_misdescribes_itself_is_refused_by_name(weights, tmp_path, facts):
    path = tmp_path / "x.safetensors"
    write_tensors(path, read_tensors(weights), read_metadata(weights) | facts)
    with pytest.raises(InputError, match=r"x\.safetensors: holds no weights of FUnIE-GAN's generator"):
        load_network(path)


def test_none_ships_and_others_are_refused(tmp_path):
    with pytest.raises(UsageError, match="funie-gan ships no weights and needs --weights FILE; `thermend train` makes"):
        thermend.load("funie-gan")
    other = tmp_path / "other.safetensors"
    write_tensors(other, {"x": torch.zeros(3)}, {"method": "funie-gan"})
    with pytest.raises(InputError, match="FUnIE-GAN's generator"):
        load_network(other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "dual-decoder/full"}, "expected funie-gan"),
        ({"preset": "nonsense"}, "preset 'nonsense' is not known"),
        ({"widths": [4]}, "two levels or more"),
        ({"patch_size": 68}, "expected a multiple of 8"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(folder, changes, words):
    with pytest.raises(UsageError, match=words):
        recipe(folder, **changes)


def test_what_a_file_describes_is_built():
    assert built({}).widths == (32, 128, 256, 256, 256)
    assert built({"widths": [4, 8]}).multiple == 4
