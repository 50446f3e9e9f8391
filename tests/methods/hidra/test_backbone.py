"""The one step, and Stable Diffusion's folders."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
diffusers = pytest.importorskip("diffusers", reason="needs the hidra extra")
transformers = pytest.importorskip("transformers", reason="needs the hidra extra")

from safetensors.torch import save_file  # noqa: E402
from tiny_sizes import AUTOENCODER, UNET  # noqa: E402

from thermend import InputError, UsageError  # noqa: E402
from thermend.methods import find  # noqa: E402
from thermend.methods.hidra.backbone import EMBEDDED, Reconstruction, embedded, from_pretrained  # noqa: E402
from thermend.methods.hidra.estimator import DegradationEstimator, small_features  # noqa: E402
from thermend.methods.hidra.network import Hidra  # noqa: E402

SCHEDULER = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon", "timestep_spacing": "trailing",
}  # fmt: skip
"""SD-Turbo's."""


def _count(network) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    parts = {"autoencoder": AUTOENCODER, "unet": UNET, "scheduler": {}}
    return embedded({name: {**EMBEDDED[name], **changes} for name, changes in parts.items()}).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """In SD-Turbo's layout and with its configuration, shrunk; its text encoder and a tokenizer of a few letters."""
    path = tmp_path_factory.mktemp("sd-turbo")
    torch.manual_seed(0)
    diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 8, 16, 16], layers_per_block=2, act_fn="silu", latent_channels=4, norm_num_groups=4,
        sample_size=768, scaling_factor=0.18215, force_upcast=True,
    ).save_pretrained(path / "vae")  # fmt: skip
    diffusers.UNet2DConditionModel(
        sample_size=64, block_out_channels=[8, 16, 16, 16], layers_per_block=2, cross_attention_dim=8, norm_num_groups=4,
        attention_head_dim=[1, 2, 2, 2], use_linear_projection=True, act_fn="silu",
        down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    ).save_pretrained(path / "unet")  # fmt: skip
    diffusers.EulerDiscreteScheduler(**SCHEDULER).save_pretrained(path / "scheduler")
    transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=7, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=7, bos_token_id=4, eos_token_id=5, pad_token_id=0,
        )
    ).save_pretrained(path / "text_encoder")  # fmt: skip
    words = path / "tokenizer"
    words.mkdir()
    vocabulary = {"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5, "ab</w>": 6}
    (words / "vocab.json").write_text(json.dumps(vocabulary))
    (words / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    (words / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 7, "pad_token": "<|endoftext|>"})
    )
    return path


def test_the_prior_that_ships_is_small_enough():
    network = embedded()
    assert _count(network) <= 14e6
    assert _count(network) == find("hidra/unet").parameters
    assert _count(network.autoencoder) == find("hidra/autoencoder").parameters
    estimator = DegradationEstimator(small_features(), (1, 2, 3, 4), 64)
    assert _count(Hidra(network, estimator)) == find("hidra/embedded").parameters
    assert network.signal == pytest.approx(0.0477, abs=1e-3)


def test_the_step_is_the_papers_equation(backbone):
    latent = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        noise = backbone.unet(latent, 999, encoder_hidden_states=torch.zeros(2, 1, 8)).sample
        found = backbone.enhance(latent)
    a = float(torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.006**0.5, 1000) ** 2, 0)[-1])
    torch.testing.assert_close(found, (latent - (1 - a) ** 0.5 * noise) / a**0.5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 80), (33, 47), (5, 9)])
def test_any_size_comes_back_in_its_own(backbone, shape):
    image = torch.rand(1, 1, *shape)
    with torch.no_grad():
        assert backbone(image).shape == image.shape
        assert Reconstruction(backbone.autoencoder)(image).shape == image.shape


def test_a_folder_in_sd_turbos_layout_is_read(folder):
    network = from_pretrained(str(folder))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    assert network.signal == pytest.approx(float(torch.cumprod(1 - betas, 0)[-1]), rel=1e-3)
    assert network.timestep == 999
    assert network.multiple == 64
    assert network.prompt.shape == (1, 7, 8)
    with torch.no_grad():
        assert network(torch.rand(1, 1, 40, 72)).shape == (1, 1, 40, 72)


def test_the_empty_prompt_may_come_from_a_file(folder, tmp_path):
    computed = from_pretrained(str(folder)).prompt
    save_file({"prompt": computed}, tmp_path / "prompt.safetensors")
    read = from_pretrained(str(folder), tmp_path / "prompt.safetensors", torch.float16)
    assert read.prompt.dtype == torch.float16
    torch.testing.assert_close(read.prompt.float(), computed, rtol=1e-2, atol=1e-3)
    save_file({"other": computed}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no tensor `prompt`"):
        from_pretrained(str(folder), tmp_path / "other.safetensors")


def test_a_prompt_of_another_model_is_refused(folder, tmp_path):
    save_file({"prompt": torch.zeros(1, 7, 9)}, tmp_path / "prompt.safetensors")
    with pytest.raises(InputError, match=r"expected \(1, tokens, 8\)"):
        from_pretrained(str(folder), tmp_path / "prompt.safetensors")


def test_a_folder_without_a_model_is_refused_in_a_line(tmp_path):
    with pytest.raises(InputError, match="no Stable Diffusion that can be read"):
        from_pretrained(str(tmp_path))


def test_a_model_that_does_not_predict_noise_is_refused(folder, tmp_path):
    diffusers.DDPMScheduler(prediction_type="v_prediction").save_pretrained(tmp_path / "scheduler")
    with pytest.raises(UsageError, match="v_prediction"):
        from_pretrained(str(tmp_path))
