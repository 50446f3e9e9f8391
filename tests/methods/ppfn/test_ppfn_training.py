"""Selective progressive training, its samples, and the way of its weights to every engine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

import thermend  # noqa: E402
from thermend import InputError, UsageError  # noqa: E402
from thermend.app.cli import export  # noqa: E402
from thermend.methods import CATALOGUE  # noqa: E402
from thermend.methods.ppfn import passes as running  # noqa: E402
from thermend.methods.ppfn.checkpoints import built, load_network  # noqa: E402
from thermend.methods.ppfn.estimator import Estimate  # noqa: E402
from thermend.methods.ppfn.network import on_pixels  # noqa: E402
from thermend.methods.ppfn.pipeline import OTHERS  # noqa: E402
from thermend.methods.ppfn.recipe import Pipeline, PpfnRecipe  # noqa: E402
from thermend.methods.ppfn.samples import ProgressiveCrops  # noqa: E402
from thermend.methods.ppfn.training import PpfnTraining  # noqa: E402
from thermend.methods.ppfn.whole import whole_of  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow

DEGRADATIONS = running.DEGRADATIONS


def recipe(folder: Path, **changes) -> PpfnRecipe:
    values = {
        "method": "ppfn/compact", "data": str(folder), "out": str(folder.parent / "run"), "steps": 4, "batch": 4, "crop": 64,
        "options": {"width": 8}, "choosing": {}, "rate": 3e-3,
    }  # fmt: skip
    return check(PpfnRecipe, values | changes, "recipe.yaml")


@pytest.fixture(scope="module")
def weights(folder, tmp_path_factory) -> Path:
    """Of a short run; bent so that every pass is made, and the level of the whole image matters."""
    path = train(recipe(folder), PpfnTraining)
    tensors = read_tensors(path)
    tensors["estimator.layers.2.bias"][:3] = 5
    torch.manual_seed(1)
    tensors["restorer.backbone.level.weight"].normal_(0, 0.3)
    bent = tmp_path_factory.mktemp("bent") / "weights.safetensors"
    write_tensors(bent, tensors, read_metadata(path))
    return bent


def samples(folder: Path, **changes) -> ProgressiveCrops:
    return PpfnTraining.samples(recipe(folder, **changes), sorted(folder.iterdir()))


def test_a_composite_sample_loses_one_damage_a_pass(folder):
    drawn = samples(folder, pipeline={"gate": 1.0})
    sample = drawn[0]
    assert bool(sample["composite"])
    states = sample["states"]
    assert states.shape == (7, 1, 64, 64)
    errors = [float((state - sample["clean"]).abs().mean()) for state in states]
    assert errors[3] == 0
    assert min(errors[:3]) > 0
    assert errors[4:] == [0, 0, 0]  # the single ones of a composite sample are clean
    assert bool((sample["severity"] > 0.5).all())


def test_a_single_sample_has_each_damage_alone(folder):
    sample = samples(folder)[1]
    assert not bool(sample["composite"])
    errors = [float((state - sample["clean"]).abs().mean()) for state in sample["states"]]
    assert errors[:4] == [0, 0, 0, 0]
    assert min(errors[4:]) > 0


def test_the_same_draws_are_left_when_one_damage_is_gone(folder):
    """In the order of the paper the states are the stages of one chain; in any other, noise is the same noise."""
    forward, backward = (
        samples(folder, pipeline={"gate": 1.0}, order=order)[0]["states"]
        for order in (["noise", "blur", "contrast"], ["contrast", "blur", "noise"])
    )
    torch.testing.assert_close(forward[0], backward[0])
    assert float((forward[2] - forward[3]).abs().mean()) > 0  # contrast is left last
    assert float((backward[2] - backward[3]).std()) > 0.01  # noise is


def test_samples_follow_from_seed_and_number(folder):
    one, other = samples(folder)[5], samples(folder)[5]
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    assert not torch.equal(one["states"], samples(folder, seed=1)[5]["states"])


def test_a_window_with_the_piece_in_it_stands_for_the_whole(folder):
    whole, windows = (samples(folder, pipeline={"undamaged": 1.0, "window": share}) for share in (1.0, 0.4))
    told = [{drawn[n]["thumbnails"][0].numpy().tobytes() for n in range(0, 40, 2)} for drawn in (whole, windows)]
    assert [len(different) for different in told] == [3, 20]  # images; windows
    for n in range(0, 40, 2):  # the piece is the same, but for the mirroring of the window
        expected, found = whole[n]["clean"], windows[n]["clean"]
        assert any(torch.equal(found, expected.flip(axes)) for axes in ((), (-1,), (-2,)))


def test_undamaged_samples_occur_when_asked(folder):
    drawn = samples(folder, pipeline={"undamaged": 1.0})
    assert float(drawn[0]["severity"].sum()) == 0
    assert torch.equal(drawn[0]["states"][0], drawn[0]["clean"])


def test_other_kinds_of_damage_occur_when_asked():
    rng = np.random.default_rng(0)
    paper = [Pipeline().drawn(rng) for _ in range(5)]
    assert {tuple(len(k.steps) for k in kinds.values()) for kinds in paper} == {(1, 1, 3)}
    drawn = [Pipeline(others=1.0).drawn(rng) for _ in range(60)]
    for name, kinds in OTHERS.items():
        assert all(any(chosen[name] is kind for chosen in drawn) for kind in kinds)
    mixed = [Pipeline(others=0.5).drawn(rng)["blur"] in OTHERS["blur"] for _ in range(200)]
    assert 60 < sum(mixed) < 140


@pytest.mark.parametrize("kind", [kind for kinds in OTHERS.values() for kind in kinds])
def test_every_other_kind_changes_an_image_and_stays_in_range(scene, kind):
    image = torch.from_numpy(scene)[None, None].float()
    changed = kind(image, torch.Generator().manual_seed(1))
    assert float((changed - image).abs().mean()) > 1e-3
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_samples_keep_their_cameras_levels_as_often_as_asked(tmp_path, scene):
    dull = np.rint(100 + 60 * scene).astype(np.uint8)
    Image.fromarray(dull).save(tmp_path / "dull.png")
    drawn = samples(tmp_path, pipeline={"natural": 0.5, "undamaged": 1.0})
    brightest = np.array([float(drawn[n]["percentiles"][0, -1]) * 255 for n in range(0, 40, 2)])
    natural = brightest < 165
    assert 4 < natural.sum() < 16
    assert (brightest[~natural] > 215).all()
    assert all(float(samples(tmp_path)[n]["clean"].max()) > 0.7 for n in range(4))


def test_fewer_iterations_remove_several_at_once(folder):
    assert recipe(folder).passes == (("noise",), ("blur",), ("contrast",))
    assert recipe(folder, iterations=2).passes == (("noise", "blur"), ("contrast",))
    assert recipe(folder, iterations=1).passes == (("noise", "blur", "contrast"),)


def test_a_pass_begins_where_the_one_before_ended_without_its_gradient(folder, monkeypatch):
    torch.manual_seed(0)
    training = PpfnTraining(recipe(folder, choosing=None))
    seen = []
    forward = training.network.restorer.forward

    def record(image, *others):
        result = forward(image, *others)
        seen.append((image, result))
        return result

    monkeypatch.setattr(training.network.restorer, "forward", record)
    monkeypatch.setattr(training, "optimizers", lambda: training.make_optimizers()[0])
    steps = []
    monkeypatch.setattr(
        torch.optim.AdamW, "step", lambda self: steps.append([p.grad is not None for p in training.parameters()])
    )
    backward = []
    monkeypatch.setattr(training, "manual_backward", lambda loss: backward.append(loss.backward()))
    drawn = samples(folder)
    batch = {key: torch.stack([drawn[n][key] for n in range(4)]) for key in drawn[0]}
    training.step(batch, torch.Generator().manual_seed(0))
    assert len(backward) == 4  # three passes, and the prompts' encoders
    assert len(steps) == 1
    for (_, before), (image, _) in pairwise(seen):
        assert not image.requires_grad
        torch.testing.assert_close(image[:2], before[:2].detach().clamp(0, 1))
    torch.testing.assert_close(seen[1][0][2:], batch["states"][[1, 3], 5])  # single: blur alone


def test_encoders_that_run_once_get_the_gradients_of_all_passes(folder, monkeypatch):
    drawn = samples(folder)
    batch = {key: torch.stack([drawn[n][key] for n in range(4)]) for key in drawn[0]}
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self: None)
    gradients = []
    for once in (True, False):
        torch.manual_seed(0)
        training = PpfnTraining(recipe(folder))
        monkeypatch.setattr(training, "optimizers", lambda own=training: own.make_optimizers()[0])
        monkeypatch.setattr(training, "manual_backward", lambda loss: loss.backward())
        restorer = training.network.restorer
        torch.nn.init.normal_(restorer.films["latent"].scale.weight)
        if not once:
            monkeypatch.setattr(restorer, "forward", lambda *given, own=restorer.forward: own(*given[:4]))
        training.step(batch, torch.Generator().manual_seed(0))
        gradients.append([p.grad for p in restorer.fusions.parameters()])
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    assert max(float(g.abs().max()) for g in gradients[0]) > 1e-5


def test_the_estimate_of_a_scenario_is_that_of_independent_chances():
    logits = torch.tensor([[4.0, -4.0, -4.0], [4.0, 4.0, -4.0], [-4.0, -4.0, -4.0], [0.3, -0.2, 1.0]])
    scenario = Estimate(logits, torch.zeros(4, 3)).scenario
    assert scenario[0, 0] > 0.9
    assert scenario[1, 1] > 0.9
    assert scenario[2, 0] > 0.9
    for row, expected in zip(logits, scenario):
        np.testing.assert_allclose(running.scenario_of(row.sigmoid().double().numpy()), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 80), (65, 90), (30, 300), (512, 640)])
def test_what_is_told_without_torch_is_what_torch_tells(rng, shape):
    image = rng.random(shape, np.float32)
    whole = whole_of(torch.from_numpy(image)[None, None])
    np.testing.assert_allclose(running.thumbnail(image), whole.thumbnail[0, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(running.percentiles(image), whole.percentiles[0].numpy(), atol=1e-6)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_every_engine_makes_the_passes_of_the_network(weights, scene, for_engine, engine):
    path = for_engine("ppfn", weights, engine)
    picture = np.rint(scene[:144, :208] * 255).astype(np.uint8)
    result = thermend.load("ppfn", weights=path, engine=engine, precision="float32").restore(picture, mode="display")
    with torch.no_grad():
        expected = load_network(weights)(torch.from_numpy(picture.astype(np.float32) / 255)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(result.pixels, np.clip(expected, 0, 1) * 255, atol=0.02)
    made = [next(iter(step["pass"])) for step in result.metadata.provenance["steps"]]
    assert made == ["noise", "blur", "contrast"]


def test_bf16_is_near_float32(weights, scene, tmp_path):
    """With every block at work; before training they begin at nothing."""
    tensors, facts = read_tensors(weights), read_metadata(weights)
    torch.manual_seed(2)
    for name, tensor in tensors.items():
        if name.endswith(".beta"):
            tensor.normal_(0, 0.5)
        if "backbone.level" in name:
            tensor.zero_()
    write_tensors(tmp_path / "w.safetensors", tensors, facts)
    model = tmp_path / "w.onnx"
    assert export.run("ppfn", str(tmp_path / "w.safetensors"), str(model), say=lambda _: None) == 0
    try:
        fast = thermend.load("ppfn", weights=model, engine="openvino", precision="bf16")
    except UsageError as error:
        pytest.skip(str(error))
    exact = thermend.load("ppfn", weights=model, engine="openvino", precision="float32")
    image = (0.3 + 0.4 * scene).astype(np.float32)
    changes = [r.method.run(image, "display")[0] - image for r in (exact, fast)]
    assert np.abs(changes[0]).max() > 0.01
    assert np.abs(changes[1] - changes[0]).max() < 0.1 * np.abs(changes[0]).max()


def test_an_export_that_does_not_say_what_it_is_is_refused(weights, tmp_path):
    import onnx

    model = tmp_path / "w.onnx"
    assert export.run("ppfn", str(weights), str(model), say=lambda _: None) == 0
    stripped = onnx.load(str(model))
    del stripped.metadata_props[:]
    onnx.save(stripped, str(tmp_path / "stripped.onnx"))
    with pytest.raises(InputError, match=r"stripped\.onnx: does not say that it is a network of ppfn"):
        thermend.load("ppfn", weights=tmp_path / "stripped.onnx")


def test_a_fixed_size_is_the_images_alone(weights, scene, tmp_path):
    """As devices without free sizes want it; the estimator still sees any texture."""
    import onnx

    model = tmp_path / "w.onnx"
    assert export.run("ppfn", str(weights), str(model), say=lambda _: None) == 0
    picture = np.rint(scene[:96, :128] * 255).astype(np.uint8)
    free = thermend.load("ppfn", weights=model, precision="float32").restore(picture, mode="display")
    for name, size in (("image", (96, 128)), ("texture", (96, 128))):
        fixed = onnx.load(str(model))
        sides = next(i for i in fixed.graph.input if i.name == name).type.tensor_type.shape.dim
        for side, length in zip(sides[2:], size):
            side.dim_value = length
        path = tmp_path / f"{name}.onnx"
        onnx.save(fixed, str(path))
        if name == "texture":
            with pytest.raises(InputError, match=r"texture\.onnx: takes texture in one size alone"):
                thermend.load("ppfn", weights=path)
        else:
            result = thermend.load("ppfn", weights=path, precision="float32").restore(picture, mode="display")
            np.testing.assert_allclose(result.pixels, free.pixels, atol=0.02)


def test_bf16_is_taken_by_itself_where_openvino_computes_it(weights, tmp_path):
    model = tmp_path / "w.onnx"
    assert export.run("ppfn", str(weights), str(model), say=lambda _: None) == 0
    try:
        thermend.load("ppfn", weights=model, engine="openvino", precision="bf16")
        expected = "bf16"
    except UsageError:
        expected = "float32"
    assert thermend.load("ppfn", weights=model, engine="openvino").method.network.engine.precision == expected
    assert (
        thermend.load("ppfn", weights=model, engine="openvino", precision="float32").method.network.engine.precision
        == "float32"
    )
    assert thermend.load("ppfn", weights=model, engine="onnxruntime").method.network.engine.precision == "float32"
    assert thermend.load("deal", engine="openvino").method.network.engine.precision == "float32"


def test_tiles_are_told_of_the_whole_image(weights, scene):
    picture = np.tile(np.rint(scene * 255).astype(np.uint8), (2, 2))
    picture[192:] //= 4  # below the part that is looked at it is dark
    whole, tiled = (
        thermend.load("ppfn", weights=weights, tile=tile).restore(picture, mode="display").pixels
        for tile in (None, 320)
    )
    assert np.abs(whole - tiled).mean() < 1e-2
    alone = thermend.load("ppfn", weights=weights).restore(picture[:192, :240], mode="display").pixels
    assert (
        np.abs(whole[:180, :220] - alone[:180, :220]).mean() > 0.05
    )  # a part that is told of itself comes out otherwise


@pytest.fixture(scope="module")
def shading(folder, tmp_path_factory) -> Path:
    """Drawn weights of a backbone with a surface, bent so that it and every pass matter."""
    made = recipe(folder, options={"width": 8, "surface": True})
    torch.manual_seed(3)
    network = built(made.described)
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in network.state_dict().items()}
    tensors["estimator.layers.2.bias"][:3] = 5
    tensors["restorer.backbone.shading.out.weight"].normal_(0, 0.05)
    path = tmp_path_factory.mktemp("shading") / "w.safetensors"
    write_tensors(path, tensors, {"method": "ppfn/compact", **made.described})
    return path


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_a_surface_is_added_before_a_pass_whatever_the_engine(shading, scene, for_engine, engine):
    path = for_engine("ppfn", shading, engine)
    image = (0.3 + 0.4 * scene[:144, :208]).astype(np.float32)
    result, _ = thermend.load("ppfn", weights=path, engine=engine, precision="float32").method.run(image, "display")
    network = load_network(shading)
    with torch.no_grad():
        expected = network(torch.from_numpy(image)[None, None])[0, 0].numpy()
        network.restorer.backbone.shading.out.weight.zero_()
        without = network(torch.from_numpy(image)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(result, expected, atol=1e-4)
    assert np.abs(expected - without).max() > 0.01


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
def test_every_pass_may_be_told_of_the_image_as_it_came(shading, scene, for_engine, tmp_path, engine):
    first = tmp_path / "first.safetensors"
    write_tensors(first, read_tensors(shading), read_metadata(shading) | {"told": "first"})
    image = (0.3 + 0.4 * scene[:144, :208]).astype(np.float32)
    path = for_engine("ppfn", first, engine)
    result, _ = thermend.load("ppfn", weights=path, engine=engine, precision="float32").method.run(image, "display")
    with torch.no_grad():
        of_first, of_each = (load_network(w)(torch.from_numpy(image)[None, None])[0, 0] for w in (first, shading))
    np.testing.assert_allclose(result, of_first.numpy(), atol=1e-4)
    assert (of_first - of_each).abs().max() > 0.001


@pytest.mark.parametrize("told", ["each", "first"])
def test_in_training_a_pass_is_told_what_it_is_told_in_use(folder, monkeypatch, told):
    training = PpfnTraining(recipe(folder, choosing=None, told=told))
    monkeypatch.setattr(training, "optimizers", lambda: training.make_optimizers()[0])
    monkeypatch.setattr(training, "manual_backward", lambda loss: loss.backward())
    seen, own = [], training.network.restorer.forward
    monkeypatch.setattr(training.network.restorer, "forward", lambda *given: seen.append(given[3]) or own(*given))
    drawn = samples(folder)
    batch = {key: torch.stack([drawn[n][key] for n in range(4)]) for key in drawn[0]}
    training.step(batch, torch.Generator().manual_seed(0))
    for k, whole in enumerate(seen):
        of_composite = batch["percentiles"][[0, 2], 0 if told == "first" else k]
        torch.testing.assert_close(whole.percentiles, torch.cat((of_composite, batch["percentiles"][[1, 3], 6 - k])))


def test_a_piece_gets_its_part_of_the_surface(folder):
    """Mirrored, turned and cut out as the piece is."""
    surface = torch.randn(1, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    drawn = samples(folder, pipeline={"undamaged": 1.0})
    for number in range(0, 24, 2):
        place, sample = drawn.drawn(number), drawn[number]
        whole = on_pixels(surface, drawn.images[place.index][None], None)
        found = on_pixels(surface, sample["clean"][None], sample["places"][None])
        torch.testing.assert_close(found[0], place.piece(whole)[0], atol=1e-4, rtol=1e-4)


def test_the_surface_learns(folder, monkeypatch):
    training = PpfnTraining(recipe(folder, options={"width": 8, "surface": True}))
    monkeypatch.setattr(training, "optimizers", lambda: training.make_optimizers()[0])
    monkeypatch.setattr(training, "manual_backward", lambda loss: loss.backward())
    drawn = PpfnTraining.samples(training.recipe, sorted(folder.iterdir()))
    training.step(
        {key: torch.stack([drawn[n][key] for n in range(4)]) for key in drawn[0]}, torch.Generator().manual_seed(0)
    )
    assert float(training.network.restorer.backbone.shading.out.weight.grad.abs().max()) > 0


def test_counts_come_back_as_counts(weights, scene):
    result = thermend.load("ppfn", weights=weights).restore(np.rint(20_000 + 2_000 * scene).astype(np.uint16))
    assert result.unit == "counts"
    made = [list(step["pass"]) for step in result.metadata.provenance["steps"] if "pass" in step]
    assert made == [["noise"], ["blur"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "ppfn/resnet"}, "method: backbone 'resnet' is not known; known are restormer"),
        ({"options": {"depth": 3}}, "options: {'depth': 3} cannot be"),
        ({"options": {"decoder": [2]}}, "options: .* cannot be: 2 levels of the encoder and 1"),
        ({"options": {"width": 0}}, "options: .* cannot be"),
        ({"method": "ppfn/focalnet", "options": {"width": 31}}, "options: .* cannot be"),
        ({"order": ["noise", "blur"]}, "order: .* expected contrast, blur, noise"),
        ({"stages": ["bottom"]}, "stages: 'bottom' is not known"),
        ({"prompts": "none"}, "prompts: none leaves nothing to choose"),
        ({"pipeline": {"strength": [2, 1]}}, "pipeline.strength"),
        ({"iterations": 4}, "iterations"),
    ],
)
def test_impossible_recipes_name_their_key(folder, changes, message):
    with pytest.raises(UsageError, match=message):
        recipe(folder, **changes)


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e.name == "ppfn"], ids=lambda e: e.full_name)
def test_the_catalogue_states_what_is_counted(entry):
    ours = entry.variant == "compact"  # with the options of recipes/ppfn.yaml
    facts = {
        "backbone": entry.variant, "options": {"middle": 7, "surface": True} if ours else {}, "prompts": "dual",
        "fusion": "concatenate", "nonlinear": True, "stages": None, "order": ["noise", "blur", "contrast"], "iterations": 3,
        "chooses": ours,
    }  # fmt: skip
    assert sum(p.numel() for p in built(facts).parameters()) == entry.parameters


@pytest.mark.parametrize(
    "changes", [{"order": "noise"}, {"backbone": "none"}, {"iterations": 9}, {"options": {"width": 16}}]
)
def test_a_file_that_misdescribes_itself_is_refused_by_name(weights, tmp_path, changes):
    path = tmp_path / "w.safetensors"
    write_tensors(path, read_tensors(weights), read_metadata(weights) | changes)
    with pytest.raises(InputError, match=r"w\.safetensors"):
        thermend.load("ppfn", weights=path)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_single_and_composite_damage_weigh_alike_however_few_passes_there_are(folder, monkeypatch, iterations):
    """A network that does nothing, off by 1 on every composite piece and by 0 on every single one, has half a loss."""
    training = PpfnTraining(recipe(folder, choosing=None, iterations=iterations))
    monkeypatch.setattr(training, "optimizers", lambda: training.make_optimizers()[0])
    monkeypatch.setattr(training, "manual_backward", lambda loss: None)
    monkeypatch.setattr(training.network.restorer, "forward", lambda image, *_: torch.zeros_like(image))
    drawn = samples(folder, iterations=iterations)
    batch = {key: torch.stack([drawn[n][key] for n in range(4)]) for key in drawn[0]}
    batch["states"], batch["clean"] = torch.zeros_like(batch["states"]), torch.zeros_like(batch["clean"])
    batch["states"][batch["composite"]] = 1
    logged = training.step(batch, torch.Generator().manual_seed(0))
    assert float(logged["loss"]) == pytest.approx(0.5, abs=1e-3)


def test_scenario_prompts_are_left_out_where_they_were_never_trained(folder):
    facts = recipe(folder, prompts="degradation").described
    torch.manual_seed(0)
    network = built(facts).eval()
    network.estimator = None
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        first = network.undone(image)[0]
        degradation = torch.tensor([[0.0, 0.0, 1.0]])
        expected = network.restorer(image, degradation, torch.zeros(1, 2)).clamp(0, 1)
    torch.testing.assert_close(first, expected)


def test_torn_and_foreign_weights_are_refused_by_name(tmp_path, cases):
    (tmp_path / "torn.safetensors").write_bytes(b"\x10torn")
    with pytest.raises(InputError, match=r"torn\.safetensors"):
        thermend.load("ppfn", weights=tmp_path / "torn.safetensors")
    with pytest.raises(UsageError, match="hold no prompts"):
        thermend.load("ppfn", weights=cases / "parity/ppfn/random_dim16.pt")


def test_prompts_may_be_stated(weights, scene, tmp_path):
    picture = np.rint(scene[:144, :208] * 255).astype(np.uint8)
    prompts = tmp_path / "p.json"
    prompts.write_text('{"blur": 0.4}')
    result = thermend.load("ppfn", weights=weights, prompts=prompts).restore(picture, mode="display")
    made = [(step["pass"], step["composite"]) for step in result.metadata.provenance["steps"]]
    assert made == [({"blur": 0.4}, 0.0)]
    prompts.write_text('{"blur": 1, "noise": 1}')
    result = thermend.load("ppfn", weights=weights, prompts=prompts).restore(picture, mode="display")
    assert [(step["pass"], step["composite"]) for step in result.metadata.provenance["steps"]] == [
        ({"noise": 1.0}, 1.0),
        ({"blur": 1.0}, 1.0),
    ]


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"rain": 1}', '{"blur": 2}', '{"blur": 1, "scenario": "both"}', '{"blur": "much"}']
)
def test_odd_prompts_are_refused_by_name(weights, tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json: holds no prompts"):
        thermend.load("ppfn", weights=weights, prompts=tmp_path / "p.json")


def test_methods_without_prompts_say_so(tmp_path, weights):
    (tmp_path / "p.json").write_text('{"blur": 1}')
    for method in ("auto", "classical.he", "deal"):
        with pytest.raises(UsageError, match="takes no prompts"):
            thermend.load(method, prompts=tmp_path / "p.json")
    np.savez(tmp_path / "p.npz", degradation=np.zeros((3, 128, 128)), scenario=np.zeros((2, 64)))
    with pytest.raises(UsageError, match="prompts of its own"):
        thermend.load("ppfn", weights=weights, prompts=tmp_path / "p.npz")


def test_the_authors_checkpoints_run_with_the_authors_prompts(cases):
    folder = cases / "parity/ppfn"
    numbers = np.load(folder / "random_dim16_io.npz")
    image = numbers["x"][0, 0]
    restorer = thermend.load("ppfn", weights=folder / "random_dim16.pt", prompts=folder / "prompts.npz")
    np.testing.assert_allclose(
        restorer.method.run(image, "display")[0], numbers["composite_steps"][-1][0, 0], atol=1e-5
    )


def test_the_authors_checkpoints_are_exported_with_the_authors_prompts(cases, tmp_path):
    folder = cases / "parity/ppfn"
    numbers = np.load(folder / "random_dim16_io.npz")
    for words, message in (
        (("ppfn", None), "hold no prompts"),
        (("ppfn", "p.json"), r"expected a file \.npz"),
        (("deal", "p.npz"), "deal/.* takes no prompts"),
    ):
        with pytest.raises(UsageError, match=message):
            export.run(words[0], str(folder / "random_dim16.pt"), str(tmp_path / "m.onnx"), prompts=words[1])
    model = tmp_path / "m.onnx"
    prompts = str(folder / "prompts.npz")
    assert export.run("ppfn", str(folder / "random_dim16.pt"), str(model), say=lambda _: None, prompts=prompts) == 0
    restorer = thermend.load("ppfn/restormer", weights=model, precision="float32")
    np.testing.assert_allclose(
        restorer.method.run(numbers["x"][0, 0], "display")[0], numbers["composite_steps"][-1][0, 0], atol=1e-4
    )
