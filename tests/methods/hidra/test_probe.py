"""The linear probe on known vectors."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend import InputError  # noqa: E402
from thermend.methods.hidra.probe import LEVELS, QUESTIONS, TYPES, Probe, as_tensors, fit, read_probes  # noqa: E402
from thermend.weights.checkpoints import write_tensors  # noqa: E402


def _clusters(rng, count=4, width=6, each=60, spread=0.3):
    middles = rng.normal(size=(count, width)) * 3 + 5
    answers = np.repeat(np.arange(count), each)
    return (middles[answers] + rng.normal(size=(count * each, width)) * spread).astype(np.float32), answers


def test_it_tells_apart_what_a_plane_can_and_no_more(rng):
    vectors, answers = _clusters(rng)
    probe = fit(vectors[::2], answers[::2], 4)
    assert probe.accuracy(vectors[1::2], answers[1::2]) > 0.97
    mixed = rng.permutation(answers)
    assert fit(vectors[::2], mixed[::2], 4).accuracy(vectors[1::2], mixed[1::2]) < 0.5


def test_chances_are_softmax_of_a_linear_layer(rng):
    probe = Probe(rng.normal(size=(3, 5)).astype(np.float32), rng.normal(size=3).astype(np.float32))
    vectors = rng.normal(size=(4, 5)).astype(np.float32)
    expected = torch.softmax(torch.from_numpy(vectors @ probe.weight.T + probe.bias), 1).numpy()
    np.testing.assert_allclose(probe.chances(vectors), expected, rtol=1e-5)
    huge = Probe(probe.weight * 1000, probe.bias)
    assert np.isfinite(huge.chances(vectors)).all()


def test_every_answer_has_to_occur(rng):
    with pytest.raises(ValueError, match="expected each of 0 to 2"):
        fit(rng.normal(size=(4, 2)).astype(np.float32), np.array([0, 1, 0, 1]), 3)


def test_there_are_six_types_and_four_levels_and_each_spoils(scene):
    assert len(TYPES) == 6
    assert len(LEVELS) == 4
    image = torch.from_numpy(scene)[None, None]
    for cascade in (*TYPES.values(), *LEVELS.values()):
        assert float((cascade(image, torch.Generator().manual_seed(0)) - image).abs().mean()) > 1e-3


def test_probes_come_back_from_the_file(rng, tmp_path):
    probes = {
        name: Probe(rng.normal(size=(len(a), 5)).astype(np.float32), rng.normal(size=len(a)).astype(np.float32))
        for name, a in QUESTIONS.items()
    }
    path = tmp_path / "w.safetensors"
    facts = {"probe": {name: list(answers) for name, answers in QUESTIONS.items()}}
    write_tensors(path, as_tensors(probes), facts)
    for name, probe in read_probes(path).items():
        np.testing.assert_array_equal(probe.weight, probes[name].weight)
        np.testing.assert_array_equal(probe.bias, probes[name].bias)
    tensors = as_tensors(probes)
    tensors["probe.levels.bias"] = torch.zeros(3)
    write_tensors(tmp_path / "odd.safetensors", tensors, facts)
    with pytest.raises(InputError, match="another number of answers"):
        read_probes(tmp_path / "odd.safetensors")
    facts["probe"]["levels"] = ["bad", "worse", "worst", "mild"]
    write_tensors(tmp_path / "renamed.safetensors", as_tensors(probes), facts)
    with pytest.raises(InputError, match="other answers"):
        read_probes(tmp_path / "renamed.safetensors")
    write_tensors(tmp_path / "none.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(InputError, match="holds no probe"):
        read_probes(tmp_path / "none.safetensors")
