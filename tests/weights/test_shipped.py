"""The weights that ship: complete, the same in both forms, and as good as their cards say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import thermend
from thermend import metrics
from thermend.degradations import PRESETS, degrade
from thermend.methods import CATALOGUE, find
from thermend.weights.onnx_export import read_onnx_metadata
from thermend.weights.shipped import folders, shipped

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHIPPED = [entry for entry in CATALOGUE if entry.weights is not None]
ON_ENGINES = [entry for entry in SHIPPED if ".onnx" in entry.forms]
NAMES = [entry.full_name for entry in SHIPPED]


def test_every_file_belongs_to_a_row_of_the_catalogue():
    files = {p.name for folder in folders() for p in folder.iterdir()}
    assert files == {f"{e.weights}{suffix}" for e in SHIPPED for suffix in (*e.forms, ".md")}


@pytest.mark.parametrize("entry", ON_ENGINES, ids=lambda e: e.full_name)
def test_a_file_says_what_it_is_and_holds_all_that_training_begins_with(entry):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    from thermend.weights.checkpoints import read_tensors

    path = shipped(entry.weights, ".onnx")
    facts, tensors = read_onnx_metadata(path), read_tensors(path)
    assert facts["method"] == entry.full_name
    assert set(facts["tensors"]) == set(tensors)
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in tensors.values())
    entry.load_network()(path)  # refuses a file that lacks a tensor


@pytest.mark.parametrize("entry", SHIPPED, ids=NAMES)
def test_weights_that_learned_from_limited_images_say_so(entry):
    card = shipped(entry.weights, ".md").read_text(encoding="utf-8")
    data = card.partition("\n## Data\n")[2].partition("\n## ")[0]
    assert len(data) > 100
    limited = any(name in data for name in ("RoadScene", "LLVIP"))
    assert ("LicenseRef" in entry.licence) == limited


def test_thermend_itself_holds_the_default_alone():
    own = {p.name for p in folders()[0].iterdir()}
    assert own == {f"{e.weights}{suffix}" for e in SHIPPED if e.serves for suffix in (*e.forms, ".md")}
    assert sum(p.stat().st_size for p in folders()[0].iterdir()) < 25e6


def test_without_the_other_package_its_line_is_said(monkeypatch):
    import importlib.util

    from thermend.weights import shipped as module

    real = importlib.util.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "thermend_weights" else real(name))
    with pytest.raises(thermend.MissingDependencyError, match=r"pip install \./packages/thermend-weights"):
        find("deal/cascade-2").open()
    assert thermend.load("auto").restore(np.full((48, 64), 90, np.uint8)).unit == "display"


def test_the_default_may_be_used_in_a_company():
    assert {entry.serves for entry in CATALOGUE} == {None, "detail", "level"}
    for entry in CATALOGUE:
        if entry.serves or entry.name == "auto":
            assert "LicenseRef" not in entry.licence


@pytest.mark.parametrize("entry", SHIPPED, ids=NAMES)
def test_every_file_is_small(entry):
    assert max(shipped(entry.weights, suffix).stat().st_size for suffix in entry.forms) < 16e6


@pytest.mark.parametrize("entry", SHIPPED, ids=NAMES)
def test_the_card_names_what_a_user_has_to_know(entry):
    card = shipped(entry.weights, ".md").read_text(encoding="utf-8")
    for heading in ("## Data", "## Training", "## Measures", "## Limits", "## Licence"):
        assert heading in card
    assert (f'models.load("{entry.full_name}")' if entry.part else f"--method {entry.full_name}") in card
    for table, text in re.findall(r"<!-- (\w+) -->(.*?)<!-- end \1 -->", card, re.DOTALL):
        assert text.strip(), f"nothing was measured for {table}"


@pytest.mark.parametrize("entry", SHIPPED, ids=NAMES)
def test_the_recipes_that_a_card_names_train_its_method(entry):
    pytest.importorskip("yaml", reason="needs the train extra")
    from thermend.training.recipe import read_recipe

    card = shipped(entry.weights, ".md").read_text(encoding="utf-8")
    for heading in ("## Training", "## Licence"):
        named = re.findall(r"thermend train (\S+\.yaml)", card.partition(heading)[2].partition("\n## ")[0])
        assert read_recipe(ROOT / named[-1])["method"] == entry.full_name


@pytest.mark.parametrize("entry", ON_ENGINES, ids=lambda e: e.full_name)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_give_what_torch_gives(entry, engine, scene):
    pytest.importorskip("torch", reason="needs the train extra")
    picture = degrade(np.rint(scene * 255).astype(np.uint8), "deal-composite", 0, "scene")
    expected = thermend.load(entry.full_name, engine="torch").restore(picture).pixels
    restorer = thermend.load(entry.full_name, engine=engine, precision="float32")
    error = np.abs(restorer.restore(picture).pixels - expected) / 255
    assert (error < 5e-4).mean() >= 0.999
    assert error.max() < 1e-2


def _means(restorer: thermend.Restorer, files: list[Path], preset: str) -> tuple[float, float]:
    """PSNR of the results and of the inputs."""
    found = []
    for path in files:
        clean = thermend.read(path).pixels.astype(np.uint8)
        damaged = clean if preset == "none" else degrade(clean, preset, 0, path.name)
        result = np.rint(restorer.restore(damaged, mode="display").pixels).astype(np.uint8)
        found.append([metrics.psnr(image, clean) for image in (result, damaged)])
    after, before = np.mean(found, axis=0)
    return float(after), float(before)


@pytest.fixture(scope="module")
def files(cases) -> list[Path]:
    """Validation images, which no weights were trained on."""
    folders = ("roadscene", "hit-uav")
    return [sorted(p for p in (cases / "data" / f / "val").iterdir())[n] for f in folders for n in (3, 8)]


@pytest.mark.parametrize(
    ("preset", "gain"),
    [("deal-stripe-heavy", 10), ("deal-x4", 0.5), ("deal-low-contrast", 4), ("deal-composite", 5)],
)
def test_deal_mends_what_it_was_trained_on(files, preset, gain):
    assert preset in PRESETS
    after, before = _means(thermend.load("deal/cascade-2"), files, preset)
    assert after > before + gain


def test_deal_leaves_undamaged_images_alone(files):
    assert _means(thermend.load("deal/cascade-2"), files, "none")[0] > 30


def test_bf16_costs_less_than_a_tenth_of_a_decibel(files):
    try:
        fast = thermend.load("deal/cascade-2", precision="bf16")
    except thermend.UsageError as error:
        pytest.skip(str(error))
    exact = thermend.load("deal/cascade-2", precision="float32")
    values = [_means(restorer, files, "deal-composite")[0] for restorer in (exact, fast)]
    assert abs(values[0] - values[1]) < 0.1


@pytest.mark.parametrize(
    ("preset", "gain"), [("hm-tir-contrast", 6), ("hm-tir-noise", 3), ("hm-tir-normal", 2), ("dual-decoder", 5)]
)
def test_ppfn_mends_what_it_finds(files, preset, gain):
    after, before = _means(thermend.load("ppfn/compact"), files, preset)
    assert after > before + gain


def test_ppfn_leaves_undamaged_images_alone(files):
    assert _means(thermend.load("ppfn/compact"), files, "none")[0] > 38


def test_2d_gan_is_above_what_the_paper_compares_it_with(files):
    after, before = _means(thermend.load("dual-decoder/compact"), files, "dual-decoder")
    assert after > before + 2
    for method in ("classical.he", "classical.clahe", "classical.ssr", "classical.msr"):  # on all images GF too
        assert after > _means(thermend.load(method), files, "dual-decoder")[0]


@pytest.fixture
def diffusion() -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    pytest.importorskip("diffusers", reason="needs the hidra extra")
    pytest.importorskip("transformers", reason="needs the hidra extra")


@pytest.mark.usefixtures("diffusion")
def test_the_autoencoder_of_hidras_prior_loses_next_to_nothing(files):
    assert _means(thermend.Restorer(find("hidra/autoencoder").open()), files, "none")[0] > 48


@pytest.mark.usefixtures("diffusion")
@pytest.mark.parametrize(("preset", "gain"), [("hidra-severe", 3), ("dual-decoder", 2)])
def test_hidra_mends_composite_damage(files, preset, gain):
    after, before = _means(thermend.load("hidra"), files, preset)
    assert after > before + gain


@pytest.mark.usefixtures("diffusion")
@pytest.mark.parametrize(("question", "share"), [("types", 0.8), ("levels", 0.9)])
def test_hidra_tells_damage_apart(files, question, share):
    """Of images that neither it nor its probe has seen; a share with a margin below what the page has measured."""
    import torch

    from thermend.degradations import generator_for
    from thermend.jobs.diagnose import second_opinion
    from thermend.methods.hidra.probe import LEVELS, TYPES

    opinion, right = second_opinion("hidra"), []
    for path in files:
        clean = torch.from_numpy(thermend.read(path).pixels.astype(np.float32) / 255)[None, None]
        for name, cascade in {"types": TYPES, "levels": LEVELS}[question].items():
            damaged = cascade(clean, generator_for(1, f"told-{name}", path.name))[0, 0].numpy()
            chances = opinion(thermend.ThermalImage.from_array(np.rint(255 * damaged.clip(0, 1)).astype(np.uint8)))[
                question
            ]
            right.append(max(chances, key=chances.get) == name)
    assert np.mean(right) >= share
