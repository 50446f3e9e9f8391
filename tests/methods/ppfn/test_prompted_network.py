"""Prompts in backbones, against the authors' outputs and the published sizes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend import InputError  # noqa: E402
from thermend.methods.ppfn.backbones.compact import CompactNAFNet  # noqa: E402
from thermend.methods.ppfn.backbones.focalnet import FocalNet  # noqa: E402
from thermend.methods.ppfn.backbones.nafnet import NAFNet  # noqa: E402
from thermend.methods.ppfn.backbones.restormer import Restormer  # noqa: E402
from thermend.methods.ppfn.backbones.uformer import Uformer  # noqa: E402
from thermend.methods.ppfn.backbones.windows import PlaceBias, join, split  # noqa: E402
from thermend.methods.ppfn.backbones.x_restormer import XRestormer  # noqa: E402
from thermend.methods.ppfn.checkpoints import load_authors, read_prompts  # noqa: E402
from thermend.methods.ppfn.network import PromptedNetwork  # noqa: E402
from thermend.methods.ppfn.prompts import Film, PromptFusion, drawn_prompts  # noqa: E402

pytestmark = pytest.mark.slow

SMALL = {
    "restormer": lambda: Restormer(8, (1, 1, 1, 1), 1, (1, 2, 2, 2)),
    "nafnet": lambda: NAFNet(8, (1, 1), 1, (1, 1)),
    "uformer": lambda: Uformer(8, (2, 2, 2, 2), 2, (1, 2, 2, 2, 2)),
    "focalnet": lambda: FocalNet(8, 2),
    "compact": lambda: CompactNAFNet(8),
    "x-restormer": lambda: XRestormer(8, (1, 1, 1, 1), 1, (1, 2, 2, 2), (1, 1, 2, 2)),
}
# Millions of parameters, as the backbones' own papers and options state them (three channels there, one here).
PUBLISHED = {Restormer: 26.13, NAFNet: 29.16, FocalNet: 3.74, XRestormer: 26.06}


def test_restormer_with_prompts_is_as_large_as_the_authors():
    with torch.device("meta"):
        network = PromptedNetwork(Restormer(), prompts=(torch.zeros(3, 128, 128), torch.zeros(2, 64)))
    assert sum(p.numel() for p in network.parameters()) == 26_627_926


@pytest.mark.parametrize("backbone", PUBLISHED, ids=lambda b: b.__name__)
def test_backbones_are_as_large_as_published(backbone):
    with torch.device("meta"):
        count = sum(p.numel() for p in backbone().parameters())
    assert count / 1e6 == pytest.approx(PUBLISHED[backbone], rel=0.003)


def test_the_authors_checkpoint_gives_the_authors_outputs(cases):
    folder = cases / "parity/ppfn"
    network = load_authors(folder / "random_dim16.pt", read_prompts(folder / "prompts.npz"))
    numbers = np.load(folder / "random_dim16_io.npz")
    image = torch.from_numpy(numbers["x"])
    with torch.no_grad():
        for found, expected in zip(network.progressive(image), numbers["composite_steps"], strict=True):
            torch.testing.assert_close(found, torch.from_numpy(expected), atol=1e-5, rtol=0)
        single = network.one(image, "noise", "single")
    torch.testing.assert_close(single, torch.from_numpy(numbers["single_noise_unclamped"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 1), (33, 50), (128, 130)])
def test_any_size_comes_back_in_its_own(name, shape):
    torch.manual_seed(0)
    network = PromptedNetwork(SMALL[name]()).eval()
    with torch.no_grad():
        result = network.one(torch.rand(2, 1, *shape), "blur", "single")
    assert result.shape == (2, 1, *shape)
    assert bool(result.isfinite().all())


@pytest.mark.parametrize("name", SMALL)
def test_every_stage_is_modulated_by_the_prompt(name):
    """A stage whose modulation alone is open passes differences of prompts on, and one that is closed does not."""
    torch.manual_seed(0)
    network = PromptedNetwork(SMALL[name]()).eval()
    for gated in (m for m in network.modules() if hasattr(m, "beta")):
        torch.nn.init.ones_(gated.beta)
    image = torch.rand(1, 1, 32, 32)

    def spread() -> float:
        with torch.no_grad():
            return float((network.one(image, "blur", "single") - network.one(image, "noise", "composite")).abs().max())

    state = {stage: film.state_dict() for stage, film in network.films.items()}
    kept = {stage: {k: v.clone() for k, v in values.items()} for stage, values in state.items()}
    for film in network.films.values():
        for tensor in film.state_dict().values():
            tensor.zero_()
    assert spread() == 0
    for stage, film in network.films.items():
        film.load_state_dict(kept[stage])
        assert spread() > 0, stage
        for tensor in film.state_dict().values():
            tensor.zero_()


def test_stages_can_be_chosen_and_wrong_ones_are_named():
    assert list(PromptedNetwork(SMALL["nafnet"](), stages=["latent"]).films) == ["latent"]
    with pytest.raises(ValueError, match="'bottom' is not known; known are latent, decoder-2"):
        PromptedNetwork(SMALL["nafnet"](), stages=["bottom"])


def test_prompts_given_by_name_are_checked():
    network = PromptedNetwork(SMALL["nafnet"]())
    with pytest.raises(ValueError, match="'rain' is not known; known are contrast, blur, noise"):
        network.one(torch.rand(1, 1, 8, 8), "rain", "single")


def test_fusion_is_as_the_paper_writes_it():
    torch.manual_seed(0)
    f, t = torch.randn(5, 64), torch.randn(5, 64)
    for kind in ("concatenate", "multiply"):
        for nonlinear in (True, False):
            fusion = PromptFusion(kind, nonlinear)
            a, b = fusion.of_degradation(f), fusion.of_scenario(t)
            expected = a + b if kind == "concatenate" else a * b
            torch.testing.assert_close(fusion.fuse(f, t), expected.relu() if nonlinear else expected)
    joint = torch.nn.Linear(128, 64)  # W on the concatenation is A f + B t
    fusion = PromptFusion(nonlinear=False)
    fusion.of_degradation.weight.data, fusion.of_scenario.weight.data = joint.weight.data.split(64, 1)
    fusion.of_degradation.bias.data, fusion.of_scenario.bias.data = joint.bias.data, torch.zeros(64)
    torch.testing.assert_close(fusion.fuse(f, t), joint(torch.cat((f, t), 1)))


def test_modulation_is_film():
    film = Film(3)
    features, prompt = torch.randn(2, 3, 4, 5), torch.randn(2, 64)
    expected = features * (1 + film.scale(prompt))[:, :, None, None] + film.shift(prompt)[:, :, None, None]
    torch.testing.assert_close(film(features, prompt), expected)


def test_drawn_prompts_are_always_the_same():
    one, other = drawn_prompts(), drawn_prompts()
    assert all(torch.equal(a, b) for a, b in zip(one, other))
    np.testing.assert_allclose(one[1].numpy(), np.random.RandomState(1234).rand(2, 64), rtol=1e-6)


def test_windows_are_put_back_where_they_were():
    image = torch.rand(2, 3, 16, 24)
    assert split(image, 8).shape == (12, 64, 3)
    assert torch.equal(join(split(image, 8), 8, 16, 24), image)


def test_places_equally_far_apart_share_a_bias():
    index = PlaceBias(1, 2, 4).index  # a window of 2 × 2 in the middle of one of 4 × 4
    assert index.shape == (4, 16)
    assert len(index.unique()) == 25
    assert index[0, 0] == index[3, 5]  # one down and one right, both


@pytest.mark.parametrize("broken", ["missing", "shape", "nan", "other"])
def test_another_networks_weights_are_refused_by_name(cases, tmp_path, broken):
    content = torch.load(cases / "parity/ppfn/random_dim16.pt", weights_only=True)["state_dict"]
    if broken == "missing":
        content.pop("prompt_scale3.weight")
    elif broken == "shape":
        content["output.weight"] = torch.zeros(2, 2)
    elif broken == "nan":
        content["output.weight"] = content["output.weight"] * torch.nan
    else:
        content = {"a.weight": torch.zeros(3)}
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w\.pt"):
        load_authors(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [None, {"degradation": np.zeros((3, 128, 128))}, {"degradation": 1, "scenario": 2}])
def test_files_without_prompts_are_refused_by_name(tmp_path, content):
    path = tmp_path / "p.npz"
    if content is None:
        path.write_bytes(b"PK\x03\x04 torn")
    else:
        np.savez(path, **content)
    with pytest.raises(InputError, match=r"p\.npz: holds no prompts"):
        read_prompts(path)


@pytest.mark.parametrize("kind", ["concatenate", "multiply"])
def test_folded_prompts_give_the_same(kind):
    torch.manual_seed(0)
    network = PromptedNetwork(SMALL["restormer"](), kind=kind).eval()
    image, degradation, scenario = torch.rand(2, 1, 16, 24), torch.rand(2, 3), torch.rand(2, 2)
    with torch.no_grad():
        expected = network(image, degradation, scenario)
        before = sum(p.numel() for p in network.parameters())
        torch.testing.assert_close(network.fold()(image, degradation, scenario), expected, atol=1e-5, rtol=0)
    assert sum(p.numel() for p in network.parameters()) < before - 4 * 80_000
