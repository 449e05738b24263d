"""cerebellum.memory.trainable_layer: Top-k inhibition, the GABA switch, and what training leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError

torch = pytest.importorskip("torch")

from cerebellum.memory.trainable_layer import GolgiInhibition, SDMLayer  # noqa: E402  (needs torch)

INPUTS = 24  # so many that no address starts with zeros alone (chance 2^-24 each)


def _layer(k=3, switch=0, units=20, seed=0):
    return SDMLayer(INPUTS, units, 4, k, switch, torch.Generator().manual_seed(seed))


@given(seed=st.integers(0, 10_000), k=st.integers(1, 9), rows=st.integers(1, 5))
@settings(max_examples=50)
def test_top_k_is_subtraction_of_the_next_largest(seed, k, rows):
    """switch = 0: by hand with numpy's sort; exactly k units stay active when all activities differ and exceed zero."""
    x = np.random.default_rng(seed).random((rows, 10)).astype(np.float32) + 0.01
    y = GolgiInhibition(10, k, 0)(torch.tensor(x)).numpy()
    threshold = np.sort(x, axis=1)[:, ::-1][:, k : k + 1]
    np.testing.assert_allclose(y, np.maximum(x - threshold, 0.0), rtol=1e-6)
    assert ((y > 0).sum(axis=1) == k).all()


def test_strength_rises_from_excitation_to_inhibition():
    inhibition = GolgiInhibition(5, 1, 100)
    inhibition.counts.copy_(torch.tensor([0.0, 25.0, 50.0, 100.0, 1000.0]))
    assert inhibition.strength().tolist() == [-1.0, -0.5, 0.0, 1.0, 1.0]


def test_young_units_are_excited_and_old_ones_inhibited():
    inhibition = GolgiInhibition(4, 1, 10).eval()
    inhibition.counts.copy_(torch.tensor([0.0, 5.0, 10.0, 10.0]))
    x = torch.tensor([[0.1, 0.2, 0.5, 0.8]])  # the second largest, 0.5, is subtracted times -1, 0, 1, 1
    torch.testing.assert_close(inhibition(x), torch.tensor([[0.6, 0.2, 0.0, 0.3]]))


def test_only_training_counts_active_inputs():
    inhibition = GolgiInhibition(3, 1, 10)
    x = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.0, 0.0]])
    inhibition(x)
    # first input: all excited by 0.2; second: the second largest is 0, so only the first unit is above it
    assert inhibition.counts.tolist() == [2.0, 1.0, 1.0]
    inhibition.eval()(x)
    assert inhibition.counts.tolist() == [2.0, 1.0, 1.0]
    assert "counts" in inhibition.state_dict()  # a saved network keeps its age


def test_every_unit_switches_in_the_end():
    """The same input again and again: each unit is excited until inhibition of its own age meets its activity."""
    inhibition = GolgiInhibition(6, 2, 20)
    x = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    for _ in range(100):
        y = inhibition(x)
    assert (y > 0).sum() == 2
    # a unit of activity x < I = 0.4 falls silent once 2 c / N - 1 >= x / I, that is at c = N (1 + x / I) / 2
    expected = np.ceil(20 * (1 + np.array([0.1, 0.2, 0.3]) / 0.4) / 2 - 1e-6)
    np.testing.assert_array_equal(inhibition.counts[:3], expected)


def test_no_gradient_through_the_inhibition():
    """d y_i / d x_j is 1 for active i = j and 0 elsewhere, also for the unit that sets the threshold."""
    x = torch.tensor([0.1, 0.9, 0.5, 0.7], requires_grad=True)
    inhibition = GolgiInhibition(4, 2, 0)
    jacobian = torch.autograd.functional.jacobian(inhibition, x)
    torch.testing.assert_close(jacobian, torch.diag(torch.tensor([0.0, 1.0, 0.0, 1.0])))


def test_weights_start_and_stay_what_sdm_wants():
    layer = _layer(switch=50)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        assert (layer.addresses >= 0).all()
        assert (layer.values >= 0).all()
        torch.testing.assert_close(layer.addresses.norm(dim=1), torch.ones(20))
        loss = torch.nn.functional.cross_entropy(layer(torch.rand(8, INPUTS, generator=generator)), torch.arange(8) % 4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        layer.project()
    assert {name for name, _ in layer.named_parameters()} == {"addresses", "values"}  # no biases


def test_read_is_a_sum_of_values_weighted_by_cosine():
    """With k = units - 1 the layer is all cosines less the smallest, times the values: written out with numpy."""
    layer = _layer(k=19).eval()
    x = np.random.default_rng(0).random((5, INPUTS)).astype(np.float32)
    addresses, values = layer.addresses.detach().numpy(), layer.values.detach().numpy()
    cosines = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ addresses.T
    expected = (cosines - cosines.min(axis=1, keepdims=True)) @ values.T
    np.testing.assert_allclose(layer(torch.tensor(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_length_and_sign_of_the_input_do_not_matter():
    layer = _layer().eval()
    x = torch.rand(5, INPUTS, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(layer(x), layer(7.0 * x))
    torch.testing.assert_close(
        layer(torch.cat([x[:, :3], -x[:, 3:]], 1)), layer(torch.cat([x[:, :3], 0 * x[:, 3:]], 1))
    )
    assert torch.isfinite(layer(torch.zeros(1, INPUTS))).all()


def test_a_step_changes_active_units_only():
    """What continual learning rests on: silent granule cells keep their addresses and their values."""
    layer = _layer(k=2)
    x = torch.rand(1, INPUTS, generator=torch.Generator().manual_seed(3))
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    active = (layer.activity(x) > 0)[0]
    assert active.sum() == 2
    torch.nn.functional.cross_entropy(layer(x), torch.tensor([1])).backward()
    torch.optim.SGD(layer.parameters(), lr=0.5).step()
    layer.project()
    torch.testing.assert_close(layer.addresses[~active], before["addresses"][~active])
    torch.testing.assert_close(layer.values[:, ~active], before["values"][:, ~active])
    assert not torch.equal(layer.values[:, active], before["values"][:, active])


def test_the_seed_fixes_the_weights():
    torch.testing.assert_close(_layer(seed=4).addresses, _layer(seed=4).addresses)
    assert not torch.equal(_layer(seed=4).addresses, _layer(seed=5).addresses)


def test_two_pairs_of_digits_in_turn():
    """0/1, then 2/3: the SDM layer still knows the first pair, a plain network answers 2 or 3 to everything."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(n_class=4, return_X_y=True)
    images = torch.nn.functional.normalize(torch.tensor(pixels, dtype=torch.float32), dim=1)
    digits = torch.tensor(labels)
    kept = {}
    for name in ("sdm", "mlp"):
        generator = torch.Generator().manual_seed(0)
        if name == "sdm":
            network = SDMLayer(64, 200, 4, 3, 3000, generator)
        else:
            torch.manual_seed(0)
            network = torch.nn.Sequential(torch.nn.Linear(64, 200), torch.nn.ReLU(), torch.nn.Linear(200, 4))
        optimiser = torch.optim.SGD(network.parameters(), lr=2.0)
        for pair in ((0, 1), (2, 3)):
            present = torch.nonzero(torch.isin(digits, torch.tensor(pair)))[:, 0]
            for _ in range(25):
                for batch in present[torch.randperm(len(present), generator=generator)].split(128):
                    loss = torch.nn.functional.cross_entropy(network(images[batch]), digits[batch])
                    optimiser.zero_grad()
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimiser.step()
                    if name == "sdm":
                        network.project()
        network.eval()
        kept[name] = float((network(images).argmax(1) == digits)[digits < 2].float().mean())
    assert kept["mlp"] < 0.1
    assert kept["sdm"] > 0.7


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: GolgiInhibition(1, 1, 0), "units"),
        (lambda: GolgiInhibition(5, 5, 0), "k"),
        (lambda: GolgiInhibition(5, 0, 0), "k"),
        (lambda: GolgiInhibition(5, 1, -1), "switch"),
        (lambda: SDMLayer(0, 5, 2, 1, 0), "inputs"),
        (lambda: SDMLayer(3, 5, 0, 1, 0), "outputs"),
        (lambda: GolgiInhibition(5, 1, 0)(torch.zeros(2, 4)), "x"),
        (lambda: SDMLayer(3, 5, 2, 1, 0)(torch.zeros(2, 4)), "x"),
    ],
)
def test_wrong_arguments_are_named(call, argument):
    with pytest.raises(ArgumentError, match=f"^{argument} = "):
        call()
