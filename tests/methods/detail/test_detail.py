"""The detail network: the chain before it in training is the chain in use, its damage is what it says, and it runs anywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

import thermend  # noqa: E402
from thermend.estimation import noise, stripes  # noqa: E402
from thermend.methods.detail import METHODS, pipeline  # noqa: E402
from thermend.methods.detail.chain import column_offsets, destriped, noise_sigma  # noqa: E402
from thermend.methods.detail.checkpoints import load_network  # noqa: E402
from thermend.methods.detail.network import DetailNetwork  # noqa: E402
from thermend.methods.detail.recipe import DetailRecipe  # noqa: E402
from thermend.methods.detail.training import DetailTraining, RealNoise  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402
from thermend.weights.checkpoints import read_tensors, write_tensors  # noqa: E402
from thermend.weights.onnx_export import write_onnx  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def network() -> DetailNetwork:
    """With every layer at work; before training it begins at nothing."""
    torch.manual_seed(3)
    made = DetailNetwork((8, 16, 16)[:3], (1, 1), 1, (1, 1)).eval()
    for parameter in made.parameters():
        if parameter.abs().max() == 0:
            torch.nn.init.normal_(parameter, 0, 0.05)
    return made


@pytest.fixture
def noisy(rng) -> np.ndarray:
    y, x = np.mgrid[0:128, 0:128].astype(np.float32) / 128
    image = 0.3 + 0.3 * y + 0.2 * (x > 0.5)
    return (image + rng.normal(0, 0.02, image.shape) + rng.normal(0, 0.05, 128)[None]).astype(np.float32)


def test_training_estimates_noise_as_use_does(noisy):
    expected = noise.noise_sigma(noisy)
    assert float(noise_sigma(torch.from_numpy(noisy)[None, None])) == pytest.approx(expected, rel=1e-5)


def test_training_finds_stripes_as_use_does(noisy):
    for turned in (noisy, noisy.T):
        batch = torch.from_numpy(np.ascontiguousarray(turned))[None, None]
        np.testing.assert_allclose(column_offsets(batch)[0][0], stripes.column_offsets(turned), atol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_stripes_of_either_direction_go(noisy, turned):
    given = noisy.T if turned else noisy
    batch = torch.from_numpy(np.ascontiguousarray(given))[None, None]
    result, found = destriped(batch, noise_sigma(batch))
    assert float(found) == pytest.approx(0.05, rel=0.25)
    wanted = given - (stripes.column_offsets(noisy)[:, None] if turned else stripes.column_offsets(noisy)[None])
    assert np.abs(result[0, 0].numpy() - wanted).mean() < 0.002


def test_before_training_nothing_is_changed():
    image = torch.rand(2, 1, 32, 48)
    assert not DetailNetwork()(image, torch.rand(2, 2)).any()


def test_the_catalogue_states_what_is_counted():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        made = DetailNetwork()
        made(torch.empty(1, 1, 512, 640), torch.empty(1, 2))
    assert METHODS[0].parameters == sum(p.numel() for p in made.parameters())
    assert METHODS[0].macs == counter.get_total_flops() // 2


def test_jpeg_is_what_jpeg_does(rng):
    image = cv2.GaussianBlur(rng.random((64, 64)).astype(np.float32), (0, 0), 1.5)
    grey = np.rint(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    for quality in (40, 75, 95):
        stored = cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
        batch = torch.from_numpy(grey.astype(np.float32) / 255)[None, None]
        ours = pipeline.compressed(batch, torch.full((1, 1, 1, 1), float(quality)))[0, 0].numpy() * 255
        error = np.abs(
            ours - stored
        )  # single coefficients lie between two steps, and integer arithmetic takes the other
        assert np.quantile(error, 0.98) <= 2
        assert error.max() < 8


def test_targets_are_the_scene_at_the_level_that_it_has(rng):
    clean = torch.from_numpy(cv2.GaussianBlur(rng.random((64, 64)).astype(np.float32), (0, 0), 2))[None, None].repeat(
        64, 1, 1, 1
    )
    made = pipeline.damaged(clean, torch.Generator().manual_seed(0))
    assert made.images.shape == made.targets.shape == clean.shape
    assert set((made.contrast < 1).tolist()) == {True, False}
    # Details have the contrast that is stated: neither haze nor shading touches them; small targets come on top.
    fine = [x - torch.nn.functional.avg_pool2d(x, 3, 1, 1) for x in (made.targets, clean)]
    inner = np.s_[:, 0, 4:-4, 4:-4]
    share = (fine[0][inner] * fine[1][inner]).sum((1, 2)) / fine[1][inner].square().sum((1, 2))
    assert (share - made.contrast).abs().median() < 0.03
    errors = (made.images - made.targets).square().mean((1, 2, 3)).sqrt() * 255
    assert errors.median() > 4
    assert errors.min() < 1


def test_the_same_seed_draws_the_same_damage():
    clean = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    first, again = (pipeline.damaged(clean, torch.Generator().manual_seed(5)).images for _ in range(2))
    torch.testing.assert_close(first, again, atol=0, rtol=0)


@pytest.mark.parametrize("shape", [(64, 80), (61, 75), (20, 33), (8, 8)])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_every_size_and_engine_gives_what_torch_gives(network, tmp_path, rng, shape, engine):
    write_onnx(network, tmp_path / "w.onnx", {"method": "detail/compact", **network.metadata()})
    write_tensors(tmp_path / "w.safetensors", network.state_dict(), {"method": "detail/compact", **network.metadata()})
    picture = rng.integers(0, 256, shape).astype(np.uint8)
    ours = (
        thermend.load("detail", weights=tmp_path / "w.onnx", engine=engine, precision="float32").restore(picture).pixels
    )
    exact = thermend.load("detail", weights=tmp_path / "w.safetensors", engine="torch").restore(picture).pixels
    assert ours.shape == shape
    np.testing.assert_allclose(ours, exact, atol=0.02)


def test_half_precision_is_stored_and_single_is_computed(network, tmp_path):
    facts = {"method": "detail/compact", **network.metadata()}
    for name, half in (("single", False), ("half", True)):
        write_onnx(network, tmp_path / f"{name}.onnx", facts, half=half)
    sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in ("single", "half")]
    assert sizes[1] < 0.65 * sizes[0]
    for name, tensor in load_network(tmp_path / "half.onnx").state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-6)


@pytest.fixture
def recorded(tmp_path, rng):
    """A recording of plain sky: noise over a slope."""
    folder = tmp_path / "noise" / "one"
    folder.mkdir(parents=True)
    mean = np.full((80, 100), 120.0) + np.linspace(0, 10, 100)
    cv2.imwrite(str(folder / "mean.png"), np.rint(mean * 257).astype(np.uint16))
    for number in range(2):
        frame = np.rint(mean + rng.normal(0, 6, mean.shape)).astype(np.uint8)
        cv2.imwrite(str(folder / f"frame-{number}.png"), frame)
    return folder.parent


def test_real_noise_is_drawn_at_a_spread_of_one(recorded):
    drawn = RealNoise([recorded]).draw(np.random.default_rng(0), 6, 64, torch.device("cpu"))
    assert drawn.shape == (6, 1, 64, 64)
    assert torch.quantile(drawn.abs().flatten(1), 0.68, dim=1).numpy() == pytest.approx(1, abs=0.12)


def test_a_folder_without_a_recording_is_named(tmp_path):
    with pytest.raises(thermend.UsageError, match="no recording here"):
        RealNoise([tmp_path])


class Killed(BaseException):
    """What a kill looks like from inside: no handler catches it."""


def _dying(step, at: int):
    def own(self, batch, generator):
        if self.done == at:
            raise Killed
        return step(self, batch, generator)

    return own


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 40}, "patch_size 40: expected a multiple of 16"),
        ({"crop": 512}, "no more than frame, 256"),
        ({"options": {"widthz": [8, 8]}}, "options.widthz: no such key"),
        ({"options": {"widths": [8, 8]}}, "2 widths go with 1 groups"),
        ({"options": {"widths": [8, 0], "encoder": [1], "decoder": [1]}}, "greater than or equal to 1"),
        ({"devices": 2}, "devices 2: "),
        ({"convention": True}, "convention: "),
    ],
)
def test_what_cannot_be_is_said_before_a_run(changes, message):
    values = {
        "method": "detail/compact",
        "data": "x",
        "out": "y",
        "steps": 1,
        "batch": 1,
        "crop": 64,
        "rate": 1e-3,
        "convention": False,
    }
    with pytest.raises(thermend.UsageError, match=message):
        check(DetailRecipe, values | changes, "r")


def test_a_run_goes_on_where_it_was_and_begins_with_an_onnx_file(tmp_path, scene, recorded, monkeypatch):
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "data/a.png"), np.rint(scene * 255).astype(np.uint8))
    values = {
        "method": "detail/compact", "data": str(tmp_path / "data"), "noise": str(recorded), "steps": 4, "batch": 2, "crop": 32,
        "frame": 64, "rate": 1e-3, "checkpoint_every": 2, "picture_every": 2, "device": "cpu", "scenes": 1,
        "convention": False,
        "options": {"widths": [8, 8], "encoder": [1], "middle": 1, "decoder": [1]},
        "validation": {"data": str(tmp_path / "data"), "presets": ["deal-stripe-heavy", "none"], "every": 2},
    }  # fmt: skip
    recipe, whole = (DetailRecipe.model_validate(values | {"out": str(tmp_path / name)}) for name in ("a", "whole"))
    monkeypatch.setattr(DetailTraining, "step", _dying(DetailTraining.step, at=3))
    with pytest.raises(Killed):
        train(recipe, DetailTraining)
    monkeypatch.undo()
    assert (tmp_path / "a/latest.safetensors").is_file()
    weights = train(recipe, DetailTraining)
    assert weights.read_bytes() == train(whole, DetailTraining).read_bytes()
    assert (tmp_path / "a/checkpoints/last.ckpt").is_file()
    assert (tmp_path / "a/pictures/step-00000002.png").is_file()
    log = (tmp_path / "whole/log/from-00000000/metrics.csv").read_text()
    assert "psnr/deal-stripe-heavy" in log
    tensors = read_tensors(weights)
    assert any(t.abs().max() > 0 for name, t in tensors.items() if name.startswith("tail"))
    network = load_network(weights)
    write_onnx(network, tmp_path / "a.onnx", {"method": "detail/compact", **network.metadata()})
    again = DetailTraining(
        DetailRecipe.model_validate(values | {"out": str(tmp_path / "b"), "init_from": str(tmp_path / "a.onnx")})
    )
    for name, tensor in again.weights().items():
        torch.testing.assert_close(tensor, tensors[name], atol=0, rtol=0)
