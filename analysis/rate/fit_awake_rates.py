"""Weights of the awake state from its rates, by gradient descent through the rate circuit.

Claim: the rate circuit is differentiable well enough to ask which weights would take the circuit of the slice to the
rates of the awake animal. Published: weights and rates of both states in cerebellar-models 4.2 (dbbs-lab; Geminiani et
al. 2024, doi:10.1371/journal.pcbi.1011277). Seven weights, five rates: of the many answers, descent from the weights of
the slice finds one near them. Run time: about five minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cerebellum.description.circuit import Circuit

CLAIM = (
    "From the weights of the slice, gradient descent through the rate circuit finds weights under which every"
    " population fires at its published awake rate within 5% in the rate circuit and within 15% in the spiking engine,"
    " and moves each weight in the direction in which the published awake one lies."
)
CAPTION = (
    "Left: rates of the populations in the rate circuit over the iterations of descent, dashed the published"
    " awake rates; crosses: spiking engine with these weights, 2 s. Right: factor on each weight of the slice, fitted"
    " and published. Cells are those of the awake state throughout; the granular layer, which none of these weights"
    " reaches, is run once. Olivary weights have no effect at rest, where the olive is silent, and are left out."
)

SCALE = "0.3"
STEPS, SETTLE = 500, 200  # of half a millisecond, simulated in each iteration, and skipped
ITERATIONS, RATE = 16, 0.12  # and Adam's step in the logarithm of a weight
# Hz, awake, mean over cells that fired; cerebellar-models 4.2
PUBLISHED = {"purkinje": 91.0, "basket": 21.0, "stellate": 18.0, "nuclear": 45.0, "nucleo_olivary": 13.0}
FITTED = (
    "ascending_axon_to_purkinje", "parallel_fiber_to_purkinje", "parallel_fiber_to_stellate",
    "parallel_fiber_to_basket", "basket_to_purkinje", "purkinje_to_nuclear", "purkinje_to_nucleo_olivary",
)  # fmt: skip


def measure(seed: int = 0) -> dict[str, Any]:
    """Descent, the weights it finds, and the spiking engine's rates with them."""
    import torch

    from cerebellum import load_model, prepare
    from cerebellum.rate import simulate
    from cerebellum.rate.network import given_rates

    awake, slice_ = load_model("mouse", {"scale": SCALE}), load_model("mouse_vitro", {"scale": SCALE})
    factor = {name: _weight(awake, name) / _weight(slice_, name) for name in FITTED}
    begin = _with_weights(awake, {name: 1 / factor[name] for name in FITTED})
    made = prepare("background", begin, seed)
    wired, schedule = made.connectome, made.schedule
    module = simulate.build(wired, schedule)
    module.requires_grad_(False)
    record = _granular_layer(module, given_rates(schedule, begin, module.tensor_options))
    logs = torch.zeros(len(FITTED), requires_grad=True)
    descent = torch.optim.Adam([logs], lr=RATE)
    course: list[dict[str, float]] = []
    for _ in range(ITERATIONS):
        for name, log in zip(FITTED, logs, strict=True):
            module.gain._parameters[name] = torch.exp(log)  # type: ignore[assignment]
        rates = _mean_rates(module, record)
        loss = sum((torch.log(rates[name] / target) ** 2 for name, target in PUBLISHED.items()), torch.zeros(()))
        descent.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        descent.step()
        course.append({name: float(rate.detach()) for name, rate in rates.items()} | {"loss": float(loss.detach())})
    best = min(range(ITERATIONS), key=lambda i: course[i]["loss"])
    fitted = {name: float(torch.exp(log.detach())) for name, log in zip(FITTED, logs, strict=True)}
    return {
        "course": course,
        "best": best,
        "last": course[-1],
        "fitted": fitted,
        "published_factor": factor,
        "spiking": _spiking(_with_weights(begin, fitted), seed),
        "published_rates": PUBLISHED,
        "source": "cerebellar-models 4.2: nest/basal_vitro.yaml, nest/basal_awake.yaml and its documentation of rates",
    }


def _weight(circuit: Circuit, name: str) -> float:
    from cerebellum.description.units import Value

    weight = circuit.projection[name].weight
    assert isinstance(weight, Value)
    return weight.si


def _with_weights(circuit: Circuit, factor: dict[str, float]) -> Circuit:
    """The circuit with some weights multiplied."""
    from cerebellum.description.circuit import Circuit

    tables = circuit.model_dump(mode="json", by_alias=True)
    for name, value in factor.items():
        number, unit, _ = tables["projection"][name]["weight"]
        tables["projection"][name]["weight"] = [number * value, unit, "fitted: here"]
    return Circuit.model_validate(tables)


def _granular_layer(module: Any, given: Any) -> list[dict[str, Any]]:
    """Rates of the populations that none of the fitted weights reaches, step by step."""
    import torch

    kept = ("mossy_fiber", "glomerulus", "granule", "golgi")
    with torch.no_grad():
        state, record = module.begin(), []
        for step in range(STEPS):
            rates = module(state, *module.driven(given, step))
            record.append({name: rates[name] for name in kept})
    return record


def _mean_rates(module: Any, record: list[dict[str, Any]]) -> dict[str, Any]:
    state, total = module.begin(), dict.fromkeys(PUBLISHED, 0.0)
    for step, given in enumerate(record):
        rates = module(state, given, {})
        if step >= SETTLE:
            total = {name: total[name] + rates[name].mean() / (STEPS - SETTLE) for name in total}
    return total


def _spiking(circuit: Circuit, seed: int) -> dict[str, float]:
    """Rates from 1 to 3 s in the spiking engine."""
    from cerebellum import load_protocol, prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    duration = {
        "block.rest.trial_duration": "3000", "block.rest.window.duration": "2000",
        "block.rest.stimulus.background.duration": "3000", "block.rest.stimulus.climbing.duration": "3000",
    }  # fmt: skip
    made = prepare(load_protocol("background", duration), circuit, seed)
    run = network.simulate(made.connectome, made.schedule)
    return {name: float(statistics.rates(run.spikes[name], circuit.size(name), 1.0, 3.0).mean()) for name in PUBLISHED}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Rates reached in both engines; directions of the weights."""
    out = {}
    for name, target in numbers["published_rates"].items():
        out[f"{name}: within 5% of {target:g} Hz in the rate circuit"] = abs(numbers["last"][name] / target - 1) <= 0.05
        out[f"{name}: within 15% of it in the spiking engine"] = abs(numbers["spiking"][name] / target - 1) <= 0.15
    for name, published in numbers["published_factor"].items():
        same = (numbers["fitted"][name] > 1) == (published > 1)
        out[f"{name}: {'strengthened' if published > 1 else 'weakened'} as published"] = same
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Rates over iterations, and factors beside the published ones."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    for number, (name, target) in enumerate(numbers["published_rates"].items()):
        colour = f"C{number}"
        left.plot([one[name] for one in numbers["course"]], color=colour, label=name.replace("_", "-"))
        left.axhline(target, ls="--", lw=0.7, color=colour)
        left.plot(len(numbers["course"]) + 1, numbers["spiking"][name], "x", color=colour)
    left.set(xlabel="iteration", ylabel="mean rate (Hz)", ylim=(0, None))
    left.legend(fontsize=7, frameon=False, ncols=2)
    names = list(numbers["fitted"])
    places = np.arange(len(names))
    for key, shift, label in (("fitted", -0.2, "fitted here"), ("published_factor", 0.2, "published")):
        right.barh(places + shift, [numbers[key][name] for name in names], 0.38, label=label)
    right.axvline(1.0, color="black", lw=0.8)
    right.set_yticks(places, [name.replace("_", " ") for name in names], fontsize=7)
    right.set(xlabel="factor on the weight of the slice", xscale="log")
    right.legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
