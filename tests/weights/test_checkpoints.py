from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from thermend import InputError
from thermend.weights.checkpoints import read_tensors

torch = pytest.importorskip("torch", reason="needs the train extra")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_tensors_come_by_their_names(tmp_path, name, prefix):
    tensors = {f"{prefix}a.weight": torch.arange(6.0).reshape(2, 3), f"{prefix}b": torch.ones(4)}
    if name.endswith("pt"):
        torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / name)
    else:
        from safetensors.torch import save_file

        save_file(tensors, tmp_path / name)
    found = read_tensors(tmp_path / name)
    assert list(found) == ["a.weight", "b"]
    np.testing.assert_array_equal(found["a.weight"], [[0, 1, 2], [3, 4, 5]])


class Mischief:
    def __reduce__(self):
        return os.system, ("touch mischief",)


@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_objects_are_never_unpacked(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    if save == "torch":
        torch.save({"a": Mischief()}, "w.pt")
    else:
        (tmp_path / "w.pt").write_bytes(pickle.dumps(Mischief()))
    with pytest.raises(InputError, match=r"w\.pt"):
        read_tensors("w.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


@pytest.mark.parametrize(
    ("name", "data"), [("none.pt", None), ("empty.pt", b""), ("rubbish.safetensors", b"\x10rubbish")]
)
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, name, data):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        read_tensors(tmp_path / name)
