"""Runs: the same seed gives the same weights, a killed run goes on to the same end, and what cannot go on says so."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from torch import nn  # noqa: E402

from thermend import InputError, UsageError  # noqa: E402
from thermend.errors import MissingDependencyError  # noqa: E402
from thermend.training.losses import ssim  # noqa: E402
from thermend.training.module import TrainingError, TrainingModule  # noqa: E402
from thermend.training.recipe import Recipe, Section  # noqa: E402
from thermend.training.renamed import RENAMED  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """What a kill looks like from inside: no handler catches it."""


class Denoising(TrainingModule):
    """The smallest training there is: one convolution against noise, with dropout, so that draws matter."""

    die_at: ClassVar[int | None] = None
    spoil_at: ClassVar[int | None] = None

    def __init__(self, recipe: Recipe) -> None:
        layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.Conv2d(4, 1, 3, padding=1)]
        super().__init__(recipe, nn.Sequential(*layers))

    def make_optimizers(self):
        return [torch.optim.Adam(self.network.parameters(), self.recipe.learning_rate)]

    def degrade(self, batch, generator):
        clean = batch["clean"]
        return clean + 0.1 * torch.randn(clean.shape, generator=generator)

    def step(self, batch, generator):
        if self.done == type(self).die_at:
            raise Killed
        loss = (self.network(self.degrade(batch, generator)) - batch["clean"]).square().mean()
        if self.done == type(self).spoil_at:
            loss = loss * float("nan")
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return {"loss": loss}


@pytest.fixture
def recipe(tmp_path, scene):
    (tmp_path / "data").mkdir()
    for n in range(3):
        Image.fromarray(np.rint(np.roll(scene, 20 * n, 1) * 255).astype(np.uint8)).save(tmp_path / "data" / f"{n}.png")

    def make(out: str, **changes) -> Recipe:
        values = {
            "method": "denoising", "data": str(tmp_path / "data"), "out": str(tmp_path / out), "steps": 10, "batch_size": 2,
            "patch_size": 32, "learning_rate": 1e-2, "checkpoint_every": 4, "picture_every": 5, "ema_decay": 0.5,
            "device": "cpu",
        }  # fmt: skip
        return Recipe.model_validate(values | changes)

    return make


@pytest.fixture(autouse=True)
def unharmed():
    Denoising.die_at = Denoising.spoil_at = None
    yield
    Denoising.die_at = Denoising.spoil_at = None


def weights(path):
    return {name: t.numpy() for name, t in read_tensors(path).items()}


def same(one, two) -> bool:
    a, b = weights(one), weights(two)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_run_leaves_weights_log_pictures_and_what_it_was_made_from(recipe, tmp_path):
    path = train(recipe("run"), Denoising)
    assert path == tmp_path / "run" / "weights.safetensors"
    assert read_metadata(path) == {"method": "denoising"}
    run = tmp_path / "run"
    assert (run / "images.txt").read_text().split() == ["0.png", "1.png", "2.png"]
    kept = json.loads((run / "run.json").read_text())
    assert kept["recipe"]["steps"] == 10
    assert kept["images"][1] == ["1.png", hashlib.sha256((tmp_path / "data/1.png").read_bytes()).hexdigest()]
    assert [p.name for p in sorted((run / "pictures").iterdir())] == ["step-00000005.png", "step-00000010.png"]
    with Image.open(run / "pictures" / "step-00000010.png") as picture:
        assert picture.size == (3 * 32, 4 * 32)  # degraded, restored, clean; four crops
    assert "loss" in next(run.glob("log/*/metrics.csv")).read_text()


def test_the_same_seed_gives_the_same_bytes(recipe):
    one, two, other = (
        train(recipe("a"), Denoising),
        train(recipe("b"), Denoising),
        train(recipe("c", seed=1), Denoising),
    )
    assert one.read_bytes() == two.read_bytes()
    assert not same(one, other)


@pytest.mark.parametrize("step", [2, 4, 5, 8, 9])
def test_a_killed_run_goes_on_to_the_same_end(recipe, step):
    whole = train(recipe("whole"), Denoising)
    Denoising.die_at = step
    with pytest.raises(Killed):
        train(recipe("killed"), Denoising)
    Denoising.die_at = None
    said = []
    again = train(recipe("killed"), Denoising, said.append)
    assert whole.read_bytes() == again.read_bytes()
    resumed = 4 * (step // 4)
    assert said == [f"{again.parent}: goes on after step {resumed} of 10"] * bool(resumed) + [f"weights: {again}"]


def test_a_compiled_run_learns_the_same_and_keeps_its_names(recipe, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: compiled.append((type(self), options)))
    assert same(train(recipe("plain"), Denoising), train(recipe("compiled", compile=True), Denoising))
    assert compiled == [(torch.nn.Sequential, {"dynamic": False})]


def test_compiling_without_a_compiler_is_refused(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError, match="compile: there is no C\\+\\+ compiler here"):
        train(recipe("compiled", compile=True), Denoising)


def test_what_only_looks_on_does_not_change_the_weights(recipe, tmp_path):
    plain = train(recipe("plain"), Denoising)
    watched = {"data": str(tmp_path / "data"), "presets": ["deal-stripe-heavy", "none"], "images": 2, "every": 3}
    measured = train(recipe("watched", validation=watched, picture_every=1), Denoising)
    assert plain.read_bytes() == measured.read_bytes()
    assert "psnr/deal-stripe-heavy" in next(measured.parent.glob("log/*/metrics.csv")).read_text()


def test_a_run_that_has_ended_is_left_alone(recipe):
    path = train(recipe("run"), Denoising)
    before = path.stat().st_mtime_ns
    said = []
    assert train(recipe("run"), Denoising, said.append) == path
    assert path.stat().st_mtime_ns == before
    assert "the run has ended" in said[0]


@pytest.mark.parametrize("change", [{"learning_rate": 2e-2}, {"seed": 3}, {"steps": 11}, {"ema_decay": 0.0}])
def test_a_run_of_another_recipe_is_not_gone_on_with(recipe, change):
    Denoising.die_at = 6
    with pytest.raises(Killed):
        train(recipe("run"), Denoising)
    with pytest.raises(UsageError, match=f"another {next(iter(change))}"):
        train(recipe("run", **change), Denoising)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("change", ["name", "content"])
def test_other_images_are_noticed(recipe, tmp_path, ended, change):
    Denoising.die_at = None if ended else 6
    if ended:
        train(recipe("run"), Denoising)
    else:
        with pytest.raises(Killed):
            train(recipe("run"), Denoising)
    if change == "name":
        (tmp_path / "data" / "0.png").rename(tmp_path / "data" / "9.png")
    else:
        shutil.copy(tmp_path / "data" / "1.png", tmp_path / "data" / "0.png")
    with pytest.raises(UsageError, match="another data"):
        train(recipe("run"), Denoising)


@pytest.mark.parametrize("ended", [False, True])
def test_other_weights_to_begin_with_are_noticed(recipe, tmp_path, ended):
    start = tmp_path / "start.safetensors"
    shutil.copy(train(recipe("first", steps=2), Denoising), start)
    Denoising.die_at = None if ended else 6
    made = recipe("run", init_from=str(start))
    if ended:
        train(made, Denoising)
    else:
        with pytest.raises(Killed):
            train(made, Denoising)
    Denoising.die_at = None
    shutil.copy(train(recipe("second", steps=3), Denoising), start)
    with pytest.raises(UsageError, match="another file of init_from;"):
        train(made, Denoising)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    del facts["files"]  # as an earlier version wrote it
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    assert train(made, Denoising).is_file()


def test_every_file_that_a_recipe_names_counts(tmp_path):
    class Inner(Section):
        file: Path | None = None

    class Nested(Recipe):
        inner: Inner = Inner()

    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    values = {
        "method": "m",
        "data": str(tmp_path),
        "out": str(tmp_path / "out"),
        "steps": 1,
        "batch": 1,
        "crop": 32,
        "rate": 1,
    }
    made = Nested.model_validate(values | {"init_from": str(tmp_path / "a"), "inner": {"file": str(tmp_path / "b")}})
    assert TrainingModule.files(made) == {"init_from": tmp_path / "a", "inner.file": tmp_path / "b"}
    gone = Nested.model_validate(values | {"split": str(tmp_path / "a"), "init_from": str(tmp_path / "c")})
    assert (
        TrainingModule.files(gone) == {}
    )  # a split's names are kept themselves; what is not there is named where it is read


def test_a_run_does_not_go_on_with_other_features(recipe):
    class Perceptual(Denoising):
        features = "lpips"

        def metadata(self):
            return super().metadata() | {"features": self.features}

    Perceptual.die_at = 6
    with pytest.raises(Killed):
        train(recipe("run"), Perceptual)
    Perceptual.die_at, Perceptual.features = None, "a stand-in"
    with pytest.raises(TrainingError, match="began with features of lpips, and only a stand-in"):
        train(recipe("run"), Perceptual)
    Perceptual.features = "lpips"
    assert train(recipe("run"), Perceptual).is_file()


def test_a_run_may_lie_among_its_images_and_move(recipe, tmp_path):
    whole = train(recipe("whole"), Denoising)
    Denoising.die_at = 9
    with pytest.raises(Killed):
        train(recipe("data/run", picture_every=1), Denoising)
    Denoising.die_at = None
    assert list((tmp_path / "data/run/pictures").iterdir())
    assert train(recipe("data/run", picture_every=1), Denoising).read_bytes() == whole.read_bytes()


def test_a_folder_is_not_claimed_by_a_run_that_never_began(recipe):
    Denoising.spoil_at = 1
    with pytest.raises(TrainingError, match="step 2"):
        train(recipe("run"), Denoising)
    Denoising.spoil_at = None
    assert same(
        train(recipe("run", learning_rate=2e-2), Denoising), train(recipe("other", learning_rate=2e-2), Denoising)
    )
    with pytest.raises(UsageError):
        train(recipe("third", log="tensorboard", device="cuda"), Denoising)
    assert train(recipe("third"), Denoising).is_file()


def test_a_checkpoint_is_whole_or_the_one_before(recipe, tmp_path, monkeypatch):
    """A write that is cut off half-way leaves the last whole checkpoint, from which the run goes on."""
    whole = train(recipe("whole"), Denoising)
    real = torch.save
    calls = []

    def broken(content, path, *rest):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise Killed
        real(content, path, *rest)

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(Killed):
        train(recipe("run"), Denoising)
    monkeypatch.setattr(torch, "save", real)
    assert [p.name for p in (tmp_path / "run/checkpoints").iterdir()] == ["last.ckpt"]
    assert train(recipe("run"), Denoising).read_bytes() == whole.read_bytes()


def test_a_run_can_begin_with_the_weights_of_another(recipe):
    first = train(recipe("first"), Denoising)
    module = Denoising(recipe("second", init_from=str(first)))
    assert all(np.array_equal(module.network.state_dict()[n].numpy(), t) for n, t in weights(first).items())
    second = train(recipe("second", init_from=str(first)), Denoising)
    assert not same(first, second)


def test_the_old_name_of_the_weights_to_begin_with_is_still_read(recipe, tmp_path):
    assert recipe("x", init_from=str(tmp_path / "w.onnx")).init_from == tmp_path / "w.onnx"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what a test adds."""
    from thermend.training import module

    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            self.now += 1.0
            return self.now

    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_the_weights_of_the_last_checkpoint_can_be_tried_while_a_run_goes_on(recipe, tmp_path):
    Denoising.die_at = 9
    with pytest.raises(Killed):
        train(recipe("run"), Denoising)
    Denoising.die_at = None
    latest = read_tensors(tmp_path / "run/latest.safetensors")
    kept = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert kept["steps_done"] == 8
    assert all(torch.equal(tensor, kept[f"averaged.module.{name}"]) for name, tensor in latest.items())
    train(recipe("run"), Denoising)
    assert not (tmp_path / "run/latest.safetensors").exists()


def test_a_run_told_in_minutes_ends_when_they_are_over_and_its_rate_with_it(recipe, clock):
    values = {"steps": None, "minutes": 0.25, "schedule": "cosine", "checkpoint_every": 4}
    rates = []

    class Noting(Denoising):
        def step(self, batch, generator):
            rates.append(self.enhancer.param_groups[0]["lr"])
            return super().step(batch, generator)

    out = train(recipe("timed", **values), Noting)
    assert 14 <= len(rates) <= 16  # fifteen seconds, of which a step takes one or so
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * rates[0]
    assert out.is_file()


def test_a_run_told_in_minutes_remembers_those_that_are_over(recipe, clock):
    values = {"steps": None, "minutes": 0.25, "checkpoint_every": 4}
    Denoising.die_at = 10
    with pytest.raises(Killed):
        train(recipe("timed", **values), Denoising)
    Denoising.die_at = None
    done = []

    class Counting(Denoising):
        def step(self, batch, generator):
            done.append(self.done)
            return super().step(batch, generator)

    train(recipe("timed", **values), Counting)
    assert done[0] == 8
    assert 5 <= len(done) <= 9


def test_weights_of_another_network_cannot_begin_a_run(recipe, tmp_path):
    write_tensors(tmp_path / "w.safetensors", {"a": torch.zeros(3)}, {})
    with pytest.raises(InputError, match=r"w\.safetensors.*another network"):
        Denoising(recipe("x", init_from=str(tmp_path / "w.safetensors")))


def test_an_image_too_small_to_validate_on_is_named_before_the_start(recipe, tmp_path):
    (tmp_path / "val").mkdir()
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save(tmp_path / "val/tiny.png")
    with pytest.raises(UsageError, match=r"tiny\.png: 30 x 20"):
        train(recipe("run", validation={"data": str(tmp_path / "val"), "presets": ["none"]}), Denoising)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_left_alone(recipe, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no run"):
        train(recipe("photos"), Denoising)
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["mine.txt"]


def test_a_spoilt_checkpoint_is_named(recipe, tmp_path):
    Denoising.die_at = 6
    with pytest.raises(Killed):
        train(recipe("run"), Denoising)
    (tmp_path / "run/checkpoints/last.ckpt").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"last\.ckpt"):
        train(recipe("run"), Denoising)


def test_a_loss_that_is_no_number_ends_the_run_with_advice(recipe, tmp_path):
    Denoising.spoil_at = 5
    with pytest.raises(TrainingError, match=r"step 6: the loss is nan.*rate"):
        train(recipe("run"), Denoising)
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_the_rate_warms_up_and_falls(recipe):
    module = Denoising(recipe("x", warmup_steps=4, schedule="cosine", steps=104, learning_rate=1.0))
    rates = [module.factor_at(step) for step in range(104)]
    np.testing.assert_allclose(rates[:4], [0.25, 0.5, 0.75, 1.0])
    assert rates[54] == pytest.approx(0.505, abs=1e-3)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_every_optimiser_follows_the_schedule(recipe):
    rates = []

    class Rivals(Denoising):
        def __init__(self, recipe):
            super().__init__(recipe)
            self.critic = nn.Linear(1, 1)

        def make_optimizers(self):
            return [*super().make_optimizers(), torch.optim.SGD(self.critic.parameters(), 3.0)]

        def step(self, batch, generator):
            first, second = self.optimizers()
            rates.append([first.param_groups[0]["lr"], second.param_groups[0]["lr"]])
            loss = (self.network(self.degrade(batch, generator)) - batch["clean"]).square().mean()
            first.zero_grad()
            self.manual_backward(loss)
            first.step()
            return {"loss": loss}

    made = recipe("rivals", warmup_steps=2, schedule="cosine", steps=6, learning_rate=0.5)
    train(made, Rivals)
    factors = [Rivals(made).factor_at(step) for step in range(6)]
    assert factors[0] == 0.5
    assert factors[5] < 0.2
    np.testing.assert_allclose(rates, np.outer(factors, [0.5, 3.0]))


def test_a_run_of_before_keys_were_renamed_goes_on(recipe, tmp_path):
    Denoising.die_at = 6
    with pytest.raises(Killed):
        train(recipe("run"), Denoising)
    Denoising.die_at = None
    path = tmp_path / "run/run.json"
    stored = json.loads(path.read_text())
    for old, new in RENAMED[""].items():
        stored["recipe"][old] = stored["recipe"].pop(new)
    path.write_text(json.dumps(stored))
    assert train(recipe("run"), Denoising).is_file()


def test_a_device_that_is_not_there_is_named(recipe):
    if torch.cuda.is_available():
        pytest.skip("has what the test needs to be without")
    with pytest.raises(UsageError, match="cuda"):
        train(recipe("run", device="cuda"), Denoising)
    assert train(recipe("run"), Denoising).is_file()


def test_tensorboard_is_asked_for_by_name(recipe):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match="pip install tensorboard"):
            train(recipe("run", log="tensorboard"), Denoising)
    else:
        run = train(recipe("run", log="tensorboard"), Denoising).parent
        assert list(run.glob("log/*/events*"))


def test_differentiable_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    clean = rng.random((40, 50))
    other = np.clip(clean + rng.normal(0, 0.2, clean.shape), 0, 1)
    _, whole = structural_similarity(
        clean, other, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    expected = whole[5:-5, 5:-5].mean()  # where the window of 11 pixels lies inside
    one, two = (torch.from_numpy(a)[None, None] for a in (clean, other))
    assert float(ssim(one, two)) == pytest.approx(expected, abs=1e-5)
    image = one.clone().requires_grad_()
    ssim(image, two).backward()
    assert bool(image.grad.abs().sum() > 0)
