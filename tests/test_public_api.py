"""What stands in the public API, and that it can be looked at on the core install."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import thermend

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
