from __future__ import annotations

import numpy as np
import pytest

from thermend import ThermalImage, UsageError


def test_pixels_cannot_be_changed_and_do_not_follow_the_array_they_came_from():
    array = np.zeros((3, 4), np.float32)
    image = ThermalImage.from_array(array)
    array[0, 0] = 5
    assert image.pixels[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 1


def test_the_array_decides_unit_and_depth():
    assert ThermalImage.from_array(np.zeros((2, 2), np.uint8)).unit == "display"
    sixteen = ThermalImage.from_array(np.zeros((2, 2), np.uint16))
    assert (sixteen.unit, sixteen.depth, sixteen.valid_range) == ("counts", "uint16", (0.0, 65535.0))
    assert ThermalImage.from_array(np.zeros((2, 2)), unit="celsius").unit == "celsius"


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 2, 3)), np.zeros((0, 4)), np.zeros((2, 2), complex)])
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(UsageError):
        ThermalImage.from_array(wrong)


def test_the_range_runs_from_percentile_to_percentile_and_ignores_invalid_pixels():
    values = np.arange(100_001, dtype=np.float32).reshape(1, -1)
    values[0, 0] = np.nan
    assert ThermalImage.from_array(values).range == pytest.approx(0.998 * 100_000, rel=1e-4)


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys

    heavy = ("torch", "openvino", "onnxruntime", "cv2", "numpy", "scipy", "pydantic", "typer")
    code = f"import sys, thermend; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
