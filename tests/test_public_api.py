"""What stands in the public API, and that it can be looked at on the core install."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import thermend
from thermend.io import write
from thermend.methods import find
from thermend.weights.shipped import shipped

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'lightning', 'onnx', 'safetensors'):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == 'torch' else real(name, package)
"""


def test_everything_can_be_looked_at_without_torch():
    code = WITHOUT + (
        "import thermend\nfrom thermend import *\n"
        "assert set(thermend.__all__) <= set(dir(thermend))\n"
        "assert all(hasattr(thermend, name) for name in dir(thermend))\n"
        "try:\n    thermend.degradations.stripes\nexcept thermend.MissingDependencyError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install 'thermend[train]'" in done.stdout


def test_importing_thermend_loads_neither_torch_nor_an_engine():
    code = "import sys, thermend; print([m for m in ('torch', 'openvino', 'onnxruntime', 'cv2') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_an_image_is_an_array_to_numpy_and_a_picture_in_a_notebook():
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    image = thermend.ThermalImage(pixels, "celsius")
    np.testing.assert_array_equal(np.asarray(image), pixels)
    assert np.asarray(image, np.float64).dtype == np.float64
    assert np.mean(image) == pytest.approx(5.5)
    assert image._repr_png_().startswith(b"\x89PNG")


def test_a_stack_of_images_comes_back_as_one(rng):
    stack = rng.integers(0, 256, (3, 40, 56)).astype(np.uint8)
    restorer = thermend.load("classical.column-median")
    result = restorer(stack)
    assert result.shape == stack.shape
    for one, image in zip(result, stack):
        np.testing.assert_array_equal(one, restorer(image).pixels)


def test_a_batch_of_tensors_comes_back_as_one(rng):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    batch = torch.from_numpy(rng.random((2, 1, 40, 56)))
    restorer = thermend.load("classical.column-median")
    result = restorer(batch)
    assert (result.shape, result.dtype) == (batch.shape, batch.dtype)
    expected = restorer.restore(
        thermend.ThermalImage((255 * batch[1, 0]).float().numpy(), "display", "float32", (0, 255))
    )
    np.testing.assert_allclose(255 * result[1, 0].numpy(), expected.pixels, atol=1e-3)
    with pytest.raises(thermend.UsageError, match=r"expected \(B, 1, H, W\)"):
        restorer(batch[0])


def test_methods_are_listed(tmp_path):
    rows = {row.full_name: row for row in thermend.list_methods()}
    assert rows["auto"].licence == "CC-BY-4.0 AND CC0-1.0"
    assert "LicenseRef-research" in rows["ppfn/compact"].licence


def test_write_is_the_other_side_of_read(tmp_path):
    image = thermend.ThermalImage(np.full((8, 9), 21.5, np.float32), "celsius")
    thermend.write(image, tmp_path / "a.tif")
    np.testing.assert_allclose(thermend.read(tmp_path / "a.tif").pixels, 21.5)


def test_images_and_names_are_given_by_position_and_all_else_by_name():
    image = np.full((20, 24), 90, np.uint8)
    for wrong in (
        lambda: thermend.enhance(image, "auto"),
        lambda: thermend.load("auto", None),
        lambda: thermend.load("classical.he").restore(image, "display"),
    ):
        with pytest.raises(TypeError, match="positional"):
            wrong()


def test_a_restorer_is_kept_as_long_as_its_files_are_the_same(tmp_path):
    assert thermend.load("detail") is thermend.load("detail")
    assert thermend.load("detail") is not thermend.load("detail", tile=64)
    path = tmp_path / "w.onnx"
    path.write_bytes(shipped("detail-compact", ".onnx").read_bytes())
    first = thermend.load("detail", weights=path)
    assert thermend.load("detail", weights=path) is first
    path.write_bytes(shipped("level-compact", ".onnx").read_bytes())
    with pytest.raises(thermend.InputError, match="holds a network of level/compact"):
        thermend.load("detail", weights=path)


@pytest.mark.parametrize("method", ["auto", "detail", "classical.chain", "classical.dct"])
def test_progress_rises_to_its_end(scene, rng, method):
    noisy = np.rint(255 * scene + rng.normal(0, 12, scene.shape)).clip(0, 255).astype(np.uint8)
    seen = []
    thermend.load(method, tile=96 if method == "detail" else None).restore(
        noisy, progress=lambda *now: seen.append(now)
    )
    assert seen[0] == (0, 100)
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)
    assert method != "detail" or len(seen) > 6  # tile by tile


@pytest.mark.parametrize("method", ["auto", "detail"])
def test_work_that_nobody_wants_ends(scene, rng, method):
    noisy = np.rint(255 * scene + rng.normal(0, 12, scene.shape)).clip(0, 255).astype(np.uint8)
    asked = []

    def cancel() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(thermend.Cancelled):
        thermend.load(method, tile=64).restore(noisy, cancel=cancel)
    assert len(asked) == 3


def test_a_result_is_held_against_its_image(scene, rng):
    grey = np.rint(255 * scene).astype(np.uint8)
    invented = grey.astype(np.float32)
    invented[60:100, 60:110] += 90
    assert thermend.verify(grey, grey).supported
    found = thermend.verify(grey, thermend.ThermalImage(invented.clip(0, 255), "display", "uint8"))
    assert found.departure.shape == grey.shape
    assert found.suspect > 0.02


def test_frames_are_read_one_after_another(tmp_path):
    frames = [thermend.ThermalImage(np.full((8, 9), k + 0.5, np.float32), "celsius") for k in range(4)]
    write(iter(frames), tmp_path / "all.tif", pages=4)
    assert [float(f.pixels[0, 0]) for f in thermend.read_frames(tmp_path / "all.tif")] == [0.5, 1.5, 2.5, 3.5]
    (tmp_path / "many").mkdir()
    for k, frame in enumerate(frames):
        thermend.write(frame, tmp_path / "many" / f"{k}.tif")
    assert [float(f.pixels[0, 0]) for f in thermend.read_frames(tmp_path / "many")] == [0.5, 1.5, 2.5, 3.5]
    with pytest.raises(thermend.InputError):
        next(iter(thermend.read_frames(tmp_path / "none.tif")))


def test_models_are_torch_modules_to_build_on():
    torch = pytest.importorskip("torch", reason="needs the train extra")
    model = thermend.models.load("detail/compact")
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    assert sum(p.numel() for p in model.parameters()) == next(
        row.parameters for row in thermend.list_methods() if row.full_name == "detail/compact"
    )
    with pytest.raises(thermend.UsageError, match="has no network"):
        thermend.models.load("classical.he")


def test_a_generative_result_carries_its_verdict(scene):
    pytest.importorskip("diffusers", reason="needs the hidra extra")
    result = thermend.enhance(np.rint(255 * scene).astype(np.uint8), method="hidra")
    verdict = result.metadata.provenance["verification"]
    assert 0 <= verdict["suspect"] <= 1
    assert isinstance(verdict["supported"], bool)
    (step,) = result.metadata.provenance["steps"]
    assert step["vector"] > 0
    assert set(step["levels"]) <= {"mild", "moderate", "severe", "extreme"}


def test_earlier_names_of_methods_are_read(scene):
    with pytest.warns(FutureWarning, match="hidra/embedded is called hidra/tiny now"):
        assert find("hidra/embedded") is find("hidra/tiny")
    listed = [row.full_name for row in thermend.list_methods()]
    assert "hidra/unet" not in listed
    with pytest.raises(thermend.UsageError, match="is a part of hidra"):
        thermend.load("hidra/unet")
