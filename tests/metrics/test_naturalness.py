"""NIQE's features of values whose distribution is known, and its order of damage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermend import metrics
from thermend.metrics.naturalness import FEATURES, PATCH, _asymmetric, fit, patch_features


@pytest.mark.parametrize(("draw", "shape"), [("normal", 2.0), ("laplace", 1.0)])
def test_the_shape_of_known_distributions_is_found(rng, draw, shape):
    values = getattr(rng, draw)(0, 0.7, 200_000).astype(np.float32)
    found, left, right, mean = _asymmetric(values)
    assert found == pytest.approx(shape, abs=0.05)
    assert left == pytest.approx(right, rel=0.02)
    assert mean == pytest.approx(0, abs=0.01)
    scale = 0.7 * (np.sqrt(2) if draw == "normal" else 1)  # of exp(−(|x| / scale) ** shape)
    assert left == pytest.approx(scale, rel=0.05)


def test_a_lopsided_distribution_has_two_scales_and_its_mean(rng):
    size = np.abs(rng.normal(0, 1, 200_000))
    left = rng.random(200_000) < 0.25  # a half normal of a quarter of the mass has a third of the other's scale
    values = np.where(left, -size / 3, size).astype(np.float32)
    shape, low, high, mean = _asymmetric(values)
    assert shape == pytest.approx(2, abs=0.1)
    assert high / low == pytest.approx(3, rel=0.05)
    assert mean == pytest.approx(float(values.mean()), rel=0.1)


def test_features_are_of_whole_patches_at_two_scales(rng):
    image = rng.uniform(0, 255, (2 * PATCH + 30, 3 * PATCH + 5))
    features, sharpness = patch_features(image)
    assert features.shape == (6, FEATURES)
    assert sharpness.shape == (6,)
    assert patch_features(image[: PATCH - 1])[0].shape == (0, FEATURES)
    assert metrics.niqe_thermal(image[:PATCH, :PATCH]) is None


def test_statistics_are_those_of_the_sharp_patches(rng):
    image = rng.normal(128, 20, (2 * PATCH, 2 * PATCH))
    image[PATCH:] = 128 + rng.normal(0, 2, (PATCH, 2 * PATCH))  # dull patches do not count
    mean, covariance = fit([image])
    expected = patch_features(image[:PATCH])[0]
    np.testing.assert_allclose(mean, expected.mean(0), atol=0.05)
    assert covariance.shape == (FEATURES, FEATURES)


def test_real_images_are_nearer_than_their_damaged_ones(cases):
    pytest.importorskip("torch", reason="needs the train extra")
    from thermend.degradations import degrade

    for path in sorted((cases / "data/roadscene/val").iterdir())[2:4]:
        clean = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        values = [metrics.niqe_thermal(clean)]
        values += [metrics.niqe_thermal(degrade(clean, f"hidra-{n}", 0, path.name)) for n in ("mild", "severe")]
        blurred = metrics.niqe_thermal(degrade(clean, "hm-tir-blur", 0, path.name))
        assert values[0] < 6 < values[1] < values[2]
        assert values[0] < blurred
