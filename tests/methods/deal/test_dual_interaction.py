"""N_E against the authors' outputs, the paper's counts and a neuron simulated by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend import InputError  # noqa: E402
from thermend.methods import CATALOGUE  # noqa: E402
from thermend.methods.deal.blocks import IntegerLIF, SpikingConv  # noqa: E402
from thermend.methods.deal.checkpoints import architecture, load_for_running, load_network  # noqa: E402
from thermend.methods.deal.network import PRESETS, BlockSpec, DualInteractionNetwork  # noqa: E402
from thermend.weights.checkpoints import write_tensors  # noqa: E402

pytestmark = pytest.mark.slow

# Parameters in millions and multiply-accumulates at 1024 x 768 in G, as Table 6 prints them.
TABLE_6 = {"cascade-1": (0.382, 303.4), "cascade-2": (0.572, 455.6), "cascade-3": (0.960, 762.4)}


def _counted(preset: str, height: int, width: int) -> tuple[int, int]:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = DualInteractionNetwork(preset).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 1, height, width))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2


@pytest.mark.parametrize("preset", TABLE_6)
def test_the_cascades_are_as_large_as_the_paper_says(preset):
    parameters, macs = _counted(preset, 768, 1024)
    assert parameters / 1e6 == pytest.approx(TABLE_6[preset][0], rel=0.003)
    assert macs / 1e9 == pytest.approx(TABLE_6[preset][1], rel=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_catalogue_states_what_is_counted(preset):
    entry = next(e for e in CATALOGUE if e.full_name == f"deal/{preset}")
    assert (entry.parameters, entry.macs) == _counted(preset, 512, 640)


def _authors(cases, name, given, expected):
    network = load_network(cases / f"parity/deal/{name}.pt")
    numbers = np.load(cases / f"parity/deal/{name}_io.npz")
    image = torch.from_numpy(numbers[given])
    image = image[:, None].repeat(1, 3, 1, 1) if image.ndim == 3 else image
    # In float64, which is the same on every CPU: spikes are rounded, and a CPU that adds in another order flips single ones
    # in float32.
    return network.double(), image.double(), torch.from_numpy(numbers[expected]).double()


PUBLISHED, RANDOM = ("published", "gray", "restored_rgb"), ("random_cascade2", "x", "y")


@pytest.mark.parametrize("mean_spike", [False, True])
def test_the_authors_network_with_random_weights_gives_the_authors_outputs(cases, mean_spike):
    network, image, expected = _authors(cases, *RANDOM)
    with torch.no_grad():
        result = network.use_mean_spike(mean_spike).three_channels(image)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mean_spike", [False, True])
def test_the_authors_checkpoint_gives_the_authors_outputs_but_for_single_spikes(cases, mean_spike):
    """The stored outputs are float32: some membranes lie so near a half (4e-8) that its rounding decides the spike."""
    network, image, expected = _authors(cases, *PUBLISHED)
    with torch.no_grad():
        error = (network.use_mean_spike(mean_spike).three_channels(image) - expected).abs()
    assert error.median() < 1e-6
    assert (error < 5e-4).double().mean() >= 0.999
    assert error.max() < 2e-3


def test_blocks_are_read_off_the_keys(cases):
    assert load_network(cases / "parity/deal/published.pt").variant == "six-block"
    assert load_network(cases / "parity/deal/random_cascade2.pt").variant == "cascade-2"


def test_a_neuron_spikes_as_its_equations_say():
    currents = [0.0, 0.4, 0.6, 1.7, 2.5, 9.0, -3.0]
    expected = []
    for current in currents:
        membrane = spike = 0.0
        train = []
        for _ in range(4):
            membrane = 0.25 * (membrane - spike) + current
            spike = float(np.round(min(max(membrane, 0.0), 4.0)))
            train.append(spike)
        expected.append(train)
    spikes = torch.stack(IntegerLIF()(torch.tensor(currents)), 1)
    np.testing.assert_allclose(spikes, expected)


def test_the_gradient_goes_straight_through_the_rounding_and_not_through_the_reset():
    current = torch.tensor([1.3, 9.0, -2.0], requires_grad=True)
    sum(spike.sum() for spike in IntegerLIF()(current)).backward()
    # Inside [0, 4], u_t = current (1 + 1/4 + ...) + what the detached spikes take off; outside nothing passes.
    membranes = [1, 1 + 1 / 4, 1 + 1 / 4 + 1 / 16, 1 + 1 / 4 + 1 / 16 + 1 / 64]
    np.testing.assert_allclose(current.grad, [sum(membranes), 0, 0], rtol=1e-6)


def test_the_norm_sees_all_time_steps():
    torch.manual_seed(0)
    layer = SpikingConv(8)
    current = 3 * torch.rand(2, 8, 6, 5)
    layer(current)
    spikes = torch.cat([layer.conv(s) for s in IntegerLIF()(current)])
    momentum = layer.norm.momentum
    torch.testing.assert_close(layer.norm.running_mean, momentum * spikes.mean((0, 2, 3)))


@pytest.mark.parametrize("shape", [(2, 1, 40, 56), (1, 1, 33, 41)])
def test_any_size_comes_back_in_its_own(shape):
    network = DualInteractionNetwork("cascade-1").eval()
    with torch.no_grad():
        assert network(torch.rand(shape)).shape == shape


@pytest.mark.parametrize("shape", [(1, 1, 8, 90), (1, 3, 64, 64), (64, 64)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match="expected"):
        DualInteractionNetwork("cascade-2")(torch.rand(shape))


@pytest.mark.parametrize("time_steps", [4, 2, 0])
def test_any_list_of_blocks_survives_a_file(tmp_path, time_steps):
    torch.manual_seed(1)
    specs = [BlockSpec("spiking", 3, 3, 1), BlockSpec("scale", 5, 3, 3)]
    network = DualInteractionNetwork(specs, 16, time_steps).eval()
    facts = {"method": "deal/custom"} | architecture(network)
    write_tensors(tmp_path / "w.safetensors", network.state_dict(), facts)
    again = load_network(tmp_path / "w.safetensors")
    assert again.specs == tuple(specs)
    image = torch.rand(1, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(again(image), network(image), atol=0, rtol=0)


def test_a_network_to_run_uses_the_mean_spike(tmp_path):
    network = DualInteractionNetwork("cascade-1")
    write_tensors(tmp_path / "w.safetensors", network.state_dict(), {})
    assert all(
        m.mean_spike for m in load_for_running(tmp_path / "w.safetensors").modules() if isinstance(m, SpikingConv)
    )


@pytest.mark.parametrize(
    "facts", [{}, {"blocks": 5}, {"blocks": [[1, 2]]}, {"blocks": [["scale", 5, 3, 1]], "width": "32", "time_steps": 4}]
)
def test_a_file_that_misdescribes_itself_is_refused_by_name(tmp_path, facts):
    tensors = DualInteractionNetwork("cascade-1").state_dict()
    write_tensors(tmp_path / "w.safetensors", tensors, {"method": "deal/cascade-1"} | facts)
    with pytest.raises(InputError, match=r"w\.safetensors: .*DEAL"):
        load_network(tmp_path / "w.safetensors")


@pytest.mark.parametrize("names", [["block1"], ["block1.norm"], ["conv2d"], ["head.1.weight"], ["blocks.0.up.weight"]])
def test_odd_names_are_refused_by_name(tmp_path, names):
    write_tensors(tmp_path / "w.safetensors", {name: torch.tensor(1.0) for name in names}, {})
    with pytest.raises(InputError, match=r"w\.safetensors: .*DEAL"):
        load_network(tmp_path / "w.safetensors")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    tensors = DualInteractionNetwork("cascade-1").state_dict()
    tensors["tail.0.bias"][3] = float("nan")
    write_tensors(tmp_path / "w.safetensors", tensors, {})
    with pytest.raises(InputError, match="no numbers"):
        load_network(tmp_path / "w.safetensors")


@pytest.mark.parametrize("broken", ["other", "missing", "shape"])
def test_another_networks_weights_are_refused_by_name(tmp_path, broken):
    tensors = DualInteractionNetwork("cascade-1").state_dict()
    if broken == "other":
        tensors = {"conv.weight": torch.zeros(3, 3)}
    elif broken == "missing":
        del tensors["blocks.1.conv2.bias"]
    else:
        tensors["tail.0.weight"] = torch.zeros(16, 32, 3, 3)
    write_tensors(tmp_path / "w.safetensors", tensors, {})
    with pytest.raises(InputError, match=r"w\.safetensors: .*DEAL"):
        load_network(tmp_path / "w.safetensors")
