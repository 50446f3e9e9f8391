"""HiDRA as its authors released it: numbers of their code, and their two files of weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import thermend
from thermend import InputError, UsageError
from thermend.weights.checkpoints import read_metadata, read_tensors, sha256_of, write_tensors

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("diffusers", reason="needs the hidra extra")

from tiny_sizes import dinov2_with_registers, released_prior, small_dino, stable_diffusion  # noqa: E402

from thermend.methods import find  # noqa: E402
from thermend.methods.hidra.estimator import pretrained_features  # noqa: E402
from thermend.methods.hidra.lora import GuidedLora, add_lora  # noqa: E402
from thermend.methods.hidra.network import Hidra  # noqa: E402
from thermend.methods.hidra.prior_files import from_pretrained  # noqa: E402
from thermend.methods.hidra.recipe import HidraRecipe  # noqa: E402
from thermend.methods.hidra.released import (  # noqa: E402
    ReleasedEstimator,
    TransposedAttention,
    block_of_encoder,
    block_of_unet,
    modulations_of,
    read_model,
)
from thermend.methods.hidra.training import HidraTraining  # noqa: E402
from thermend.training.recipe import check  # noqa: E402
from thermend.training.run import train  # noqa: E402


def near(found, wanted, share=1e-5):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(np.asarray(found.detach()), wanted, atol=share * np.abs(wanted).max(), rtol=0)


@pytest.fixture
def parity(cases):
    return cases / "parity" / "hidra"


def tensors(path):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in np.load(path).items()}


def test_their_attention_of_the_layers(parity):
    stored = tensors(parity / "mia_small.npz")
    layers, channels = stored["input"].shape[1:3]
    attention = TransposedAttention(layers, channels, stored["attended"].shape[1])
    attention.load_state_dict({name[2:]: value for name, value in stored.items() if name.startswith("w.")})
    stacked = stored["input"].flatten(1, 2)
    found, mixed = attention.attend(stacked)
    near(found, stored["attention"])
    near(mixed, stored["attended"])
    near(attention(stacked), stored["output"])


def test_their_estimator(parity):
    stored = tensors(parity / "dem_small.npz")
    near(ReleasedEstimator.prepared(stored["image"]), stored["backbone_input"])
    count, channels = stored["features"].shape[1:3]
    content = torch.load(parity / "dem_small_their_format.pt", weights_only=True)["state_dict_adapter"]
    estimator = ReleasedEstimator(None, range(1, count + 1), stored["P"].shape[1], channels=channels)
    names = {"0": "interaction", "3": "head.0", "4": "head.1", "6": "head.3"}
    estimator.load_state_dict(
        {f"{names[name.partition('.')[0]]}.{name.partition('.')[2]}": value for name, value in content.items()}
    )
    near(estimator.vector(stored["features"]), stored["P"])


@pytest.mark.parametrize("name", ["lora_linear", "lora_conv", "lora_conv_stride2"])
def test_their_layer(parity, name):
    stored = tensors(parity / f"{name}.npz")
    weight = stored["base_weight"]
    if name == "lora_linear":
        base = torch.nn.Linear(weight.shape[1], weight.shape[0])
    else:
        stride = 2 if name.endswith("2") else 1

        base = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride, 2 - stride)
    base.load_state_dict({"weight": weight, "bias": stored["base_bias"]})
    layer = GuidedLora(base, len(stored["A"]), float(stored["scaling"]))
    layer.down.weight.data, layer.up.weight.data = stored["A"], stored["B"]
    near(base(stored["input"]), stored["base_output"])
    layer.sigma = stored["de_mod"].mT
    near(layer(stored["input"]), stored["output"])


def test_their_network_with_their_weights(parity):
    stored = tensors(parity / "network_tiny_io.npz")
    backbone = released_prior(parity / "network_tiny_base.pt", stored["mean.prompt"][:1])
    ranks, given = read_model(parity / "network_tiny_their_format.pt")
    assert ranks == (2, 3)

    class Told(torch.nn.Module):
        width = 256

    network = Hidra(backbone, Told(), ranks, released=True, conv_in=True).eval()
    assert set(given) == set(network.learned())
    network.load_state_dict(given, strict=False)
    assert float(backbone.signals[999]) == pytest.approx(float(stored["alpha_bar_999"]), rel=1e-5)
    vector = stored["P"]
    for which, half in enumerate(("vae", "unet")):
        near(network.modulations[which].of_blocks(vector), stored[f"sigma.{half}"])
    with torch.no_grad():
        network.guide(vector)
        latent = backbone.encode((stored["image"] + 1) / 2)
        near(latent, stored["mean.latent_in"])
        near(backbone.noise(latent), stored["mean.noise"])
        near(backbone.enhance(latent), stored["mean.latent_out"])
        network.guide(None)
        network.double()
        backbone.signals = backbone.signals.double()
        luma = (stored["mean.output"].double() * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(
            1, keepdim=True
        )
        near(2 * network.enhance((stored["image"].double() + 1) / 2, vector.double()) - 1, luma.numpy(), 2e-5)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A Stable Diffusion and a DINOv2, shrunk, as folders."""
    folder = tmp_path_factory.mktemp("models")
    return stable_diffusion(folder / "sd"), dinov2_with_registers(folder / "dino")


def written(folder, models, **changes):
    """Their two files, of random weights, for those models."""
    torch.manual_seed(1)
    features = pretrained_features(str(models[1]), registers=True)
    network = Hidra(
        from_pretrained(str(models[0])), ReleasedEstimator(features, (1, 2, 3, 4)), (2, 3), released=True, conv_in=True
    )
    for name, parameter in network.named_parameters():
        if name.endswith(".up.weight") or name.startswith("modulations"):
            torch.nn.init.normal_(parameter, std=0.05)
    halves = {"unet": {}, "vae": {}}
    for name, tensor in network.learned().items():
        for half, begin, adapter in (
            ("unet", "backbone.unet.", "default"),
            ("vae", "backbone.autoencoder.", "vae_skip"),
        ):
            if name.startswith(begin):
                own = name.removeprefix(begin)
                for ours, theirs in (("down", "lora_A"), ("up", "lora_B")):
                    own = own.replace(f".{ours}.weight", f".{theirs}.{adapter}.weight")
                halves[half][own] = tensor
    vae, unet = (module.state_dict() for module in network.modulations)
    model = {
        "rank_unet": 3, "rank_vae": 2, "unet_lora_target_modules": ["to_k"], "vae_lora_target_modules": "a pattern",
        "state_dict_unet": halves["unet"], "state_dict_vae": halves["vae"],
        "state_embeddings": {f"state_dict_{n}_block": {"weight": m["embedding"]} for n, m in (("vae", vae), ("unet", unet))},
    }  # fmt: skip
    for half, own in (("vae", vae), ("unet", unet)):
        for theirs, ours, first in (
            ("de_mlp", "of_vector", "0."),
            ("block_mlp", "of_block", "0."),
            ("fuse_mlp", "together", ""),
        ):
            model[f"state_dict_{half}_{theirs}"] = {first + p: own[f"{ours}.{p}"] for p in ("weight", "bias")}
    numbers = {"0": "3", "1": "4", "3": "6"}
    adapter = {f"0.{name}": value for name, value in network.estimator.interaction.state_dict().items()}
    for name, value in network.estimator.head.state_dict().items():
        first, _, rest = name.partition(".")
        adapter[f"{numbers[first]}.{rest}"] = value
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model | changes, folder / "model.pkl")
    torch.save({"state_dict_adapter": adapter}, folder / "DEM.pkl")
    return network.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("released")
    return folder, written(folder, models)


def loaded(folder, models, **changes):
    options = {"weights": folder, "prior": models[0], "features": models[1]} | changes
    return thermend.load("hidra/sd-turbo", **options)


def test_their_two_files_run(files, models, scene):
    folder, network = files
    image = np.rint(scene[:100, :90] * 255).astype(np.uint8)
    result = loaded(folder, models).restore(image)
    with torch.no_grad():
        given = torch.from_numpy(image.astype(np.float32) / 255)[None, None]
        wanted = network(given)[0, 0].clamp(0, 1).numpy() * 255
    assert np.abs(result.pixels - wanted).max() < 0.51
    assert np.ptp(result.pixels) > 0
    (step,) = result.metadata.provenance["steps"]
    assert step["estimator_sha256"] == sha256_of(folder / "DEM.pkl")
    assert step["prior"] == "sd"
    assert np.array_equal(loaded(folder, models).restore(image).pixels, result.pixels)


def test_the_vector_steers(files):
    _, network = files
    vectors = torch.stack([torch.zeros(256), torch.ones(256)])
    with torch.no_grad():
        a, b = (network.enhance(torch.full((1, 1, 64, 64), 0.4), v[None]) for v in vectors)
    assert (a - b).abs().max() > 1e-3


def test_the_files_may_lie_apart_and_be_evaluated(files, models, tmp_path):
    folder, _ = files
    (tmp_path / "elsewhere.pkl").write_bytes((folder / "DEM.pkl").read_bytes())
    (tmp_path / "model.pkl").write_bytes((folder / "model.pkl").read_bytes())
    with pytest.raises(UsageError, match=r"DEM\.pkl beside it or --estimator"):
        loaded(tmp_path, models)
    assert loaded(tmp_path, models, estimator=tmp_path / "elsewhere.pkl").info.full_name == "hidra/sd-turbo"
    assert loaded(tmp_path / "model.pkl", models, estimator=tmp_path / "elsewhere.pkl", engine="torch")
    with pytest.raises(UsageError, match="runs on torch alone"):
        loaded(folder, models, engine="onnxruntime")


def test_wrong_files_get_one_line(files, models, tmp_path):
    folder, _ = files
    model, estimator = folder / "model.pkl", folder / "DEM.pkl"

    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    cases = {
        "swapped": (estimator.read_bytes(), model.read_bytes(), "is HiDRA's estimator .--estimator., not its model"),
        "twice": (model.read_bytes(), model.read_bytes(), "is HiDRA's model .--weights., not its estimator"),
        "cut": (model.read_bytes()[:5000], estimator.read_bytes(), "is no checkpoint that can be read safely"),
        "cut-estimator": (model.read_bytes(), estimator.read_bytes()[:900], "is no checkpoint that can be read safely"),
        "empty": (b"", estimator.read_bytes(), "is no checkpoint that can be read safely"),
    }
    for name, (first, second, told) in cases.items():
        place = tmp_path / name
        place.mkdir()
        (place / "model.pkl").write_bytes(first)
        (place / "DEM.pkl").write_bytes(second)
        with pytest.raises(InputError, match=told) as error:
            loaded(place, models)
        assert "\n" not in str(error.value)
    torch.save({"state_dict_unet": Evil(), "state_embeddings": 1}, tmp_path / "evil.pkl")
    with pytest.raises(InputError, match=r"never unpacked|read safely"):
        loaded(tmp_path / "evil.pkl", models, estimator=estimator)
    assert not (tmp_path / "ran").exists()
    content = torch.load(model, weights_only=True)
    for key, value, told in (
        ("rank_unet", 4, "holds no weights of HiDRA on"),
        ("rank_vae", "two", "states ranks"),
        ("state_dict_vae", {}, "holds no weights of HiDRA on"),
        ("state_dict_unet_fuse_mlp", {"weight": 1.0, "bias": 2}, "something else than tensors"),
        ("state_embeddings", {}, "is missing"),
    ):
        torch.save(content | {key: value}, tmp_path / f"{key}.pkl")
        with pytest.raises(InputError, match=told):
            loaded(tmp_path / f"{key}.pkl", models, estimator=estimator)


def test_models_are_looked_for_in_the_local_cache_unless_they_are_named(files, models, tmp_path, monkeypatch):
    folder, _ = files
    asked = []

    def refuse(source, *_, **options):
        asked.append((source, options.get("local_files_only", False)))
        raise OSError("no network here")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", refuse)
    with pytest.raises(InputError, match="dinov2-with-registers-base: is not in the local cache; --features NAME"):
        thermend.load("hidra/sd-turbo", weights=folder, prior=models[0])
    with pytest.raises(InputError, match="is no DINOv2 with registers that can be read"):
        loaded(folder, models, features="facebook/dinov2-with-registers-base")
    assert asked == [("facebook/dinov2-with-registers-base", True), ("facebook/dinov2-with-registers-base", False)]
    monkeypatch.undo()
    monkeypatch.setattr("diffusers.DDPMScheduler.from_pretrained", refuse)
    with pytest.raises(InputError, match="stabilityai/sd-turbo: is not in the local cache; --prior NAME"):
        thermend.load("hidra/sd-turbo", weights=folder, features=models[1])
    assert asked[2] == ("stabilityai/sd-turbo", True)


def test_other_methods_take_no_parts(tmp_path):
    for method in ("auto", "classical.chain", "deal"):
        with pytest.raises(UsageError, match="takes no prior"):
            thermend.load(method, prior="x")


def test_the_command_line_takes_them(files, models, tmp_path, scene):
    folder, _ = files
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), np.rint(scene[:64, :64] * 255).astype(np.uint8))
    parts = ["--weights", folder, "--prior", models[0], "--features", models[1], "--estimator", folder / "DEM.pkl"]
    run = [sys.executable, "-m", "thermend"]
    words = ["enhance", tmp_path / "in", "-o", tmp_path / "out", "--method", "hidra/sd-turbo", *parts]
    done = subprocess.run([*run, *map(str, words)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a.png").is_file()
    words = ["evaluate", "--method", "hidra/sd-turbo", "--clean", tmp_path / "in", "--preset", "hidra-mild", *parts]
    done = subprocess.run([*run, *map(str, words)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr


def test_the_papers_recipe_trains_on_shrunk_models(models, tmp_path, scene):
    """As it stands, but for the sizes and the perceptual loss, whose network is not at hand."""
    import yaml

    data = tmp_path / "data"
    data.mkdir()
    for number in range(4):
        cv2.imwrite(str(data / f"{number}.png"), np.rint(scene[number : number + 128, :128] * 255).astype(np.uint8))
    values = yaml.safe_load((Path(__file__).parents[3] / "recipes/hidra/paper.yaml").read_text())
    assert values["solver"] == {"every": 4, "joint": 5000, "pipelines": 2}
    assert (values["losses"]["l2"], values["losses"]["perceptual"], values["losses"]["adversarial"]) == (8, 5, 0.5)
    values |= {
        "data": str(data), "out": str(tmp_path / "run"), "patch_size": 64, "steps": 6, "ranks": [2, 3],
        "prior": {"source": str(models[0])}, "device": "cpu", "learning_rate": 1e-2,
        "estimator": values["estimator"] | {"source": str(models[1]), "layers": [1, 2, 3, 4]},
        "solver": values["solver"] | {"joint": 2, "every": 2},
        "losses": values["losses"] | {"perceptual": 0, "critic_source": str(small_dino(tmp_path / "dino"))},
    }  # fmt: skip
    for changes in ({}, {"conv_in": True, "optimizer": "adamw", "weight_decay": 1e-2, "out": str(tmp_path / "theirs")}):
        path = train(check(HidraRecipe, values | changes, "r"), HidraTraining, lambda _: None)
        names = set(read_tensors(path))
        assert not any(name.startswith("estimator.features.") for name in names)
        assert any("conv_in" in name for name in names if ".unet." in name) == bool(changes)
        image = np.rint(scene[:64, :64] * 255).astype(np.uint8)
        result = thermend.load("hidra/sd-turbo", weights=path, prior=models[0], features=models[1]).restore(image)
        assert np.ptp(result.pixels) > 0
    broken = read_metadata(path) | {"prior": "somebody/some-model"}
    write_tensors(tmp_path / "broken.safetensors", read_tensors(path), broken)
    with pytest.raises(InputError, match="not in the local cache"):
        thermend.load("hidra/sd-turbo", weights=tmp_path / "broken.safetensors")


def test_at_full_size_as_much_is_trained_as_they_train():
    """On SD-Turbo's and DINOv2's configurations, without a number in them."""
    import diffusers
    import transformers

    with torch.device("meta"):
        autoencoder = diffusers.AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4,
        )  # fmt: skip
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=[320, 640, 1280, 1280], cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20],
            use_linear_projection=True,
        )  # fmt: skip
        features = transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig())
        estimator = ReleasedEstimator(features, (3, 6, 9, 12))
        of_encoder = add_lora(autoencoder, 16, ("encoder.",))
        of_unet = add_lora(unet, 32, feed_forward=True, aside=("conv_in",))
        modulations = modulations_of(of_encoder, of_unet, 256)

    def count(modules):
        return sum(p.numel() for m in modules for p in m.parameters() if p.requires_grad)

    assert (len(of_encoder), count(of_encoder.values())) == (31, 1_477_168)
    assert (len(of_unet), count(of_unet.values())) == (257, 32_434_304)
    assert count([estimator]) == 3_221_697
    assert count([modulations]) == 551_808
    blocks = [block_of_unet(name) for name in of_unet]
    assert set(blocks) == set(range(10))
    assert {block_of_encoder(name) for name in of_encoder} == set(range(6))
    assert block_of_unet("conv_out") == 9
    everything = [autoencoder, unet, estimator, modulations]
    assert sum(p.numel() for m in everything for p in m.parameters()) == find("hidra/sd-turbo").parameters
