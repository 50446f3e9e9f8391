"""The level network: what it learns from is as it says, and its answer is applied as it was learned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

import thermend  # noqa: E402
from thermend.methods.level import METHODS  # noqa: E402
from thermend.methods.level.correction import Correction, overview, shown  # noqa: E402
from thermend.methods.level.network import LevelNetwork, SurfaceFit, corrected  # noqa: E402
from thermend.methods.level.pipeline import clipped_mean, dulled, percentiles  # noqa: E402
from thermend.methods.level.recipe import LevelRecipe  # noqa: E402
from thermend.methods.level.training import LevelTraining  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.onnx_export import write_onnx  # noqa: E402

pytestmark = pytest.mark.slow


def _law(height: int, width: int, y: float, x: float) -> np.ndarray:
    """cos⁴(π/2 · r / r_max) about a centre, pixels."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    radius = np.hypot(rows - y, columns - x)
    return np.cos(np.pi / 2 * radius / radius.max()) ** 4


@pytest.mark.parametrize("amplitude", [0.2, -0.15])
def test_a_surface_over_blocks_is_found(rng, amplitude):
    """Blocks of a few levels, as scenes have them, and the law about a centre of the grid."""
    image = np.full((64, 80), 0.4)
    image[30:] = 0.55
    image[10:40, 20:35] = 0.3
    law = _law(64, 80, 64 * 2 / 6, 80 * 5 / 8)
    given = torch.from_numpy((image + amplitude * law).astype(np.float32))[None, None]
    found = SurfaceFit()(given)[0, 0].detach().numpy()
    wanted = cv2.resize(amplitude * law, (20, 16), interpolation=cv2.INTER_AREA)
    wanted -= wanted.mean()
    assert np.std(found - wanted) < 0.15 * np.std(wanted)


def test_an_even_image_has_no_surface():
    assert SurfaceFit()(torch.full((1, 1, 64, 80), 0.5)).abs().max() < 1e-6


def test_before_training_nothing_is_changed():
    image, told = torch.rand(2, 1, 64, 80), torch.rand(2, 13).sort(1).values
    torch.testing.assert_close(corrected(image, *LevelNetwork()(image, told)), image, atol=1e-6, rtol=0)


def test_percentiles_are_numpys(rng):
    images = rng.random((2, 1, 12, 17)).astype(np.float32)
    ours = percentiles(torch.from_numpy(images), (0.1, 1, 50, 99))
    expected = [np.percentile(image, (0.1, 1, 50, 99)) for image in images]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_the_mean_of_clipped_noise_is_known(rng):
    level, sigma = torch.tensor([[[[-0.05]]], [[[0.02]]], [[[0.5]]], [[[0.97]]]]), torch.full((4, 1, 1, 1), 0.1)
    drawn = rng.normal(0, 0.1, 400_000)
    expected = [np.clip(value + drawn, 0, 1).mean() for value in level.flatten().tolist()]
    np.testing.assert_allclose(clipped_mean(level, sigma).flatten(), expected, atol=1e-3)


def test_a_correction_is_applied_in_use_as_in_training(rng):
    image = cv2.GaussianBlur(rng.random((96, 120)).astype(np.float32), (0, 0), 3)
    field = (0.1 * rng.normal(size=(16, 20))).astype(np.float32)
    ours = image.copy()
    Correction(1.4, field, 1.0).apply(ours)
    numbers = torch.tensor([[np.log(1.4), 0.0]], dtype=torch.float32)
    expected = corrected(torch.from_numpy(image)[None, None], torch.from_numpy(field)[None, None], numbers)[0, 0]
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_use_shows_the_network_what_training_shows_it(rng):
    image = cv2.GaussianBlur(rng.random((256, 320)).astype(np.float32), (0, 0), 4)
    given = shown(image)
    small = torch.from_numpy(overview(image))[None, None]
    np.testing.assert_allclose(given["image"], torch.nn.functional.avg_pool2d(small, 2), atol=1e-5)
    np.testing.assert_allclose(given["percentiles"], percentiles(small), atol=1e-5)


def test_what_is_spared_is_told_apart():
    clean = torch.rand(64, 1, 128, 160, generator=torch.Generator().manual_seed(0))
    clean = torch.nn.functional.avg_pool2d(clean, 9, 1, 4)
    seen, wanted, lost = dulled(clean, torch.Generator().manual_seed(1))
    change = (seen - wanted).abs().mean((1, 2, 3))
    assert 0 < lost.mean() < 1
    assert change[lost == 0].max() < 0.02 < change[lost == 1].median()


def test_a_run_ends_in_weights_that_run_on_an_engine(tmp_path, scene):
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "data/a.png"), np.rint(scene * 255).astype(np.uint8))
    recipe = LevelRecipe.model_validate(
        {
            "method": "level/compact", "data": str(tmp_path / "data"), "out": str(tmp_path / "run"), "steps": 3, "batch": 4,
            "rate": 1e-3, "scenes": 2, "device": "cpu", "convention": False, "options": {"widths": [8, 8, 8, 8], "blocks": 1},
            "validation": {"data": str(tmp_path / "data"), "presets": ["hm-tir-contrast"], "every": 3},
        }
    )  # fmt: skip
    from thermend.methods.level.checkpoints import load_network

    network = load_network(train(recipe, LevelTraining))
    write_onnx(network, tmp_path / "w.onnx", {"method": "level/compact", **network.metadata()}, half=True)
    picture = np.rint(scene * 100 + 60).astype(np.uint8)
    results = [
        thermend.load("level", weights=tmp_path / "w.onnx", engine=e).restore(picture)
        for e in ("openvino", "onnxruntime")
    ]
    np.testing.assert_allclose(results[0].pixels, results[1].pixels, atol=0.5)
    assert results[0].metadata.provenance["steps"][0].keys() >= {"gain", "vignetting", "chance"}


def test_the_catalogue_states_what_is_counted():
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made = LevelNetwork()
        made(torch.zeros(1, 1, 64, 80), torch.zeros(1, 13))
    assert METHODS[0].parameters == sum(p.numel() for p in made.parameters())
    assert METHODS[0].macs == counter.get_total_flops() // 2
