"""Weights of a few words that describe a giant: refused before it is built."""

from __future__ import annotations

import time
import zipfile

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("safetensors", reason="needs the train extra")

import numpy as np  # noqa: E402

import thermend  # noqa: E402
from thermend.weights.checkpoints import no_larger_than, read_tensors, write_tensors  # noqa: E402


@pytest.mark.parametrize(
    ("method", "facts"),
    [
        ("deal", {"method": "deal/cascade-2", "blocks": [["scale", 2, 2, 1]] * 50_000, "width": 32, "time_steps": 4}),
        ("deal", {"method": "deal/cascade-2", "blocks": [], "width": 10**6, "time_steps": 4}),
        ("deal", {"method": "deal/cascade-2", "blocks": [], "width": 32, "time_steps": 10**9}),
        ("dual-decoder", {"method": "dual-decoder/compact", "channels": 10**6}),
        ("ppfn", {"method": "ppfn/compact", "backbone": "compact", "options": {"width": 10**6}, "prompts": "dual"}),
        ("level", {"method": "level/compact", "options": {"widths": [10**6] * 4}}),
        ("detail", {"method": "detail/compact", "options": {"widths": [10**6] * 4}}),
    ],
)
def test_a_giant_is_not_built(tmp_path, method, facts):
    path = tmp_path / "giant.safetensors"
    write_tensors(path, {"a": torch.zeros(3)}, facts)
    begun = time.monotonic()
    with pytest.raises(thermend.InputError, match=r"giant\.safetensors: "):
        thermend.load(method, weights=path, engine="torch")
    assert time.monotonic() - begun < 30


def test_building_ends_where_the_file_does(tmp_path):
    with pytest.raises(thermend.InputError, match="a network"), no_larger_than("w", {"a": torch.zeros(3)}, "a network"):
        torch.nn.Linear(10**4, 10**4)
    with pytest.raises(thermend.InputError), no_larger_than("w", {"a": torch.zeros(3)}, "a network"):
        torch.nn.Sequential(*(torch.nn.ReLU() for _ in range(5000)))
    with no_larger_than("w", {"a": torch.zeros(3)}, "a network"):
        torch.nn.Linear(10, 10)
    torch.nn.Linear(10**4, 1000)  # outside nothing is counted


def test_records_that_are_compressed_are_refused(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for record in plain.infolist():
            packed.writestr(record.filename, plain.read(record))
    assert read_tensors(tmp_path / "plain.pt")["a"].shape == (10**6,)
    with pytest.raises(thermend.InputError, match="records are compressed"):
        read_tensors(tmp_path / "bomb.pt")
    with (tmp_path / "bomb.pt").open("ab") as file:
        file.write(b"PK\x05\x06")  # which hides it from who looks at the end
    with pytest.raises(thermend.InputError):
        read_tensors(tmp_path / "bomb.pt")


def test_tensors_that_are_larger_than_their_file_are_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**5, 10**5)}, tmp_path / "a.pt")
    with pytest.raises(thermend.InputError, match="larger than it is"):
        read_tensors(tmp_path / "a.pt")
    shared = torch.zeros(5000)
    torch.save({"a": shared, "b": shared}, tmp_path / "b.pt")
    assert set(read_tensors(tmp_path / "b.pt")) == {"a", "b"}


@pytest.mark.parametrize("spoilt", ["method", "header", "giant"])
def test_odd_prompts_are_one_line(tmp_path, spoilt):
    from thermend.methods.ppfn.checkpoints import read_prompts

    path = tmp_path / "prompts.npz"
    np.savez(path, degradation=np.zeros((3, 128, 128), np.float32), scenario=np.zeros((2, 64), np.float32))
    read_prompts(path)
    if spoilt == "giant":
        np.savez_compressed(path, degradation=np.zeros((3, 128, 12800), np.float32), scenario=np.zeros(3))
    else:
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\x01\x02") + 10 if spoilt == "method" else data.index(b"{'descr'")
        data[at : at + 2] = b"\x63\x00" if spoilt == "method" else b"(("
        path.write_bytes(data)
    with pytest.raises(thermend.InputError, match=r"prompts\.npz: holds no prompts"):
        read_prompts(path)
