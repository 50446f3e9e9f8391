"""ReCo against a slow implementation with weights drawn here, and against the authors' own outputs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.signal import correlate2d

from thermend import InputError

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend.evaluation.reco import ReCo, fuse, load_reco  # noqa: E402

pytestmark = pytest.mark.slow


def _conv(image, weight, bias=None, dilation=1):
    """(C, H, W) by (O, C, 3, 3), zero padding, one product of a row after another."""
    spread = np.zeros((*weight.shape[:2], 2 * dilation + 1, 2 * dilation + 1))
    spread[:, :, ::dilation, ::dilation] = weight
    out = np.stack([sum(correlate2d(image[c], k[c], "same") for c in range(len(image))) for k in spread])
    return out if bias is None else out + bias[:, None, None]


def _norm(x, w, name):
    scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
    return (x - w[f"{name}.running_mean"][:, None, None]) * scale[:, None, None] + w[f"{name}.bias"][:, None, None]


def _by_hand(w, infrared, visible):
    fused = np.maximum(infrared, visible)
    for _ in range(3):
        attended = []
        for image, name in ((infrared, "att_a_conv"), (visible, "att_b_conv")):
            summary = np.stack([np.maximum(image, fused), (image + fused) / 2])
            attended.append(image / (1 + np.exp(-_conv(summary, w[f"{name}.weight"])[0])))
        stack = np.stack([attended[0], fused, attended[1]])
        features = []
        for d in (1, 2, 3):
            response = _conv(stack, w[f"dil_conv_{d}.0.weight"], w[f"dil_conv_{d}.0.bias"], d)
            features.append(np.maximum(_norm(response, w, f"dil_conv_{d}.1"), 0))
        last = _conv(np.concatenate(features), w["fus_conv.0.weight"], w["fus_conv.0.bias"])
        fused = np.tanh(_norm(last, w, "fus_conv.1"))[0]
    return fused


@pytest.fixture
def weights(tmp_path, rng):
    network = ReCo()
    state = {
        k: torch.from_numpy(rng.normal(0, 0.15, v.shape)).float() if v.ndim else v
        for k, v in network.state_dict().items()
    }
    for key in state:
        if key.endswith("running_var"):
            state[key] = 0.5 + state[key].abs()
    torch.save(state, tmp_path / "reco.pth")
    return tmp_path / "reco.pth", {k: v.double().numpy() for k, v in state.items()}


def test_the_network_is_what_the_text_says(weights, rng):
    path, values = weights
    infrared, visible = rng.random((2, 14, 17))
    with torch.no_grad():
        found = load_reco(path)(*(torch.from_numpy(a).float()[None, None] for a in (infrared, visible)))
    np.testing.assert_allclose(found[0, 0], _by_hand(values, infrared, visible), atol=2e-5)


def test_fused_pixels_are_clipped_and_rounded(weights, rng):
    path, values = weights
    infrared, visible = (rng.integers(0, 256, (14, 17)).astype(np.uint8) for _ in range(2))
    expected = np.rint(np.clip(_by_hand(values, infrared / 255, visible / 255), 0, 1) * 255)
    assert np.abs(fuse(load_reco(path), infrared, visible).astype(int) - expected).max() <= 1
    with pytest.raises(ValueError, match="differ"):
        fuse(load_reco(path), infrared, visible[:-1])


def test_other_networks_parameters_are_refused(tmp_path):
    torch.save({"conv.weight": torch.ones(3)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="another network"):
        load_reco(tmp_path / "x.pth")


def test_the_authors_outputs_are_reproduced(cases):
    network = load_reco(cases / "parity/reco/published.pth")
    with np.load(cases / "parity/reco/published_outputs.npz") as stored:
        for name, expected in stored.items():
            pair = [
                cv2.imread(str(cases / "data/roadscene/pairs" / kind / name), 0) for kind in ("infrared", "visible")
            ]
            with torch.no_grad():
                found = network(*(torch.from_numpy(a.astype(np.float32) / 255)[None, None] for a in pair))[0, 0]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
