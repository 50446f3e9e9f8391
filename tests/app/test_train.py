"""`thermend train`, `thermend export` and a trained network in `thermend enhance`, as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command import COMMAND, thermend
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

import thermend as package  # noqa: E402
from thermend.methods.deal.checkpoints import architecture  # noqa: E402
from thermend.methods.deal.network import BlockSpec, DualInteractionNetwork  # noqa: E402
from thermend.weights.checkpoints import read_metadata, read_tensors, write_tensors  # noqa: E402

pytestmark = pytest.mark.slow

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = [
    "max_images=3",
    "steps=4",
    "batch_size=2",
    "patch_size=64",
    "precision=float32",
    "checkpoint_every=2",
    "device=cpu",
]


@pytest.fixture(scope="module")
def images(tmp_path_factory, scene) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for n in range(4):
        Image.fromarray(np.rint(np.roll(scene, 31 * n, 1) * 255).astype(np.uint8)[: 192 - 9 * n]).save(
            folder / f"{n}.png"
        )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, images) -> Path:
    """A run of the smallest cascade that takes seconds; it learns next to nothing."""
    out = tmp_path_factory.mktemp("runs") / "deal"
    done = thermend("train", RECIPES / "deal/table6-cascade-1.yaml", f"data={images}", f"out={out}", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"weights: {out / 'weights.safetensors'}"
    return out


@pytest.fixture(scope="module")
def bold(tmp_path_factory) -> Path:
    """Drawn weights of a small network of the method's blocks, whose result differs from its input."""
    torch.manual_seed(2)
    network = DualInteractionNetwork([BlockSpec("scale", 5, 3, 1), BlockSpec("spiking", 5, 3, 2)], 8)
    for name, tensor in network.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 2)
        elif name in ("blocks.1.down.weight", "tail.1.weight"):
            tensor.mul_(10)  # so that neurons spike, and the result leaves the input
    path = tmp_path_factory.mktemp("bold") / "bold.safetensors"
    write_tensors(path, network.state_dict(), {"method": "deal/custom"} | architecture(network))
    return path


def test_a_recipe_and_a_folder_are_all_it_takes(run):
    kept = {p.name for p in run.iterdir()}
    assert kept == {"run.json", "images.txt", "log", "checkpoints", "weights.safetensors"}
    assert "blocks.0.up.weight" in read_tensors(run / "weights.safetensors")
    assert len((run / "images.txt").read_text().splitlines()) == 3


def test_samples_that_others_prepare_are_the_same(run, images, tmp_path):
    """By the command: a process in which engines have started threads is none to fork."""
    recipe, out = RECIPES / "deal/table6-cascade-1.yaml", tmp_path / "helped"
    done = thermend("train", recipe, f"data={images}", f"out={out}", *SMALL, "workers=2")
    assert done.returncode == 0, done.stderr
    assert (out / "weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()


def test_the_same_command_again_leaves_the_run_alone(run, images):
    done = thermend("train", RECIPES / "deal/table6-cascade-1.yaml", f"data={images}", f"out={run}", *SMALL)
    assert done.returncode == 0
    assert "the run has ended" in done.stdout


def _interrupted(words: list[str], there: Path) -> str:
    """What is said when a command gets Ctrl-C as soon as a file is there."""
    process = subprocess.Popen(
        [COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it runs in the background ignore this signal, and everything that is begun from there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(1200):
        if there.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in said
    return said


def test_a_run_that_is_interrupted_goes_on(tmp_path, images):
    words = ["train", str(RECIPES / "deal/table6-cascade-1.yaml"), f"data={images}", f"out={tmp_path / 'r'}", *SMALL]
    words += ["steps=40", "checkpoint_every=1"]
    said = _interrupted(words, tmp_path / "r/checkpoints/last.ckpt")
    assert f"the same command goes on from the last checkpoint in {tmp_path / 'r'}" in said
    assert not (tmp_path / "r/weights.safetensors").exists()
    done = thermend(*words)
    assert done.returncode == 0
    assert "goes on after step" in done.stdout
    assert (tmp_path / "r/weights.safetensors").exists()


def test_a_run_that_is_interrupted_before_its_first_checkpoint_says_so(tmp_path, images):
    words = ["train", str(RECIPES / "deal/table6-cascade-1.yaml"), f"data={images}", f"out={tmp_path / 'r'}", *SMALL]
    said = _interrupted([*words, "steps=4000", "checkpoint_every=3000"], tmp_path / "r/log")
    assert "begins anew, since the first checkpoint comes after 3000 steps (checkpoint_every)" in said
    assert not (tmp_path / "r/checkpoints").exists()


def test_two_devices_killed_and_gone_on_end_as_two_that_were_not(tmp_path, images):
    """Two processes on the CPU stand for two GPUs."""

    def words(out: str) -> list[str]:
        changes = [
            "devices=2",
            "steps=12",
            "checkpoint_every=2",
            "batch_size=1",
            "freeze_norm=0.7",
            "generator.begin=0.1",
        ]
        return [
            COMMAND,
            "train",
            str(RECIPES / "deal/table6-cascade-1.yaml"),
            f"data={images}",
            f"out={tmp_path / out}",
            *SMALL,
            *changes,
        ]

    assert subprocess.run(words("whole"), capture_output=True, timeout=280).returncode == 0
    process = subprocess.Popen(
        words("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(1200):
        if (tmp_path / "killed/checkpoints/last.ckpt").exists():
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = subprocess.run(words("killed"), capture_output=True, text=True, timeout=280)
    assert again.returncode == 0, again.stderr
    one, two = (tmp_path / f"{name}/weights.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recipes/none.yaml"], "none.yaml: no such file"),
        (["{deal}"], "data is missing"),
        (["{deal}", "data=nowhere"], "nowhere: no such folder"),
        (["{deal}", "data={images}", "stepz=3"], "stepz: no such key; did you mean steps"),
        (["{deal}", "data={images}", "method=deal/cascade-7"], "method 'deal/cascade-7' is not known"),
        (["{deal}", "data={images}", "method=classical.he"], "classical.he is not trained"),
        (["{deal}", "data={images}", "max_images=50"], "max_images: 50, but the folders hold 4"),
        (["{deal}", "data={images}", "max_images=4", "patch_size=190"], "a patch of 190 does not fit"),
        (["{deal}", "data={images}", "generator.gate=2"], "generator.gate: "),
        (["{deal}", "data={images}", "max_images=4", "out={images}"], "holds no run"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_starts(tmp_path, images, words, message):
    names = {"deal": RECIPES / "deal.yaml", "images": images}
    out = [] if any(w.startswith("out=") for w in words) else [f"out={tmp_path / 'out'}"]
    done = thermend("train", *(w.format(**names) for w in words), *(out if len(words) > 1 else []))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_trained_network_mends_images(run, images, tmp_path):
    weights = run / "weights.safetensors"
    done = thermend("enhance", images, "-o", tmp_path / "out", "--method", "deal", "--weights", weights)
    assert done.returncode == 0, done.stderr
    for path in sorted(images.iterdir()):
        with Image.open(path) as before, Image.open(tmp_path / "out" / path.name) as after:
            assert before.size == after.size


def test_provenance_names_the_variant_and_the_weights(run, images):
    import hashlib

    restorer = package.load("deal", weights=run / "weights.safetensors")
    result = restorer.restore(package.read(images / "0.png"))
    stamp = result.metadata.provenance
    assert (stamp["method"], stamp["variant"]) == ("deal", "cascade-1")
    assert stamp["steps"] == [{"method": "deal/cascade-1", "engine": "torch", "precision": "float32"}]
    assert stamp["weights_sha256"] == hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()


def test_weights_of_another_variant_are_refused(run):
    with pytest.raises(package.InputError, match="deal/cascade-1, not of deal/cascade-2"):
        package.load("deal/cascade-2", weights=run / "weights.safetensors")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engines_agree_with_torch(bold, scene, engine):
    picture = np.rint(scene * 255).astype(np.uint8)
    torch_result = package.load("deal", weights=bold, engine="torch").restore(picture).pixels
    assert np.abs(torch_result - picture).mean() > 3
    error = np.abs(package.load("deal", weights=bold, engine=engine).restore(picture).pixels - torch_result) / 255
    assert (error < 5e-4).mean() >= 0.999
    assert error.max() < 1e-2


def test_bf16_is_near_float32(bold, scene):
    picture = np.rint(scene * 255).astype(np.uint8)
    exact = package.load("deal", weights=bold, engine="torch").restore(picture).pixels
    assert (
        np.abs(
            package.load("deal", weights=bold, engine="torch", precision="bf16").restore(picture).pixels - exact
        ).mean()
        < 2
    )


def test_tiles_show_no_seams(bold, scene):
    picture = np.tile(np.rint(scene * 255).astype(np.uint8), (2, 2))
    whole = package.load("deal", weights=bold, engine="onnxruntime").restore(picture).pixels
    tiled = package.load("deal", weights=bold, engine="onnxruntime", tile=260).restore(picture).pixels
    error = np.abs(whole - tiled) / 255
    assert (error < 5e-4).mean() >= 0.999
    assert error.max() < 1e-2


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (7, 5), (31, 33), (40, 200)])
def test_images_smaller_than_the_kernels_come_back_in_their_shape(bold, shape):
    rng = np.random.default_rng(0)
    result = package.load("deal", weights=bold).restore(rng.integers(0, 255, shape).astype(np.uint8)).pixels
    assert result.shape == shape
    assert np.isfinite(result).all()


def test_temperatures_have_no_place_in_it(bold):
    with pytest.raises(package.UsageError, match="no radiometric mode"):
        package.load("deal", weights=bold).restore(np.full((40, 40), 20_000, np.uint16), mode="radiometric")


def test_an_exported_network_gives_what_torch_gives(bold, scene, tmp_path):
    done = thermend("export", "--method", "deal", "--weights", bold, "-o", tmp_path / "deal.onnx")
    assert done.returncode == 0, done.stderr
    import onnxruntime

    session = onnxruntime.InferenceSession(str(tmp_path / "deal.onnx"))
    facts = json.loads(session.get_modelmeta().custom_metadata_map["thermend"])
    assert facts["method"] == "deal/custom"
    batch = np.stack([scene[:100, :120], scene[50:150, 20:140]])[:, None]
    found = session.run(None, {"image": batch})[0]
    from thermend.methods.deal.checkpoints import load_network

    with torch.no_grad():
        expected = load_network(bold)(torch.from_numpy(batch)).numpy()
    error = np.abs(found - expected)
    assert (error < 5e-4).mean() >= 0.999
    assert error.max() < 1e-2
    again = thermend("export", "--method", "deal", "--weights", bold, "-o", tmp_path / "deal.onnx")
    assert again.returncode == 2
    assert "not overwritten" in again.stderr
    assert package.load("onnx", weights=tmp_path / "deal.onnx").restore(np.zeros((64, 64), np.uint8)).shape == (64, 64)
    assert package.load("deal", weights=tmp_path / "deal.onnx").info.variant == "custom"
    with pytest.raises(package.InputError, match="deal/custom, not of deal/cascade-3"):
        package.load("deal/cascade-3", weights=tmp_path / "deal.onnx")


def test_what_the_weights_want_done_first_goes_with_them_into_the_export(bold, run, scene, tmp_path):
    tensors, facts = read_tensors(bold), read_metadata(bold)
    write_tensors(tmp_path / "w.safetensors", tensors, facts | {"least_spread": 190.0})
    assert (
        thermend(
            "export", "--method", "deal", "--weights", tmp_path / "w.safetensors", "-o", tmp_path / "w.onnx"
        ).returncode
        == 0
    )
    dull = np.rint(60 + 80 * scene).astype(np.uint8)
    plain, torch_result, onnx_result = (
        package.load("deal", weights=path).restore(dull, mode="display").pixels.astype(float)
        for path in (bold, tmp_path / "w.safetensors", tmp_path / "w.onnx")
    )
    assert torch_result.std() > 1.5 * plain.std()
    assert np.abs(torch_result - onnx_result).max() <= 3
    assert read_metadata(run / "weights.safetensors")["least_spread"] == 190
    write_tensors(tmp_path / "odd.safetensors", tensors, facts | {"least_spread": "much"})
    with pytest.raises(package.InputError, match=r"odd\.safetensors: least_spread"):
        package.load("deal", weights=tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "classical.he", "-o", "m.onnx"], "no network"),
        (["--method", "deal", "--weights", "w.txt", "-o", "m.onnx"], "expected a checkpoint"),
        (["--method", "deal", "--weights", "w.pt", "-o", "m.onnx"], "w.pt: no such file"),
        (["--method", "deal", "--weights", "w.pt", "-o", "m.pt"], "ends in .onnx"),
    ],
)
def test_what_cannot_be_exported_is_one_line(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = thermend("export", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_weights_with_code_in_them_are_never_run(tmp_path, scene):
    import pickle

    class Mischief:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'mischief'}",)

    (tmp_path / "w.pt").write_bytes(pickle.dumps({"head.0.weight": Mischief()}))
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "a.png")
    done = thermend(
        "enhance", tmp_path / "a.png", "-o", tmp_path / "out", "--method", "deal", "--weights", tmp_path / "w.pt"
    )
    assert done.returncode == 2
    assert "w.pt" in done.stderr
    assert not (tmp_path / "mischief").exists()
