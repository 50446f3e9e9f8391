"""The one step, and Stable Diffusion's folders."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
diffusers = pytest.importorskip("diffusers", reason="needs the hidra extra")
transformers = pytest.importorskip("transformers", reason="needs the hidra extra")

from safetensors.torch import save_file  # noqa: E402
from tiny_sizes import AUTOENCODER, UNET, stable_diffusion  # noqa: E402

from thermend import InputError, UsageError  # noqa: E402
from thermend.methods import find  # noqa: E402
from thermend.methods.hidra.backbone import EMBEDDED, Reconstruction, embedded  # noqa: E402
from thermend.methods.hidra.estimator import DegradationEstimator, small_features  # noqa: E402
from thermend.methods.hidra.network import Hidra  # noqa: E402
from thermend.methods.hidra.prior_files import from_pretrained  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sd_turbo(tmp_path_factory):
    return stable_diffusion(tmp_path_factory.mktemp("sd-turbo"))


def _count(network) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    parts = {"autoencoder": AUTOENCODER, "unet": UNET, "scheduler": {}}
    return embedded({name: {**EMBEDDED[name], **changes} for name, changes in parts.items()}).eval()


def test_the_prior_that_ships_is_small_enough():
    network = embedded()
    assert _count(network) <= 14e6
    assert _count(network) == find("hidra/unet").parameters
    assert _count(network.autoencoder) == find("hidra/autoencoder").parameters
    estimator = DegradationEstimator(small_features(), (1, 2, 3, 4), 64)
    assert _count(Hidra(network, estimator, level=True)) == find("hidra/tiny").parameters
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


def test_a_folder_in_sd_turbos_layout_is_read(sd_turbo):
    network = from_pretrained(str(sd_turbo))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    assert network.signal == pytest.approx(float(torch.cumprod(1 - betas, 0)[-1]), rel=1e-3)
    assert network.timestep == 999
    assert network.multiple == 64
    assert network.prompt.shape == (1, 7, 8)
    with torch.no_grad():
        assert network(torch.rand(1, 1, 40, 72)).shape == (1, 1, 40, 72)


def test_the_empty_prompt_may_come_from_a_file(sd_turbo, tmp_path):
    computed = from_pretrained(str(sd_turbo)).prompt
    save_file({"prompt": computed}, tmp_path / "prompt.safetensors")
    read = from_pretrained(str(sd_turbo), tmp_path / "prompt.safetensors", torch.float16)
    assert read.prompt.dtype == torch.float16
    torch.testing.assert_close(read.prompt.float(), computed, rtol=1e-2, atol=1e-3)
    save_file({"other": computed}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no tensor `prompt`"):
        from_pretrained(str(sd_turbo), tmp_path / "other.safetensors")


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_is_for_the_backbone_alone(sd_turbo, precision):
    image = torch.rand(1, 1, 64, 64)
    exact = from_pretrained(str(sd_turbo))
    network = Hidra(from_pretrained(str(sd_turbo), precision=precision), None, (2, 2)).eval()
    assert network.backbone.unet.dtype == precision
    assert {p.dtype for p in network.adaptation()} == {torch.float32}
    with torch.no_grad():
        found = network(image)
        assert found.dtype == torch.float32
        assert float((found - exact(image)).abs().mean()) < 0.05
    network(image).sum().backward()
    assert all(p.grad is not None for p in network.adaptation())


def test_a_prompt_of_another_model_is_refused(sd_turbo, tmp_path):
    save_file({"prompt": torch.zeros(1, 7, 9)}, tmp_path / "prompt.safetensors")
    with pytest.raises(InputError, match=r"expected \(1, tokens, 8\)"):
        from_pretrained(str(sd_turbo), tmp_path / "prompt.safetensors")


def test_a_folder_without_a_model_is_refused_in_a_line(tmp_path):
    with pytest.raises(InputError, match="no Stable Diffusion that can be read"):
        from_pretrained(str(tmp_path))


def test_a_model_that_does_not_predict_noise_is_refused(sd_turbo, tmp_path):
    diffusers.DDPMScheduler(prediction_type="v_prediction").save_pretrained(tmp_path / "scheduler")
    with pytest.raises(UsageError, match="v_prediction"):
        from_pretrained(str(tmp_path))
