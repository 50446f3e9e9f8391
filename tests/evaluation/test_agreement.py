"""A user's network on mended images, beside the clean ones."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from thermend import InputError
from thermend.evaluation.agreement import OnnxNetwork, agreement, depth_agreement, mean_overlap


def test_depth_is_compared_up_to_scale_and_shift(rng):
    depth = rng.random((20, 30)).astype(np.float32)
    assert depth_agreement(3 * depth + 7, depth) == (pytest.approx(0, abs=1e-4), 1.0)
    assert depth_agreement(-depth, depth)[1] == 1.0  # as disparity is to depth, in the least squares
    noise, close = depth_agreement(rng.random((20, 30)).astype(np.float32), depth)
    assert noise > 0.5
    assert close < 0.5


def test_overlap_is_the_mean_over_the_classes_that_are_there():
    reference = np.array([[0, 0, 1, 1]])
    assert mean_overlap(reference, reference) == 1
    assert mean_overlap(np.array([[0, 1, 1, 1]]), reference) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert mean_overlap(np.array([[0, 0, 1, 5]]), reference) == pytest.approx((1 + 1 / 2 + 0) / 3)
    made = np.zeros((3, 1, 4), np.float32)
    made[0, 0, :2], made[2, 0, 2:] = 1, 1
    assert agreement("segmentation", made, made) == (1.0,)


@pytest.fixture
def network(tmp_path):
    torch = pytest.importorskip("torch")

    class Bright(torch.nn.Module):
        """The nearer the brighter, from a blurred picture."""

        def forward(self, image):
            return torch.nn.functional.avg_pool2d(image.mean(1, keepdim=True), 5, 1, 2)

    path = tmp_path / "depth.onnx"
    names = {"input_names": ["image"], "output_names": ["depth"], "dynamic_axes": {"image": {2: "h", 3: "w"}}}
    torch.onnx.export(Bright(), (torch.zeros(1, 3, 32, 40),), path, dynamo=False, **names)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_table_of_what_a_users_network_says(network, tmp_path, scene):
    (tmp_path / "images").mkdir()
    Image.fromarray((scene * 255).astype(np.uint8)).save(tmp_path / "images" / "a.png")
    command = [
        sys.executable,
        "-m",
        "thermend.evaluation.agreement",
        "depth",
        str(network),
        "--images",
        str(tmp_path / "images"),
    ]
    asked = [*command, "--presets", "deal-stripe-heavy", "--methods", "classical.seid"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    damaged, mended = (line.split("|") for line in done.stdout.splitlines()[4:6])
    assert (damaged[2].strip(), mended[2].strip()) == ("damaged", "classical.seid")
    assert float(mended[3]) < float(damaged[3])
    wrong = subprocess.run(
        [*command, "--presets", "nothing", "--methods", "auto"], capture_output=True, text=True, timeout=200
    )
    assert (wrong.returncode, wrong.stderr.splitlines()[-1][:9]) == (2, "thermend:")


def test_what_is_no_network_gets_a_line(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be opened"):
        OnnxNetwork(tmp_path / "x.onnx")
