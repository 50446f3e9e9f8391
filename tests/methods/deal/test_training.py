"""The dynamic adversarial solution: the gradient reaches N_G, and N_G raises N_E's loss."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from pydantic import ValidationError  # noqa: E402

from thermend.methods.deal.recipe import DealRecipe  # noqa: E402
from thermend.methods.deal.training import DealTraining, enhancement_loss  # noqa: E402
from thermend.training.losses import ssim  # noqa: E402

pytestmark = pytest.mark.slow


def recipe(**changes) -> DealRecipe:
    values = {"method": "deal/cascade-1", "data": "none", "out": "none", "steps": 10, "batch": 2, "crop": 64}
    return DealRecipe.model_validate(values | changes)


@pytest.fixture
def training() -> DealTraining:
    torch.manual_seed(0)
    return DealTraining(recipe())


@pytest.fixture
def batch(scene) -> dict[str, torch.Tensor]:
    image = torch.from_numpy(scene)
    pieces = [image[:64, 100:164], image[100:164, 10:74], image[60:124, 140:204], image[120:184, 150:214]]
    clean = torch.stack(pieces)[:, None]
    whole = torch.nn.functional.interpolate(image[None, None], (256, 256)).expand(4, -1, -1, -1)
    return {"clean": clean, "whole": whole, "mean": torch.full((4,), float(image.mean()))}


def test_the_loss_of_n_e_reaches_the_parameters_of_n_g(training, batch):
    gain = training.adversary_gain(batch, torch.Generator().manual_seed(0))
    gain.backward()
    gradients = [p.grad for p in training.generator.parameters()]
    assert all(g is not None and bool(g.abs().sum() > 0) for g in gradients)
    assert all(p.grad is None for p in training.network.parameters())


def test_the_adversary_leaves_n_e_as_it_is(training, batch):
    before = copy.deepcopy(training.network.state_dict())
    training.adversary_gain(batch, torch.Generator().manual_seed(0)).backward()
    assert all(torch.equal(value, before[name]) for name, value in training.network.state_dict().items())


def test_n_g_alone_raises_the_loss_of_a_frozen_n_e(training, batch):
    """As trained: the same optimiser, ascent on Eq. 5, N_E never changed."""
    training.generator.eval()  # without dropout: the loss before and after differs by θ alone

    def loss() -> float:
        with torch.no_grad():
            return sum(float(training.adversary_gain(batch, torch.Generator().manual_seed(n))) for n in range(8)) / 8

    optimizer = training.make_optimizers()[1]
    for group in optimizer.param_groups:
        group["lr"] = 0.02
    theta = [p.detach().clone() for p in training.generator.parameters()]
    before = loss()
    for n in range(40):
        optimizer.zero_grad()
        (-training.adversary_gain(batch, torch.Generator().manual_seed(100 + n))).backward()
        optimizer.step()
    assert any(not torch.equal(old, new) for old, new in zip(theta, training.generator.parameters()))
    assert loss() > before * 1.05


def test_the_similarity_term_pulls_the_way_its_sign_says(batch):
    """λ L(x̂, x): with λ > 0 the generator gains by leaving x, with λ < 0 by staying near it."""
    gains = {}
    for factor in (-1.0, 0.0, 1.0):
        torch.manual_seed(0)
        training = DealTraining(recipe(generator={"similarity": factor}))
        training.generator.eval()
        with torch.no_grad():
            gains[factor] = float(training.adversary_gain(batch, torch.Generator().manual_seed(0)))
    assert gains[1.0] - gains[0.0] == pytest.approx(gains[0.0] - gains[-1.0], rel=1e-4)
    assert gains[1.0] > gains[0.0] > gains[-1.0]


def test_the_adversary_learns_between_the_warm_start_and_its_end(training):
    learning = []
    for training.done in range(10):
        learning.append(training.adversary_learns)
    assert learning == [False] * 3 + [True] * 4 + [False] * 3


@pytest.mark.parametrize("strategy", ["adversarial", "random", "all"])
def test_closed_gates_are_no_obstacle(batch, strategy):
    """Where no stage is applied to any sample, the graph still reaches the classifier."""
    training = DealTraining(recipe(generator={"gate": 1e-6, "strategy": strategy}))
    gain = training.adversary_gain(batch, torch.Generator().manual_seed(0))
    assert float(gain.detach()) >= 0
    if strategy == "adversarial":
        gain.backward()
        assert all(float(p.grad.abs().sum()) == 0 for p in training.generator.parameters())


class Killed(BaseException):
    pass


class Mortal(DealTraining):
    die_at: int | None = None

    def step(self, batch, generator):
        if self.done == Mortal.die_at:
            raise Killed
        return super().step(batch, generator)


@pytest.mark.parametrize("step", [3, 5])
def test_a_killed_run_of_both_networks_goes_on_to_the_same_end(tmp_path, scene, step):
    """Two optimisers, dropout, averaged weights, norms that freeze half-way, bf16."""
    import numpy as np
    from PIL import Image

    from thermend.training.run import train

    (tmp_path / "data").mkdir()
    for n in range(2):
        Image.fromarray(np.rint(np.roll(scene, 50 * n, 1) * 255).astype(np.uint8)).save(tmp_path / f"data/{n}.png")

    def make(out: str) -> DealRecipe:
        return recipe(
            data=str(tmp_path / "data"), out=str(tmp_path / out), steps=6, checkpoint_every=2, freeze_norm=0.5, average=0.5,
            precision="bf16", device="cpu", generator={"noise": 1.0, "gate": 0.5, "begin": 0.1, "end": 0.9, "rate": 0.1},
        )  # fmt: skip

    Mortal.die_at = None
    whole = train(make("whole"), Mortal)
    Mortal.die_at = step
    with pytest.raises(Killed):
        train(make("killed"), Mortal)
    Mortal.die_at = None
    assert train(make("killed"), Mortal).read_bytes() == whole.read_bytes()


def test_rivals_have_no_adversary():
    rival = DealTraining(recipe(generator={"strategy": "all"}))
    rival.done = 5
    assert len(rival.make_optimizers()) == 1
    assert not rival.adversary_learns


def test_the_loss_is_that_of_section_3(batch):
    clean = batch["clean"]
    other = (clean + 0.1).clamp(0, 1)
    expected = 0.75 * float((other - clean).abs().mean()) + 1.1 * (1 - float(ssim(other, clean)))
    assert float(enhancement_loss(other, clean)) == pytest.approx(expected)
    assert float(enhancement_loss(clean, clean)) == pytest.approx(0, abs=1e-6)


def test_the_norm_is_frozen_when_the_recipe_says(training):
    frozen = DealTraining(recipe(freeze_norm=0.5))
    norms = [m for m in frozen.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    frozen.done = 4
    frozen._set_norm()
    assert all(m.training for m in norms)
    frozen.done = 5
    frozen._set_norm()
    assert frozen.network.training
    assert not any(m.training for m in norms)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"method": "deal/cascade-9"}, "method"),
        ({"generator": {"strategy": "worst"}}, "generator.strategy"),
        ({"generator": {"degradations": ["fog"]}}, "generator.degradations"),
        ({"generator": {"degradations": []}}, "generator.degradations"),
        ({"generator": {"degradations": [{"blur": {"sgima": 1.0}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"stripes": {"offset": {"low": 1, "high": 2}}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"stripes": {"offset": {"from": None, "to": 5}}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"low-resolution": {"factor": {"any": 4}}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"contrast": {"factor": [0.3, 0.9]}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"low-resolution": {"factor": {"any": [2, 0]}}}]}}, "generator.degradations"),
        ({"generator": {"degradations": [{"blur": 3}]}}, "generator.degradations"),
        ({"generator": {"begin": 0.7, "end": 0.3}}, "generator"),
        ({"generator": {"similarity": float("nan")}}, "generator.similarity"),
        ({"generator": {"gate": 0}}, "generator.gate"),
        ({"spiking": "perhaps"}, "spiking"),
    ],
)
def test_impossible_values_name_their_key(changes, key):
    with pytest.raises(ValidationError) as error:
        recipe(**changes)
    first = error.value.errors()[0]
    stated = ".".join(str(p) for p in first["loc"]) or first["msg"].removeprefix("Value error, ")
    assert stated.startswith(key)
