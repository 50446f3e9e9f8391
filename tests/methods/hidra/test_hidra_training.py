"""Bi-level training, the embedded prior's own, and the way of the weights to images."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")
pytest.importorskip("diffusers", reason="needs the hidra extra")
pytest.importorskip("transformers", reason="needs the hidra extra")

from tiny_sizes import AUTOENCODER, ESTIMATOR, UNET, small_dinov2, stable_diffusion  # noqa: E402

import thermend  # noqa: E402
from thermend import InputError, UsageError  # noqa: E402
from thermend.methods import find  # noqa: E402
from thermend.methods.hidra import prior_training, training  # noqa: E402
from thermend.methods.hidra.checkpoints import load_network  # noqa: E402
from thermend.methods.hidra.estimator import pretrained_features  # noqa: E402
from thermend.methods.hidra.guidance import views  # noqa: E402
from thermend.methods.hidra.level import Examples, Level  # noqa: E402
from thermend.methods.hidra.pipeline import known  # noqa: E402
from thermend.methods.hidra.prior_files import from_files  # noqa: E402
from thermend.methods.hidra.prior_training import (  # noqa: E402
    AutoencoderRecipe,
    AutoencoderTraining,
    UnetRecipe,
    UnetTraining,
    worth_of_channels,
)
from thermend.methods.hidra.recipe import HidraRecipe, Pipeline  # noqa: E402
from thermend.methods.hidra.training import HidraTraining  # noqa: E402
from thermend.methods.options import Options  # noqa: E402
from thermend.training.features import Features  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def small_features():
    """In place of pretrained networks, which are large."""

    def small(network, file=None, blocks=16):
        torch.manual_seed(0)
        return Features(torch.nn.Conv2d(3, 4, 3, stride=2), f"small {network}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "features", small)
        patch.setattr(prior_training, "features", small)
        yield


@pytest.fixture(scope="module")
def sd_turbo(tmp_path_factory):
    return stable_diffusion(tmp_path_factory.mktemp("sd-turbo"))


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    return small_dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scene) -> Path:
    path = tmp_path_factory.mktemp("hidra") / "clean"  # runs lie beside it
    path.mkdir()
    for n in range(3):
        Image.fromarray(np.rint(np.roll(scene, 40 * n, 1) * 255).astype(np.uint8)).save(path / f"{n}.png")
    return path


def common(folder: Path, out: str, **changes):
    values = {
        "data": str(folder), "out": str(folder.parent / out), "steps": 4, "crop": 64, "device": "cpu", "checkpoint_every": 2,
    }  # fmt: skip
    return values | changes


@pytest.fixture(scope="module")
def prior(folder) -> tuple[Path, Path]:
    """Both halves, trained for a moment."""
    made = common(folder, "ae", method="hidra/autoencoder", batch=2, configuration=AUTOENCODER, half=True)
    autoencoder = train(check(AutoencoderRecipe, made, "r"), AutoencoderTraining, lambda _: None)
    made = common(folder, "unet", method="hidra/unet", batch=2, configuration=UNET, autoencoder=str(autoencoder))
    return autoencoder, train(check(UnetRecipe, made, "r"), UnetTraining, lambda _: None)


def recipe(folder: Path, halves: tuple[Path, Path], out: str = "run", **changes) -> HidraRecipe:
    prior = {"autoencoder": str(halves[0]), "unet": str(halves[1])}
    values = common(
        folder, out, method="hidra/tiny", batch=3, ranks=[2, 3], prior=prior, estimator=ESTIMATOR,
        solver={"every": 1},
    )  # fmt: skip
    return check(HidraRecipe, values | changes, "recipe.yaml")


def prepared(monkeypatch, made: HidraRecipe, folder: Path) -> tuple[HidraTraining, dict[str, torch.Tensor]]:
    """A training outside of Lightning, and a batch."""
    torch.manual_seed(0)
    ready = HidraTraining(made)
    optimizers = ready.make_optimizers()
    monkeypatch.setattr(ready, "optimizers", lambda: optimizers)
    monkeypatch.setattr(HidraTraining, "enhancer", property(lambda _: optimizers[0]))
    monkeypatch.setattr(ready, "manual_backward", lambda loss: loss.backward())
    samples = HidraTraining.samples(made, sorted(folder.iterdir()))
    drawn = [samples[n] for n in range(made.batch_size)]
    return ready, {key: torch.stack([sample[key] for sample in drawn]) for key in drawn[0]}


def steered(ready: HidraTraining) -> None:
    """As a network that has learned for a while: P has a say, which at the beginning it has not."""
    for part in ready.network.modulations:
        torch.nn.init.normal_(part.second.weight, generator=torch.Generator().manual_seed(1))
    for parameter in ready.own:
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(2))


def _state(module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def _changed(module, before) -> set[str]:
    return {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}


def test_the_priors_halves_say_what_they_are(prior):
    autoencoder, unet = prior
    facts = read_metadata(autoencoder)
    assert facts["method"] == "hidra/autoencoder"
    assert facts["autoencoder"]["latent_channels"] == 4
    assert 0 < facts["autoencoder"]["scaling_factor"] != 1
    assert all(tensor.dtype == torch.float16 for tensor in read_tensors(autoencoder).values())
    assert not any(name.startswith(("autoencoder", "unet.")) for name in read_tensors(unet))
    assert set(read_metadata(unet)) >= {"unet", "scheduler"}


def test_the_prior_may_learn_from_scenes_by_what_the_image_loses(folder, prior, tmp_path):
    changes = {"objective": "decibels", "scenes": 2, "scene_share": 0.5, "last": 0.5, "reduced": 0.5, "beta_end": 0.012}
    made = common(
        folder, str(tmp_path / "run"), method="hidra/unet", batch=4, configuration=UNET, autoencoder=str(prior[0]), steps=12,
        rate=3e-3, checkpoint_every=1, **changes,
    )  # fmt: skip
    path = train(check(UnetRecipe, made, "r"), UnetTraining, lambda _: None)
    network = from_files(prior[0], path)
    assert float(network.signals[-1]) < 0.005
    lines = (tmp_path / "run").glob("log/*/metrics.csv")
    rows = [line.split(",") for file in lines for line in file.read_text().splitlines()]
    decibels = [float(row[rows[0].index("decibels")]) for row in rows[1:]]
    assert all(math.isfinite(value) for value in decibels)
    worth = worth_of_channels(network, torch.zeros(1, 4, 16, 16))
    one = torch.zeros(1, 4, 16, 16)
    one[:, 2] = 1
    change = network.decode(one) - network.decode(torch.zeros_like(one))
    assert float(worth[2]) == pytest.approx(float(change.square().mean()), rel=1e-4)


def test_latents_are_scaled_to_one(folder, prior):
    """As far as four steps can tell."""
    network = from_files(*prior)
    made = check(AutoencoderRecipe, common(folder, "ae", method="hidra/autoencoder", configuration=AUTOENCODER), "r")
    samples = AutoencoderTraining.samples(made, sorted(folder.iterdir()))
    with torch.no_grad():
        latent = network.encode(torch.stack([samples[n]["clean"] for n in range(16)]))
    assert 0.5 < float(latent.square().mean()) < 2
    assert network.autoencoder.config["scaling_factor"] != 1


@pytest.mark.parametrize("kind", ["bilevel", "alternating", "joint"])
def test_a_loop_moves_what_it_should(folder, prior, monkeypatch, kind):
    ready, batch = prepared(monkeypatch, recipe(folder, prior, solver={"every": 1, "kind": kind}), folder)
    steered(ready)
    before = _state(ready.network)
    logged = ready.step(batch, torch.Generator().manual_seed(0))
    ready.step(batch, torch.Generator().manual_seed(1))
    assert all(math.isfinite(float(value)) for value in logged.values())
    changed = _changed(ready.network, before)
    own = {name for name in before if name.endswith((".down.weight", ".up.weight")) or name.startswith("modulations.")}
    assert changed & own
    assert any(name.startswith("estimator.") for name in changed)
    assert all(name in own or name.startswith("estimator.") for name in changed)  # the backbone stays
    assert not any("decoder" in name for name in own)
    assert ("upper" in logged) == (kind != "joint")
    assert ("ratio" in logged) == (kind == "bilevel")


def test_the_upper_step_is_the_solvers(folder, prior, monkeypatch):
    """With the ratio at zero it is the alternating step; otherwise it is not."""
    found = {}
    for name, solver in {"zero": {"most": 1e-30}, "bilevel": {}, "alternating": {"kind": "alternating"}}.items():
        made = recipe(folder, prior, solver={"every": 1, **solver}, losses={"adversarial": 0})
        ready, batch = prepared(monkeypatch, made, folder)
        steered(ready)
        # The lower steps move nothing: what is left is the upper step.
        monkeypatch.setattr(ready.optimizers()[0], "step", lambda: None)
        ready.step(batch, torch.Generator().manual_seed(0))
        found[name] = torch.cat([p.detach().flatten() for p in ready.upper])
    torch.testing.assert_close(found["zero"], found["alternating"])
    assert not torch.allclose(found["bilevel"], found["alternating"])


def test_the_upper_level_moves_in_every_so_many_iterations_after_the_joint_ones(folder, prior, monkeypatch):
    made = recipe(folder, prior, steps=9, lessons=1, solver={"every": 3, "joint": 2})
    ready, batch = prepared(monkeypatch, made, folder)
    steered(ready)
    told, moved = [], []
    for ready.done in range(9):
        before = _state(ready.network)
        told.append("upper" in ready.step(batch, torch.Generator().manual_seed(ready.done)))
        changed = _changed(ready.network, before)
        moved.append(any(name.startswith("estimator.") for name in changed))
        assert any(name.endswith(".up.weight") for name in changed) == (ready.done > 0)
    assert told == [False] * 3 + [True, False, False, True, False, False]
    assert moved == [True, True, True, True, False, False, True, False, False]


def test_the_level_of_whole_images_is_learned_last_and_alone(folder, prior, monkeypatch):
    made = recipe(folder, prior, steps=80, level_steps=78, level_side=192, batch=6, rate=1e-2, pipeline={"gate": 0.9})
    ready, batch = prepared(monkeypatch, made, folder)
    gained = []
    for ready.done in range(80):
        before = _state(ready.network)
        logged = ready.step(batch, torch.Generator().manual_seed(ready.done))
        changed = _changed(ready.network, before)
        assert all(name.startswith("level.") for name in changed) == (ready.done >= 2)
        gained.append(float(logged.get("level", 0.0)))
        if ready.averaged is not None:
            ready.averaged.update_parameters(ready.network)
    assert gained[:2] == [0, 0]
    assert np.mean(gained[-20:]) > 0.5  # dB
    assert ready.metadata()["level"]


def test_the_level_is_learned_from_windows_of_full_resolution(folder, prior):
    made = recipe(folder, prior, steps=4, level_steps=2, level_side=96)
    samples = HidraTraining.samples(made, sorted(folder.iterdir()))
    for number in range(6):
        window, image = samples[number]["window"][0], samples.images[samples.drawn(number).index][0]
        places = image.unfold(0, 96, 1).unfold(1, 96, 1)
        assert (places == window).all((2, 3)).any()
    large = recipe(folder, prior, steps=4, level_steps=2, level_side=256)
    (window,) = HidraTraining.samples(large, sorted(folder.iterdir()))[0]["window"]
    assert window.shape == (256, 256)  # of 192 × 240 pixels
    torch.testing.assert_close(window[192:], window[128:192].flip(0))


def test_what_is_kept_of_an_image_tells_its_error_under_any_level():
    generator = torch.Generator().manual_seed(0)
    level, kept = Level(5), Examples(7, 5)
    torch.nn.init.normal_(level.head[-1].weight, std=0.3, generator=generator)
    made, clean, vectors = (torch.randn(size, generator=generator) for size in ((6, 1, 9, 8), (6, 1, 9, 8), (6, 5)))
    kept.add(made[:2], clean[:2], vectors[:2])
    kept.add(made[2:], clean[2:], vectors[2:])
    wanted = (level.applied(made, vectors) - clean).square().mean((1, 2, 3))
    torch.testing.assert_close(kept.left(level, slice(0, 6)), wanted)
    torch.testing.assert_close(kept.left(None, slice(0, 6)), (made - clean).square().mean((1, 2, 3)))
    assert set(kept.drawn(99, generator).tolist()) == set(range(6))


def test_the_squared_difference_in_decibels_weighs_faint_damage_as_much(folder, prior, monkeypatch):
    """By its own share: what halves the error of a good image counts as what halves a bad one's."""
    plain, asked = (
        recipe(folder, prior, out, losses={"adversarial": 0, "perceptual": 0, "decibels": d})
        for out, d in (("p", 0), ("q", 0.5))
    )
    found = []
    for made in (plain, asked):
        ready, batch = prepared(monkeypatch, made, folder)
        found.append(ready.loss(batch, torch.Generator().manual_seed(0)))
    (before, _, made), (after, logged, _) = found
    squared = (made - batch["clean"]).square().mean((1, 2, 3))
    assert float(logged["decibels"]) == pytest.approx(float((squared + 1e-5).log().mean()), rel=1e-4)
    assert float(after - before) == pytest.approx(0.5 * float(logged["decibels"]), rel=1e-4)


def test_the_level_is_the_same_in_every_part(folder, prior, tmp_path, scene):
    """What training shows, what runs on torch, and what runs as ONNX."""
    made = recipe(folder, prior, "level", level_steps=2, level_side=256, average=0, half=True)
    path = train(made, HidraTraining, lambda _: None)
    tensors = read_tensors(path)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    generator = torch.Generator().manual_seed(0)
    for name in ("level.head.3.weight", "level.head.3.bias"):
        tensors[name] = 0.3 * torch.randn(tensors[name].shape, generator=generator)
    told = path.with_name("told.safetensors")
    write_tensors(told, tensors, read_metadata(path))
    picture = np.rint(scene * 255).astype(np.uint8)
    found = thermend.load("hidra", weights=told, engine="torch").restore(picture).pixels
    plain = thermend.load("hidra", weights=path, engine="torch").restore(picture).pixels
    assert np.abs(found - plain).max() > 5
    network = load_network(told)
    image = torch.from_numpy(picture.astype(np.float32) / 255)[None, None]
    pieces = torch.from_numpy(views(image[0, 0].numpy(), 64))
    with torch.no_grad():
        vector = network.estimator(pieces).mean(0, keepdim=True)
        wanted = network.level.applied(network.enhance(image, vector), vector)[0, 0].numpy()
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1) * 255, atol=0.05)
    exported = thermend.load("hidra", weights=told, engine="onnxruntime").restore(picture).pixels
    np.testing.assert_allclose(exported, found, atol=0.05)


def test_without_an_estimator_it_is_plain_lora(folder, prior, monkeypatch):
    ready, batch = prepared(monkeypatch, recipe(folder, prior, estimator={"guides": False}), folder)
    logged = ready.step(batch, torch.Generator().manual_seed(0))
    assert ready.network.estimator is None
    assert "upper" not in logged
    assert not list(ready.network.modulations)


def test_lessons_come_first_and_move_dem_alone(folder, prior, monkeypatch):
    values = {"lessons": 3, "steps": 7, "warmup": 1, "schedule": "cosine", "rate": 1e-2, "estimator_rate": 0.1}
    ready, batch = prepared(monkeypatch, recipe(folder, prior, **values), folder)
    steered(ready)
    own, upper, critic, lessons = (optimizer.param_groups[0] for optimizer in ready.optimizers())
    rates = [ready.factor_at(step) for step in range(7)]
    assert rates[0] == rates[1] == rates[3] == rates[4] == 1  # each part warms up, then falls, by itself
    assert rates[2] < rates[1]
    assert rates[4] > rates[5] > rates[6]
    for ready.done in range(4):
        before = _state(ready.network)
        logged = ready.step(batch, torch.Generator().manual_seed(ready.done))
        assert all(math.isfinite(float(value)) for value in logged.values())
        changed = _changed(ready.network, before)
        assert any(name.startswith("estimator.features.") for name in changed)
        assert ("amount" in logged) == (ready.done < 3)
        assert all(name.startswith("estimator.") for name in changed) == (ready.done < 3)
        assert any(name.startswith("estimator.interaction.") for name in changed) == (ready.done == 3)
    assert own["lr"] == critic["lr"] == lessons["lr"] == 1e-2
    assert upper["lr"] == pytest.approx(0.1 * own["lr"])


def test_lessons_teach(folder, prior, monkeypatch):
    made = recipe(folder, prior, lessons=60, steps=60, batch=12, rate=3e-3, losses={"adversarial": 0, "perceptual": 0})
    ready, batch = prepared(monkeypatch, made, folder)
    for ready.done in range(60):
        ready.step(batch, torch.Generator().manual_seed(ready.done))
    clean, mean = batch["clean"].repeat(8, 1, 1, 1), batch["mean"].repeat(8)
    truth = known(clean, torch.Generator().manual_seed(99), mean)
    with torch.no_grad():
        vectors = ready.network.estimator(truth.image, interacts=False)
        found = sum(ready.lessons(vectors, truth).values()).item()
        others = sum(ready.lessons(vectors.roll(1, 0), truth).values()).item()
    assert found < 0.85 * others  # it is the image that tells, not how often each step is taken


def test_attention_may_come_in_after_the_lessons(folder, prior):
    """It begins as if it were not there, so that one file of lessons serves the ablation's rows with it and without."""
    without = {**ESTIMATOR, "interaction": False}
    taught = train(
        recipe(folder, prior, "taught", lessons=2, steps=2, average=0, estimator=without), HidraTraining, lambda _: None
    )
    begun = HidraTraining(recipe(folder, prior, "with", start=str(taught)))
    same = HidraTraining(recipe(folder, prior, "without", start=str(taught), estimator=without))
    image = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(begun.network.estimator(image), same.network.estimator(image))
    whole = train(recipe(folder, prior, "whole-taught", average=0), HidraTraining, lambda _: None)
    with pytest.raises(InputError, match="another network"):  # what learned with it cannot do without
        HidraTraining(recipe(folder, prior, "not", start=str(whole), estimator=without))


def test_the_upper_levels_samples_go_through_several_pipelines(folder, prior, monkeypatch):
    made = recipe(folder, prior, solver={"every": 1, "pipelines": 3})
    ready, batch = prepared(monkeypatch, made, folder)
    seen = []
    degrade = ready.degrade

    def record(batch, generator):
        degraded = degrade(batch, generator)
        seen.append((batch["clean"], degraded))
        return degraded

    monkeypatch.setattr(ready, "degrade", record)
    ready.step(batch, torch.Generator().manual_seed(0))
    clean, degraded = next(pair for pair in seen if len(pair[0]) == 9)
    assert torch.equal(clean[::3], batch["clean"])  # the lower level's crops
    assert torch.equal(clean[0], clean[1])
    assert torch.equal(clean[0], clean[2])
    assert not torch.equal(degraded[0], degraded[1])


@pytest.fixture(scope="module")
def weights(folder, prior) -> Path:
    path = train(recipe(folder, prior, "weights", average=0), HidraTraining, lambda _: None)
    tensors = read_tensors(path)  # four steps change too little to tell one vector from another
    generator = torch.Generator().manual_seed(0)
    for name, tensor in tensors.items():
        if name.startswith("modulations.") and "second" in name:
            tensors[name] = torch.randn(tensor.shape, generator=generator)
    out = path.with_name("steered.safetensors")
    write_tensors(out, tensors, read_metadata(path))
    return out


@pytest.mark.parametrize("lessons", [0, 1, 3])
def test_a_run_goes_on_as_if_it_had_not_stopped(folder, prior, lessons):
    whole = train(recipe(folder, prior, f"whole-{lessons}", lessons=lessons), HidraTraining, lambda _: None)
    part = recipe(folder, prior, f"part-{lessons}", lessons=lessons)

    class Stops(HidraTraining):
        def step(self, batch, generator):
            if self.done == 3:
                raise KeyboardInterrupt
            return super().step(batch, generator)

    with pytest.raises(KeyboardInterrupt):
        train(part, Stops, lambda _: None)
    resumed = train(part, HidraTraining, lambda _: None)
    first, second = read_tensors(whole), read_tensors(resumed)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_was_trained_is_what_runs(weights, scene):
    picture = np.rint(scene * 255).astype(np.uint8)
    result = thermend.load("hidra", weights=weights).restore(picture)
    network = load_network(weights)
    image = torch.from_numpy(picture.astype(np.float32) / 255)[None, None]
    side = 64
    views = [image[..., top : top + side, left : left + side] for top in (0, 64, 128) for left in (0, 88, 176)]
    with torch.no_grad():
        vector = torch.stack([network.estimator(view) for view in views]).mean(0)
        expected = network.enhance(image, vector)[0, 0].numpy()
    np.testing.assert_allclose(result.pixels, np.clip(expected, 0, 1) * 255, atol=0.01)
    facts = result.metadata.provenance
    assert (facts["method"], facts["variant"]) == ("hidra", "tiny")


def test_tiles_are_steered_by_the_whole_image(weights, scene):
    """The picture's right half is noisy; a tile of the left half alone would be steered otherwise."""
    rng = np.random.default_rng(0)
    noisy = scene.copy()
    noisy[:, 120:] += rng.normal(0, 0.2, noisy[:, 120:].shape)
    picture = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    seen = []
    for tile in (None, 96):
        restorer = thermend.load("hidra", weights=weights, tile=tile)
        module = restorer.method.network.engine._module
        module.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(kwargs["vector"].clone()), with_kwargs=True
        )
        restorer.restore(picture)
    used = [vector for vector in seen if vector.any()]
    assert len(used) > 3
    assert all(torch.equal(vector, used[0]) for vector in used)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_engine_gives_what_torch_gives(weights, scene, for_engine, engine):
    picture = np.rint(scene * 255).astype(np.uint8)
    expected = thermend.load("hidra", weights=weights, engine="torch").restore(picture).pixels
    found = thermend.load(
        "hidra", weights=for_engine("hidra", weights, engine), engine=engine, precision="float32"
    ).restore(picture)
    np.testing.assert_allclose(found.pixels, expected, atol=0.3)


def test_temperatures_are_not_for_it(weights):
    with pytest.raises(UsageError, match="display"):
        thermend.load("hidra", weights=weights).restore(np.full((64, 64), 20000, np.uint16), mode="radiometric")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "hidra/unet"}, "expected hidra/tiny or hidra/sd-turbo"),
        ({"level_steps": 5}, "lessons 0 and level_steps 5: expected no more than the 4 steps"),
        ({"level_steps": 1, "estimator": {"guides": False}}, "level_steps: go with a DEM"),
        ({"form": "released"}, "form: the released one needs a DINOv2 with registers"),
        ({"conv_in": True}, "conv_in: goes with form: released"),
        ({"method": "hidra/sd-turbo"}, "prior.source: hidra/sd-turbo needs one"),
        ({"prior": {"source": "x", "unet": "y"}}, "exclude each other"),
        ({"prior": {"prompt": "x"}}, "go with a source"),
        ({"estimator": {"configuration": {"hidden": 3}}}, "hidden: no such key"),
        ({"estimator": {"configuration": {"num_channels": 4}}}, "expected 2 or 3"),
        ({"estimator": {"configuration": {"patch_size": 0}}}, "patch_size 0: expected 1 or more"),
        ({"estimator": {"configuration": {"image_size": 4}}}, "image_size 4: expected patch_size, 8, or more"),
        (
            {"estimator": {"configuration": {"patch_size": 96}}},
            "patch_size 64: expected a patch of the estimator, 96, or more",
        ),
        ({"ranks": [0, 3]}, "expected 1 or more"),
        ({"estimator": {**ESTIMATOR, "layers": [1, 9]}}, "expected some of 1 to 2"),
        ({"devices": 2}, "expected 1"),
        ({"lessons": 5}, "lessons 5 and level_steps 0: expected no more than the 4 steps"),
        ({"lessons": 1, "estimator": {"guides": False}}, "no DEM to teach"),
    ],
)
def test_impossible_recipes_name_their_key(folder, prior, changes, message):
    with pytest.raises(UsageError, match=message):
        recipe(folder, prior, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_out_channels": [7, 8]}, "no such model"),
        ({"colour": 1}, "colour: no such key"),
        ({"in_channels": 5, "out_channels": 5}, "expected 3, or the square"),
        ({"latent_channels": 4}, "identity: only an autoencoder of one level"),
        ({"block_out_channels": [48]}, "identity: 48 channels in 16 groups cannot carry 16 numbers"),
    ],
)
def test_impossible_priors_name_what_is_wrong(folder, changes, message):
    values = common(folder, "no", method="hidra/autoencoder", configuration=changes)
    with pytest.raises(UsageError, match=message):
        check(AutoencoderRecipe, values, "r")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_channels": 8}, "does not take and give the autoencoder's 4 channels"),
        ({"block_out_channels": [8, 16, 16]}, "identity: 8 channels in 4 groups cannot carry 4 numbers"),
    ],
)
def test_impossible_unets_name_what_is_wrong(folder, prior, changes, message):
    values = common(
        folder, "no", method="hidra/unet", configuration={**UNET, **changes}, autoencoder=str(prior[0]), crop=64
    )
    with pytest.raises(UsageError, match=message):
        UnetTraining(check(UnetRecipe, values, "r"))


def test_weights_to_begin_with_go_before_the_identity(folder, prior):
    """A prior that could not begin as the identity trains on from a file."""
    made = {**AUTOENCODER, "block_out_channels": [16, 16], "down_block_types": ["DownEncoderBlock2D"] * 2,
            "up_block_types": ["UpDecoderBlock2D"] * 2}  # fmt: skip
    values = common(folder, "two", method="hidra/autoencoder", batch=2, steps=1, configuration=made)
    with pytest.raises(UsageError, match="identity=false begins at random"):
        check(AutoencoderRecipe, values, "r")
    weights = train(check(AutoencoderRecipe, values | {"identity": False}, "r"), AutoencoderTraining, lambda _: None)
    again = values | {"init_from": str(weights), "out": str(folder.parent / "two-again")}
    begun, wanted = AutoencoderTraining(check(AutoencoderRecipe, again, "r")).weights(), read_tensors(weights)
    assert all(torch.equal(begun[name], wanted[name]) for name in wanted)


def test_a_crop_that_does_not_fit_is_refused_before_the_run(folder):
    with pytest.raises(UsageError, match="patch_size 66: expected a multiple of 4"):
        check(AutoencoderRecipe, common(folder, "no", method="hidra/autoencoder", crop=66), "r")


def test_weights_of_another_kind_are_refused_by_name(prior, weights, tmp_path):
    with pytest.raises(InputError, match="holds no weights of HiDRA but of hidra/unet"):
        thermend.load("hidra", weights=prior[1])
    with pytest.raises(InputError, match="does not say what its autoencoder is"):
        find("hidra/autoencoder").open(Options(weights=weights))
    facts = read_metadata(weights) | {"estimator": {"guides": True}}
    path = tmp_path / "torn.safetensors"
    write_tensors(path, read_tensors(weights), facts)
    with pytest.raises(InputError):
        thermend.load("hidra", weights=path)
    tensors = dict(read_tensors(weights))
    tensors.popitem()
    write_tensors(tmp_path / "short.safetensors", tensors, read_metadata(weights))
    with pytest.raises(InputError, match="is missing"):
        thermend.load("hidra", weights=tmp_path / "short.safetensors")


def test_the_probe_can_be_asked_for_as_another_diagnosis(weights, folder, tmp_path, capsys):
    from thermend.app.cli import diagnose
    from thermend.methods.hidra.probe import QUESTIONS, Probe, as_tensors

    generator = np.random.default_rng(0)
    probes = {
        name: Probe(generator.normal(size=(len(a), 6)).astype(np.float32), np.zeros(len(a), np.float32))
        for name, a in QUESTIONS.items()
    }
    path = tmp_path / "probed.safetensors"
    facts = read_metadata(weights) | {"probe": {name: list(answers) for name, answers in QUESTIONS.items()}}
    write_tensors(path, read_tensors(weights) | as_tensors(probes), facts)
    said = []
    code = diagnose.run([str(folder / "0.png")], {}, True, said.append, "hidra", str(path))
    assert code == 0
    opinion = json.loads(said[0])[0]["second_opinion"]
    assert opinion["by"] == "hidra"
    restorer = thermend.load("hidra", weights=path)  # the probe does not keep the network from running
    picture = np.array(Image.open(folder / "0.png"))
    vector = restorer.method.vector((picture / 255).astype(np.float32))
    for question, answers in QUESTIONS.items():
        assert sum(opinion[question].values()) == pytest.approx(1, abs=1e-3)
        expected = dict(zip(answers, probes[question].chances(vector)[0]))
        assert opinion[question] == pytest.approx(expected, abs=1e-3)
    assert diagnose.run([str(folder / "0.png")], {}, False, said.append, "hidra", str(path)) == 0
    assert "by hidra" in capsys.readouterr().out
    with pytest.raises(InputError, match="holds no probe"):
        diagnose.run([str(folder / "0.png")], {}, True, said.append, "hidra", str(weights))
    path.with_suffix(".onnx").write_bytes(b"")
    with pytest.raises(UsageError, match=r"probed\.onnx: --by takes weights with a probe"):
        diagnose.run([str(folder / "0.png")], {}, True, said.append, "hidra", str(path.with_suffix(".onnx")))
    with pytest.raises(UsageError, match="has no opinion"):
        diagnose.run([str(folder / "0.png")], {}, True, said.append, "deal")
    with pytest.raises(UsageError, match="--weights goes with --by"):
        diagnose.run([str(folder / "0.png")], {}, True, said.append, None, str(weights))


def test_trained_weights_on_a_stable_diffusion_run(folder, sd_turbo, scene):
    made = check(
        HidraRecipe,
        common(
            folder, "on-sd", method="hidra/sd-turbo", batch=2, solver={"every": 1}, ranks=[2, 2], steps=1,
            estimator=ESTIMATOR, prior={"source": str(sd_turbo), "precision": "bfloat16"}, average=0,
        ),
        "r",
    )  # fmt: skip
    path = train(made, HidraTraining, lambda _: None)
    assert "prompt" in read_tensors(path)
    result = thermend.load("hidra/sd-turbo", weights=path).restore(np.rint(scene * 255).astype(np.uint8))
    assert result.shape == scene.shape
    assert result.metadata.provenance["variant"] == "sd-turbo"


@pytest.mark.parametrize("which", ["autoencoder", "unet", "hidra"])
def test_a_training_may_begin_with_weights(folder, prior, weights, which):
    if which == "hidra":
        made, kind, start = recipe(folder, prior, "begun", start=str(weights), average=0.9), HidraTraining, weights
    else:
        start = prior[which == "unet"]
        own = (
            {"configuration": AUTOENCODER}
            if which == "autoencoder"
            else {"configuration": UNET, "autoencoder": str(prior[0])}
        )
        values = common(folder, f"begun-{which}", method=f"hidra/{which}", batch=2, start=str(start), **own)
        kind = AutoencoderTraining if which == "autoencoder" else UnetTraining
        made = check(kind.recipe_kind, values, "r")
    begun = kind(made).weights()
    for name, tensor in read_tensors(start).items():
        torch.testing.assert_close(begun[name].float(), tensor.float(), rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="another network"):
        kind(made.model_copy(update={"init_from": prior[which != "unet"] if which != "hidra" else prior[0]}))


def test_averaged_weights_are_those_that_run(folder, prior, scene):
    network = HidraTraining(recipe(folder, prior, "averaged", average=0.5)).restoring
    image = torch.from_numpy(scene)[None, None]
    with torch.no_grad():
        plain = network.enhance(image, None)
        network._layers[0][0].up.weight += 1
        assert not torch.allclose(network.enhance(image, None), plain)  # the layers that are steered are those that run


def test_a_pretrained_estimator_is_trained_along_and_comes_with_the_weights(folder, prior, scene, dinov2):
    chosen = {"source": str(dinov2), "layers": [1, 2], "width": 6}
    path = train(recipe(folder, prior, "pretrained", estimator=chosen, steps=2), HidraTraining, lambda _: None)
    before, after = pretrained_features(str(dinov2)).state_dict(), load_network(path).estimator.features.state_dict()
    assert before.keys() == after.keys()
    moved = {name: float((before[name] - after[name]).abs().max()) for name in before}
    assert max(moved.values()) < 0.01
    assert moved["embeddings.patch_embeddings.projection.weight"] > 0
    result = thermend.load("hidra", weights=path).restore(np.rint(scene * 255).astype(np.uint8))
    assert np.isfinite(result.pixels).all()


def test_weights_on_another_prior_are_nothing_to_begin_with(folder, tmp_path):
    """By what they say of it, since its shapes are the same."""
    path = tmp_path / "start.safetensors"
    write_tensors(
        path, {"x": torch.zeros(1)}, {"method": "hidra/tiny", "prior": "embedded", "prior_sha256": ["a", "b"]}
    )
    values = common(folder, "other-prior", method="hidra/tiny", batch=5, start=str(path))
    with pytest.raises(InputError, match=r"start\.safetensors: was trained on another prior"):
        HidraTraining(check(HidraRecipe, values, "r"))


def test_nor_are_those_that_hold_another_prior(folder, prior, weights, tmp_path):
    tensors = read_tensors(weights)
    name = next(n for n in tensors if n.startswith("backbone.unet."))
    path = tmp_path / "start.safetensors"
    write_tensors(path, tensors | {name: tensors[name] + 1}, read_metadata(weights))
    with pytest.raises(InputError, match=r"start\.safetensors: was trained on another prior"):
        HidraTraining(recipe(folder, prior, "not-begun", start=str(path)))


def test_a_run_does_not_go_on_with_other_files(folder, prior, tmp_path):
    halves = [tmp_path / "ae.safetensors", tmp_path / "unet.safetensors"]
    for half, file in zip(prior, halves):
        file.write_bytes(half.read_bytes())
    made = recipe(folder, halves, "files", steps=1)
    train(made, HidraTraining, lambda _: None)
    halves[1].write_bytes(halves[1].read_bytes() + b" ")
    with pytest.raises(UsageError, match=r"another file of prior\.unet;"):
        train(made, HidraTraining, lambda _: None)


def test_a_unet_stays_with_its_autoencoder(folder, prior, tmp_path):
    made = common(folder, "other-ae", method="hidra/autoencoder", batch=2, configuration=AUTOENCODER, seed=1, steps=1)
    other = train(check(AutoencoderRecipe, made, "r"), AutoencoderTraining, lambda _: None)
    with pytest.raises(InputError, match="was trained on another autoencoder"):
        from_files(other, prior[1])


def test_a_unets_pictures_have_any_size(folder, prior):
    values = common(folder, "odd", method="hidra/unet", batch=2, configuration=UNET, autoencoder=str(prior[0]))
    ready = UnetTraining(check(UnetRecipe, values, "r"))
    with torch.no_grad():
        assert ready.restore(torch.rand(1, 1, 41, 67)).shape == (1, 1, 41, 67)


def test_validation_sees_what_will_run(folder, prior, weights, scene):
    ready = HidraTraining(recipe(folder, prior, "seen", start=str(weights)))
    picture = np.rint(scene * 255).astype(np.uint8)
    expected = thermend.load("hidra", weights=weights).restore(picture).pixels / 255
    with torch.no_grad():
        found = ready.restore(torch.from_numpy(picture.astype(np.float32) / 255)[None, None])[0, 0]
    np.testing.assert_allclose(found.clamp(0, 1).numpy(), np.clip(expected, 0, 1), atol=1e-3)


def test_files_that_misdescribe_themselves_are_refused_in_a_line(weights, tmp_path):
    tensors, facts = read_tensors(weights), read_metadata(weights)
    for n, changes in enumerate(({"view": None}, {"ranks": [2]}, {"estimator": 3}, {"view": "x"})):
        path = tmp_path / f"{n}.safetensors"
        write_tensors(path, tensors, {key: value for key, value in (facts | changes).items() if value is not None})
        with pytest.raises(InputError, match=f"{n}.safetensors: "):
            thermend.load("hidra", weights=path)


def test_it_takes_no_prompts(weights, tmp_path):
    for name in ("p.npz", "p.json"):
        with pytest.raises(UsageError, match=r"hidra/tiny takes no prompts"):
            thermend.load("hidra", weights=weights, prompts=tmp_path / name)


def test_a_share_of_the_images_goes_through_the_authors_damage():
    image = torch.full((200, 1, 32, 32), 0.5)
    image[:, :, ::4] += 0.2
    mean = image.mean((1, 2, 3))
    made = {share: Pipeline(released=share)(image, torch.Generator().manual_seed(0), mean) for share in (0.0, 0.3, 1.0)}
    changed = (made[0.3] != made[0.0]).flatten(1).any(1)
    assert 40 <= int(changed.sum()) <= 80
    assert torch.equal(made[0.3][~changed], made[0.0][~changed])  # the others are what they were
    assert (made[1.0] != made[0.0]).flatten(1).any(1).sum() > 150
