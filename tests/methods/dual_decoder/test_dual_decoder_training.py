"""The joint loss of 2D-GAN, the discriminator's part in it, and the way of the weights to every engine."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

import thermend  # noqa: E402
from thermend import InputError, UsageError  # noqa: E402
from thermend.methods.dual_decoder import training as module  # noqa: E402
from thermend.methods.dual_decoder.checkpoints import built, load_network  # noqa: E402
from thermend.methods.dual_decoder.training import DualDecoderRecipe, DualDecoderTraining  # noqa: E402
from thermend.training.module import TrainingError  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_features(replace_features):
    replace_features(module)


def recipe(folder: Path, out: str = "run", **changes) -> DualDecoderRecipe:
    values = {
        "method": "dual-decoder/full", "data": str(folder), "out": str(folder.parent / out), "steps": 6, "batch": 2, "crop": 64,
        "widths": [4, 8, 8, 12], "device": "cpu", "checkpoint_every": 2,
    }  # fmt: skip
    return check(DualDecoderRecipe, values | changes, "recipe.yaml")


def prepared(folder: Path, monkeypatch, **changes) -> tuple[DualDecoderTraining, dict[str, torch.Tensor]]:
    """A training outside of Lightning, and a batch."""
    made = recipe(folder, **changes)
    torch.manual_seed(0)
    training = DualDecoderTraining(made)
    optimizers = training.make_optimizers()
    monkeypatch.setattr(training, "optimizers", lambda: optimizers if len(optimizers) > 1 else optimizers[0])
    monkeypatch.setattr(training, "manual_backward", lambda loss: loss.backward())
    samples = DualDecoderTraining.samples(made, sorted(folder.iterdir()))
    drawn = [samples[n] for n in range(made.batch_size)]
    return training, {key: torch.stack([sample[key] for sample in drawn]) for key in drawn[0]}


def test_terms_are_those_of_the_equations(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch)
    restored = torch.rand_like(batch["clean"])
    terms = training.terms(restored, batch["clean"])
    assert list(terms) == ["adversarial", "mse", "vgg", "efficientnet"]
    assert float(terms["mse"]) == pytest.approx(4 * float((restored - batch["clean"]).square().mean()), rel=1e-5)
    network = training.perceptual["vgg"]
    expected = (network(restored) - network(batch["clean"])).abs().mean()
    assert float(terms["vgg"]) == pytest.approx(float(expected), rel=1e-5)
    judged = training.critic((2 * restored - 1).expand(-1, 3, -1, -1))
    assert float(terms["adversarial"].detach()) == pytest.approx(-float(judged.detach().mean()), rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "left"),
    [
        ({"mse": 0, "vgg": 0, "efficientnet": 0}, ["adversarial"]),
        ({"adversarial": 0, "vgg": 0, "efficientnet": 0}, ["mse"]),
        ({"adversarial": 0, "mse": 0}, ["vgg", "efficientnet"]),
        ({"efficientnet": 0}, ["adversarial", "mse", "vgg"]),
    ],
)
def test_each_term_can_be_switched_off(folder, monkeypatch, losses, left):
    training, batch = prepared(folder, monkeypatch, losses=losses)
    logged = training.step(batch, torch.Generator().manual_seed(0))
    assert [name for name in ("adversarial", "mse", "vgg", "efficientnet") if name in logged] == left
    assert (training.critic is None) == ("adversarial" not in left)
    assert ("critic_gap" in logged) == ("adversarial" in left)
    assert math.isfinite(float(logged["loss"]))


def test_the_gradient_penalty_is_that_of_wgan_gp(folder, monkeypatch):
    """Of a linear critic the slope is known: the norm of its weights."""
    training, _ = prepared(folder, monkeypatch)

    class Linear(torch.nn.Module):
        def forward(self, image):
            return 0.5 * image.sum((1, 2, 3))

    training.critic = Linear()
    real, fake = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    penalty, slope = training.gradient_penalty(real, fake, torch.Generator().manual_seed(0))
    norm = 0.5 * math.sqrt(60)
    assert float(slope) == pytest.approx(norm, rel=1e-5)
    assert float(penalty) == pytest.approx((norm - 1) ** 2, rel=1e-5)


def test_the_simple_adversarial_loss_is_eq_1(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch, critic={"loss": "logistic"})
    real, fake = batch["clean"], batch["clean"].flip(0) * 0.5
    with torch.no_grad():
        chance = [torch.sigmoid(training.critic(2 * image.expand(-1, 3, -1, -1) - 1)) for image in (real, fake)]
    losses = []
    monkeypatch.setattr(training, "manual_backward", lambda loss: losses.append(float(loss.detach())))
    monkeypatch.setattr(training.optimizers()[1], "step", lambda: None)
    logged = training._criticise(training.optimizers()[1], fake, real, torch.Generator().manual_seed(0))
    assert losses == [pytest.approx(-float(chance[0].log().mean() + (1 - chance[1]).log().mean()), rel=1e-5)]
    assert "penalty" not in logged
    assert float(training.terms(fake, real)["adversarial"].detach()) == pytest.approx(
        -float(chance[1].log().mean()), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["wgan-gp", "logistic"])
def test_the_discriminator_learns_to_tell_real_from_generated(folder, monkeypatch, loss):
    training, batch = prepared(folder, monkeypatch, rate=2e-3, critic={"loss": loss})
    own, critic = training.optimizers()
    monkeypatch.setattr(own, "step", lambda: None)
    before = {name: p.clone() for name, p in training.network.named_parameters()}
    gaps = [float(training.step(batch, torch.Generator().manual_seed(n))["critic_gap"]) for n in range(12)]
    assert gaps[-1] > gaps[0] + 0.05
    assert all(torch.equal(p, before[name]) for name, p in training.network.named_parameters())
    assert critic is not own


def test_the_generators_step_leaves_the_discriminator(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch)
    before = [p.clone() for p in training.critic.parameters()]
    monkeypatch.setattr(training.optimizers()[1], "step", lambda: None)
    training.step(batch, torch.Generator().manual_seed(0))
    assert all(torch.equal(p, old) for p, old in zip(training.critic.parameters(), before))
    assert all(p.requires_grad for p in training.critic.parameters())


def test_a_collapsed_discriminator_is_reported_once(folder, monkeypatch):
    training, _ = prepared(folder, monkeypatch)
    monkeypatch.setattr(module, "FLAT_STEPS", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for gap, slope in ((0.0, 1.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0), (0.0, 0.0)):
            training._watch(gap, slope)
    with pytest.warns(UserWarning, match="collapsed"):
        training._watch(0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training._watch(0.0, 0.0)


def test_a_discriminator_that_breaks_ends_the_run(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch)
    torch.nn.init.constant_(training.critic.layers[0].weight, float("nan"))
    with pytest.raises(TrainingError, match="discriminator's loss is nan"):
        training.step(batch, torch.Generator().manual_seed(0))


def test_contrast_is_lost_about_the_mean_of_the_whole_image(folder, monkeypatch):
    training, batch = prepared(folder, monkeypatch, preset="deal-low-contrast")
    degraded = training.degrade(batch, torch.Generator().manual_seed(0))
    mean = batch["mean"][:, None, None, None]
    expected = (mean + 0.5 * (batch["clean"] - mean)).clamp(0, 1)
    torch.testing.assert_close(degraded, expected, atol=0.5 / 255 + 1e-6, rtol=0)


class KilledError(Exception):
    pass


def test_a_killed_run_goes_on_to_the_same_end(folder, monkeypatch):
    whole = train(recipe(folder, "whole", average=0.5), DualDecoderTraining)
    step = DualDecoderTraining.step

    def dies(self, batch, generator):
        if self.done == 5:
            raise KilledError
        return step(self, batch, generator)

    monkeypatch.setattr(DualDecoderTraining, "step", dies)
    with pytest.raises(KilledError):
        train(recipe(folder, "killed", average=0.5), DualDecoderTraining)
    monkeypatch.setattr(DualDecoderTraining, "step", step)
    assert train(recipe(folder, "killed", average=0.5), DualDecoderTraining).read_bytes() == whole.read_bytes()
    kept = read_metadata(whole)
    assert kept["features"] == {
        "vgg": "small vgg19", "efficientnet": "small efficientnet-b0"
    }  # fmt: skip
    assert not any("perceptual" in name for name in read_tensors(whole))


@pytest.fixture(scope="module")
def weights(folder, tmp_path_factory) -> Path:
    made = recipe(folder)
    torch.manual_seed(0)
    network = built(made.described)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_tensors(path, tensors, {"method": "dual-decoder/full", **made.described})
    return path


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_every_engine_gives_what_the_network_gives(weights, scene, for_engine, engine):
    path = for_engine("dual-decoder", weights, engine)
    picture = np.rint(scene[:100, :150] * 255).astype(np.uint8)
    result = thermend.load("dual-decoder", weights=path, engine=engine).restore(picture).pixels
    padded = np.pad(picture, ((0, 12), (0, 10)), "symmetric")
    with torch.no_grad():
        given = torch.from_numpy(padded.astype(np.float32) / 255)[None, None]
        expected = load_network(weights)(given)[0, 0, :100, :150].numpy() * 255
    np.testing.assert_allclose(result[:80, :130], expected[:80, :130], atol=0.1)


def test_it_is_for_pictures_alone(weights, scene):
    with pytest.raises(UsageError, match="no radiometric mode"):
        thermend.load("dual-decoder", weights=weights).restore(
            np.rint(20_000 + 2_000 * scene).astype(np.uint16), mode="radiometric"
        )


@pytest.mark.parametrize("facts", [{"attention": "none"}, {"widths": [4, 8]}, {"dual": "maybe", "attention": "much"}])
def test_a_file_that_misdescribes_itself_is_refused_by_name(weights, tmp_path, facts):
    path = tmp_path / "x.safetensors"
    write_tensors(path, read_tensors(weights), read_metadata(weights) | facts)
    with pytest.raises(InputError, match=r"x\.safetensors: holds no weights of 2D-GAN's generator"):
        load_network(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "dual-decoder/large"}, "method: .* expected dual-decoder/full or dual-decoder/compact"),
        ({"dual": False}, "outer skips and attention need a second pass"),
        ({"widths": [4]}, "two levels or more"),
        ({"attention": "none", "inner": False}, "outer skips carry"),
        ({"preset": "fog"}, "preset: preset 'fog' is not known"),
        ({"losses": {"adversarial": 0, "mse": 0, "vgg": 0, "efficientnet": 0}}, "losses: every term is left out"),
        ({"critic": {"norm": "layer"}}, "critic.norm"),
        ({"batch": 1}, "batch"),
    ],
)
def test_impossible_recipes_name_their_key(folder, changes, message):
    with pytest.raises(UsageError, match=message):
        recipe(folder, **changes)


def test_with_one_channel_it_trains_and_runs(folder, scene):
    path = train(recipe(folder, "grey", channels=1, steps=2), DualDecoderTraining)
    assert read_metadata(path)["channels"] == 1
    assert load_network(path).channels == 1
    assert read_tensors(path)["encoder.0.0.weight"].shape[1] == 1
    result = thermend.load("dual-decoder", weights=path, engine="torch").restore(np.rint(scene * 255).astype(np.uint8))
    assert result.shape == scene.shape
    with pytest.raises(UsageError, match="channels"):
        recipe(folder, channels=2)
