"""Synapses that may learn, in a volume so small that a pair makes several contacts: what they transmit."""

from __future__ import annotations

import numpy as np
import torch

import cerebellum
from cerebellum.connectome.connectome import sample
from cerebellum.description.circuit import load_model
from cerebellum.rate.plasticity import PlasticSynapses

SHORT = {f"block.rest.{key}": "60" for key in ("trial_duration", "stimulus.background.duration")}
SHORT |= {"block.rest.stimulus.climbing.duration": "60", "block.rest.window.duration": "40"}
SHORT |= {"block.rest.window.onset": "20", "scale": "0.05", "microzones": "1"}


def test_with_plasticity_off_spikes_are_those_of_the_circuit_that_cannot_learn() -> None:
    static, plastic = (
        cerebellum.run("background", model, settings=SHORT, target="numpy") for model in ("mouse", "mouse_plastic")
    )
    for name, spikes in static.spikes.items():
        assert np.array_equal(spikes.time, plastic.spikes[name].time), name
        assert np.array_equal(spikes.cell, plastic.spikes[name].cell), name
    assert len(static.spikes["nuclear"]) > 5


def test_rates_arrive_over_every_contact() -> None:
    name, options = "mossy_fiber_to_nuclear", {"dtype": torch.float64, "device": torch.device("cpu")}
    wired = sample(load_model("mouse_plastic", {"scale": "0.05"}), 1)
    edges, weight = wired.edges[name], wired.weights_at_begin(name)
    assert edges.contacts is not None
    assert edges.contacts.max() > 5
    rate = np.random.default_rng(1).uniform(0, 10, wired.size("mossy_fiber"))
    expected = np.bincount(edges.post, edges.contacts * weight * rate[edges.pre], wired.size("nuclear"))
    synapses = PlasticSynapses(wired, name, torch.as_tensor(weight), [], options)
    np.testing.assert_allclose(synapses.transmit(torch.as_tensor(rate)).numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(synapses.weight.numpy(), weight)
