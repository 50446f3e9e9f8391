"""Clusters of defects and pairs of columns: found and mended; small hot targets that a lens drew stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.estimation.bad_pixels import find_dead_clusters, find_dead_columns

NOISE = 0.05
SHAPES = [(1, 2), (2, 1), (1, 3), (3, 1), (2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.fixture(params=(1, 7))
def scene(request):
    """Temperatures and what a camera without defects makes of them."""
    clean = (15 + 20 * cv2.GaussianBlur(scene_picture(5, request.param), (0, 0), 0.7)).astype(np.float32)
    rng = np.random.default_rng(request.param)
    return clean, clean + rng.normal(0, NOISE, clean.shape).astype(np.float32), rng


def mended(pixels):
    return thermend.enhance(thermend.ThermalImage.from_array(pixels, unit="celsius"), method="classical.chain").pixels


def places(rng, shape, apart=26):
    """Where things are put, far from each other."""
    for top in range(30, shape[0] - 30, apart):
        for left in range(30, shape[1] - 30, apart):
            yield top + int(rng.integers(6)), left + int(rng.integers(6))


@pytest.mark.parametrize("height", [20 * NOISE, 60 * NOISE, 40.0])
def test_clusters_are_mended(scene, height):
    clean, seen, rng = scene
    given, put = seen.copy(), []
    for number, (y, x) in enumerate(places(rng, clean.shape)):
        h, w = SHAPES[number % len(SHAPES)]
        given[y : y + h, x : x + w] += height * rng.choice([-1, 1])
        put.append(np.s_[y : y + h, x : x + w])
    result = mended(given)
    errors = np.array([np.abs(result[place] - clean[place]).max() for place in put])
    assert (errors <= max(3 * NOISE, 20 * 5 / 45)).mean() >= 0.88


def test_targets_seen_through_a_lens_stay(scene):
    clean, _, rng = scene
    spot = np.zeros((21, 21), np.float32)
    spot[9:12, 9:12] = 1
    spot = cv2.GaussianBlur(spot, (0, 0), 1)
    for height in (20 * NOISE, 60 * NOISE, 40.0):
        given, put = clean.copy(), list(places(rng, clean.shape))
        for y, x in put:
            given[y - 10 : y + 11, x - 10 : x + 11] += height * spot
        given += rng.normal(0, NOISE, clean.shape).astype(np.float32)
        result = mended(given)

        kept = [(result - clean)[y - 1 : y + 2, x - 1 : x + 2].mean() for y, x in put]
        assert min(kept) >= 0.85 * height * spot[9:12, 9:12].mean()


@pytest.mark.parametrize("way", ["columns", "rows"])
def test_two_columns_side_by_side_are_mended(scene, way):
    clean, seen, _ = scene
    given = seen.copy()
    turned = given if way == "columns" else given.T
    turned[:, 200:202] += 20 * NOISE
    turned[:, 300:302] = 60
    result, truth = mended(given), clean
    result, truth = (result, truth) if way == "columns" else (result.T, truth.T)
    for place in (np.s_[:, 200:202], np.s_[:, 300:302]):
        assert np.quantile(np.abs(result[place] - truth[place]), 0.95) <= 20 * 5 / 45


def test_undamaged_scenes_have_none(scene):
    _, seen, _ = scene
    picture = (seen - seen.min()) / np.ptp(seen)
    assert find_dead_clusters(picture).sum() <= 4
    assert not find_dead_columns(picture).any()
    assert not find_dead_columns(picture.T).any()
