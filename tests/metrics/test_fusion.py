"""Fusion measures against slow implementations that share nothing with the package's, and against published values."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

from thermend import metrics


@pytest.fixture
def three(rng):
    y, x = np.mgrid[0:40, 0:46]
    infrared = np.clip(90 + 60 * np.sin(x / 6) + rng.normal(0, 6, x.shape), 0, 255)
    infrared[10:20, 12:26] = 200
    infrared[30:, :8] = 50  # flat: no edges, no variance
    visible = np.clip(120 + 50 * np.cos(y / 5) + rng.normal(0, 9, x.shape), 0, 255)
    fused = 0.6 * infrared + 0.4 * visible
    return tuple(np.rint(a) for a in (fused, infrared, visible))


def _information(a, b):
    joint, first, second = {}, {}, {}
    for p, q in zip(a.ravel(), b.ravel()):
        joint[p, q] = joint.get((p, q), 0) + 1
        first[p] = first.get(p, 0) + 1
        second[q] = second.get(q, 0) + 1
    n = a.size
    return sum(c / n * math.log(c * n / (first[p] * second[q])) for (p, q), c in joint.items())


def test_mutual_information_by_counting_pairs(three):
    fused, infrared, visible = three
    nats = _information(fused, infrared) + _information(fused, visible)
    assert metrics.mutual_information(*three, unit="nats") == pytest.approx(nats, rel=1e-9)
    assert metrics.mutual_information(*three) == pytest.approx(nats / math.log(2), rel=1e-9)


def test_correlations_by_numpy(three):
    fused, infrared, visible = (a.ravel() for a in three)

    def r(a, b):
        return np.corrcoef(a, b)[0, 1]

    assert metrics.correlation(*three) == pytest.approx((r(fused, infrared) + r(fused, visible)) / 2)
    expected = r(fused - visible, infrared) + r(fused - infrared, visible)
    assert metrics.sum_of_correlated_differences(*three) == pytest.approx(expected)


def _slow_edges(image):
    height, width = image.shape
    strength, angle = np.zeros(image.shape), np.zeros(image.shape)

    def at(y, x):
        return image[y, x] if 0 <= y < height and 0 <= x < width else 0.0

    for y in range(height):
        for x in range(width):
            right = sum(w * (at(y + d, x + 1) - at(y + d, x - 1)) for d, w in ((-1, 1), (0, 2), (1, 1)))
            up = sum(w * (at(y - 1, x + d) - at(y + 1, x + d)) for d, w in ((-1, 1), (0, 2), (1, 1)))
            strength[y, x] = math.hypot(right, up)
            angle[y, x] = math.pi / 2 if right == 0 else math.atan(up / right)
    return strength, angle


def test_edge_preservation_pixel_by_pixel(three):
    fused, infrared, visible = three
    strength_f, angle_f = _slow_edges(fused)
    kept = weight = 0.0
    for source in (infrared, visible):
        strength, angle = _slow_edges(source)
        for g, a, gf, af in zip(strength.ravel(), angle.ravel(), strength_f.ravel(), angle_f.ravel()):
            ratio = gf if g == gf else (gf / g if g > gf else g / gf)
            turn = 1 - abs(a - af) / (math.pi / 2)
            quality = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + math.exp(-22 * (turn - 0.8)))
            kept += quality * g
            weight += g
    assert metrics.edge_preservation(*three) == pytest.approx(kept / weight, rel=1e-9)


def _slow_vif(reference, image):
    seen = possible = 0.0
    for size in (17, 9, 5, 3):
        half, sigma = size // 2, size / 5
        kernel = np.array(
            [
                [math.exp(-(a * a + b * b) / (2 * sigma * sigma)) for b in range(-half, half + 1)]
                for a in range(-half, half + 1)
            ]
        )
        kernel /= kernel.sum()

        def smooth(array, kernel=kernel, size=size):
            rows, columns = array.shape[0] - size + 1, array.shape[1] - size + 1
            return np.array(
                [[np.sum(kernel * array[y : y + size, x : x + size]) for x in range(columns)] for y in range(rows)]
            )

        if size < 17:
            reference, image = smooth(reference)[::2, ::2], smooth(image)[::2, ::2]
        if min(reference.shape) < size:
            break
        m1, m2 = smooth(reference), smooth(image)
        statistics = zip(
            (smooth(reference**2) - m1**2).ravel(),
            (smooth(image**2) - m2**2).ravel(),
            (smooth(reference * image) - m1 * m2).ravel(),
        )
        for v1, v2, v12 in statistics:
            v1, v2 = max(v1, 0), max(v2, 0)
            gain = v12 / (v1 + 1e-10)
            rest = v2 - gain * v12
            if v1 < 1e-10:
                gain, rest, v1 = 0, v2, 0
            if v2 < 1e-10:
                gain, rest = 0, 0
            if gain < 0:
                rest, gain = v2, 0
            rest = max(rest, 1e-10)
            seen += math.log10(1 + gain * gain * v1 / (rest + 2))
            possible += math.log10(1 + v1 / 2)
    return seen / possible


def test_visual_information_fidelity_window_by_window(three):
    fused, infrared, visible = three
    expected = _slow_vif(infrared, fused) + _slow_vif(visible, fused)
    assert metrics.visual_information_fidelity(*three) == pytest.approx(expected, rel=1e-6)


def test_published_values_of_four_fused_images(cases):
    for entry in json.loads((cases / "parity/fusion_metrics.json").read_text()):
        fused = cv2.imread(str(cases / "parity" / entry["fused"]), 0).astype(float)
        infrared, visible = (
            cv2.imread(str(cases / "data/roadscene/pairs" / kind / entry["name"]), 0).astype(float)
            for kind in ("infrared", "visible")
        )
        three = (fused, infrared, visible)
        found = {
            "EN": metrics.entropy(fused), "SD": metrics.standard_deviation(fused), "SF": metrics.spatial_frequency(fused),
            "AG": metrics.average_gradient_fusion(fused), "MI_nats": metrics.mutual_information(*three, unit="nats"),
            "SCD": metrics.sum_of_correlated_differences(*three), "VIF": metrics.visual_information_fidelity(*three),
            "Qabf": metrics.edge_preservation(*three), "CC": metrics.correlation(*three),
        }  # fmt: skip
        for name, value in found.items():
            assert value == pytest.approx(entry[name], rel=1e-4), (entry["name"], name)


def test_three_images_of_one_size_are_needed(three):
    with pytest.raises(ValueError, match="one"):
        metrics.correlation(three[0], three[1], three[2][:-1])
    with pytest.raises(ValueError, match="bits"):
        metrics.mutual_information(*three, unit="dits")


def test_fidelity_needs_seventeen_pixels():
    rng = np.random.default_rng(0)
    small = [rng.integers(0, 255, (12, 40)) for _ in range(3)]
    assert metrics.visual_information_fidelity(*small) is None
    assert metrics.visual_information_fidelity(*(np.vstack([s, s]) for s in small)) < 0.5
