"""One restorer for many threads, and in other processes."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import thermend

pytestmark = pytest.mark.slow


@pytest.fixture
def pictures(scene, rng) -> list[np.ndarray]:
    """Unlike one another, in size too."""
    noisy = [np.clip(255 * np.roll(scene, 17 * k, 1) + rng.normal(0, 9, scene.shape), 0, 255) for k in range(12)]
    return [np.rint(image[: 192 - 16 * (k % 3)]).astype(np.uint8) for k, image in enumerate(noisy)]


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("method", ["auto", "detail", "ppfn"])
def test_threads_get_their_own_images_back(pictures, method, engine):
    restorer = thermend.load(method, engine=engine, precision="float32")
    alone = [restorer.restore(picture).pixels for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: restorer.restore(picture).pixels, pictures * 2))
    for expected, found in zip(alone * 2, together):
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("method", ["auto", "classical.chain", "classical.utv", "detail", "ppfn/compact"])
def test_a_restorer_goes_to_other_processes(pictures, method):
    restorer = thermend.load(method, precision="float32") if method != "classical.chain" else thermend.load(method)
    expected = restorer.restore(pictures[0]).pixels
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(restorer)).restore(pictures[0]).pixels, expected)
