"""The mouse circuit: rates of a tenth of the volume, olive and complex spikes, short-term plasticity, targets."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from cerebellum.activity import statistics
from cerebellum.activity.outcome import Outcome
from cerebellum.connectome import connectome
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment import stimulus
from cerebellum.experiment.schedule import Schedule
from cerebellum.spiking import network

TARGET = network.working_target("standalone")
PROTOCOLS = ["background", "burst", "sensory_burst", "centre_surround", "lateral", "cs_us", "current_steps",
             "complex_spike"]  # fmt: skip
# Hz, cerebellar-models 4.2, awake. Golgi cells of so small a volume, all near its border, fire a third faster.
AWAKE = {"granule": 3.4, "purkinje": 91, "basket": 21, "stellate": 18, "nuclear": 45, "nucleo_olivary": 13}


def simulate(
    model: str, protocol: str, seed: int, settings: dict[str, str] | None = None, target: network.Target = TARGET
) -> tuple[Outcome, Schedule]:
    """A run on a tenth of the volume; `settings` are the protocol's."""
    circuit, plan = load_model(model, {"scale": "0.1"}), load_protocol(protocol, settings)
    check_together(plan, circuit)
    wired = connectome.sample(circuit, seed)
    schedule = stimulus.schedule(plan, wired, None, seed)
    run = network.simulate(wired, schedule, target=target)
    return run, schedule


@pytest.mark.parametrize("model", ["mouse", "mouse_vitro", "mouse_stp"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_fits_every_mouse_model(model: str, protocol: str) -> None:
    check_together(load_protocol(protocol), load_model(model))


@functools.cache
def background() -> Outcome:
    """Resting activity, awake, seed 3."""
    return simulate("mouse", "background", seed=3)[0]


def test_rates_of_a_tenth_of_the_volume() -> None:
    """Within a third of the published rates: twelve mossy fibres and no neighbourhood leave that much chance."""
    run = background()
    circuit = load_model("mouse", {"scale": "0.1"})
    for name, published in AWAKE.items():
        found = statistics.rates(run.spikes[name], circuit.size(name), 1.0, 6.0).mean()
        assert found == pytest.approx(published, rel=0.33), name
    golgi = statistics.rates(run.spikes["golgi"], circuit.size("golgi"), 1.0, 6.0).mean()
    assert 11 < golgi < 18
    assert len(run.spikes["inferior_olive"]) == 0  # silent without input, though stable only by a hair


def test_a_glomerulus_repeats_its_mossy_fiber() -> None:
    run = background()
    circuit = load_model("mouse", {"scale": "0.1"})
    feed = connectome.sample(circuit, 3).edges["mossy_fiber_to_glomerulus"]
    fiber, glomerulus = feed.pre[0], feed.post[0]
    sent = run.spikes["mossy_fiber"].time[run.spikes["mossy_fiber"].cell == fiber]
    passed = run.spikes["glomerulus"].time[run.spikes["glomerulus"].cell == glomerulus]
    arrived = sent[sent + 1e-3 < 6.0 - circuit.dt / 2]
    np.testing.assert_allclose(passed, arrived + 1e-3, atol=1e-9)  # 1 ms, and no time of its own


def test_a_climbing_fiber_gives_a_complex_spike_and_a_pause() -> None:
    """Each olivary input reaches the Purkinje cells, which fire a burst at once and fewer simple spikes after it."""
    run, schedule = simulate("mouse", "complex_spike", 2)
    onsets = [trial.start + 0.5 for trial in schedule.trials[1:]]
    cells = 7
    histogram = statistics.psth(run.spikes["purkinje"], cells, onsets, before=0.2, after=0.2, width=0.01)
    baseline, complex_spike, pause = histogram[:20].mean(), histogram[20:22].max(), histogram[21:26].mean()
    assert complex_spike > 2 * baseline
    assert pause < 0.9 * baseline  # in the 50 ms after it; two thirds to nine tenths of the baseline
    olive = statistics.rates(run.spikes["inferior_olive"], 1, 1.0, 10.0)[0]
    assert 0.5 < olive < 5


def test_the_same_seed_gives_the_same_spikes_on_every_target() -> None:
    """0.1 s of a tenth of the volume; a sum in another order may shift a spike by a step, so 99.5% must be equal."""
    short = {"block.rest.trial_duration": "100", "block.rest.window.onset": "0", "block.rest.window.duration": "100",
             "block.rest.stimulus.background.duration": "100", "block.rest.stimulus.climbing.duration": "100",
             "block.rest.stimulus.climbing.rate": "20"}  # fmt: skip
    compiled, _ = simulate("mouse", "background", 7, short)
    interpreted, _ = simulate("mouse", "background", 7, short, target="numpy")
    for name, spikes in compiled.spikes.items():
        other = interpreted.spikes[name]
        one, two = (set(zip(np.rint(s.time / 1e-4).astype(int), s.cell.tolist(), strict=True)) for s in (spikes, other))
        assert len(one ^ two) <= 0.005 * len(one | two), name


def test_tsodyks_markram_synapses_against_the_recursion() -> None:
    """Release u x of a regular train, against the map of Tsodyks et al. (1998) worked by hand."""
    import brian2 as b2

    from cerebellum.description.projection import ShortTerm
    from cerebellum.spiking import synapses

    rule = ShortTerm.model_validate(
        {"U": [0.4, "1", "set: test"], "tau_rec": [35.1, "ms", "set: test"], "tau_fac": [54, "ms", "set: test"]}
    )
    interval = 0.01
    b2.set_device("runtime")
    b2.prefs.codegen.target = "numpy"
    clock = b2.Clock(dt=0.1 * b2.ms)
    group = b2.NeuronGroup(
        1,
        "tick : 1\nused_x : 1\nrecovered_x : 1\nsent_x : 1\nlast_x : second",
        threshold="tick > 0",
        reset="tick = 0",
        clock=clock,
        name="train",
    )
    group.recovered_x, group.last_x = 1.0, -1e6 * b2.second
    release = synapses._release("x", rule.si, group, 2 * b2.ms, clock)
    network, sent = b2.Network(group, release), []
    for _ in range(6):
        group.tick = 1
        network.run(interval * b2.second)
        sent.append(float(group.sent_x[0]))
    u, x, wanted = 0.0, 1.0, []
    for spike in range(6):
        if spike:
            u, x = u * np.exp(-interval / 0.054), 1 + (x - 1) * np.exp(-interval / 0.0351)
        u += 0.4 * (1 - u)
        wanted.append(u * x)
        x -= u * x
    np.testing.assert_allclose(sent, wanted, rtol=1e-9)
