"""Rates of the mouse microcircuit beside the published ones: at rest in two states, in a burst, in a CS.

Claim: with published cell parameters and weights, and convergences derived from published ones (models/mouse.toml; the
rates were in view when they were chosen), the circuit fires as published. The circuit is that of Geminiani et al.
(2024, doi:10.1371/journal.pcbi.1011277) and De Schepper et al. (2022, doi:10.1038/s42003-022-04213-y). Published
rates: the documentation of cerebellar-models 4.2 (dbbs-lab/cerebellar-models, docs nest.rst, dcn.rst, io.rst), mean
and standard deviation over cells that fired at least once. Run time: about five minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The mouse microcircuit with published cell parameters and synaptic weights, and convergences derived from"
    " published ones, fires at the published rates: at rest, awake and in vitro, each population within 15% or half the"
    " published standard deviation; in a mossy-fibre burst and in a conditioned stimulus in vitro, within one published"
    " standard deviation."
)
CAPTION = (
    "Mean rate of every population of the full circuit over five connectomes (points: single seeds; all cells that"
    " fired at least once, as the source counts), beside the published mean and standard deviation over cells (bars)."
    " Mossy fibres at 4 Hz; burst: 150 Hz for 50 ms on the fibres within 90 um of a point; conditioned stimulus: 40 Hz"
    " on all fibres. Crosses: the same with the convergences of the De Schepper network (lorenzi2023) taken over"
    " unchanged; diamonds: with the fitted convergence of mouse_fitted. The olive is silent in both."
)

SEEDS = 5
# Hz, mean and standard deviation over cells that spiked; cerebellar-models 4.2.
PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "awake": {
        "mossy_fiber": (4.0, 1.4),
        "granule": (3.4, 3.4),
        "golgi": (11, 5.4),
        "purkinje": (91, 2.2),
        "basket": (21, 9),
        "stellate": (18, 14),
        "nuclear": (45, 7),
        "nucleo_olivary": (13, 1.2),
        "inferior_olive": (0, 0),
    },
    "in vitro": {
        "mossy_fiber": (4.0, 1.4),
        "granule": (3.4, 3.4),
        "golgi": (11, 5.4),
        "purkinje": (47, 1.1),
        "basket": (16, 7.7),
        "stellate": (13, 11),
        "nuclear": (11, 7),
        "nucleo_olivary": (11, 1.2),
        "inferior_olive": (0, 0),
    },
    "burst in vitro": {
        "mossy_fiber": (45, 74),
        "granule": (21, 46),
        "golgi": (52, 45),
        "purkinje": (59, 11),
        "basket": (59, 88),
        "stellate": (52, 47),
        "nuclear": (24, 11),
        "nucleo_olivary": (9.4, 10),
    },
    "conditioned stimulus in vitro": {
        "mossy_fiber": (44, 13),
        "granule": (21, 30),
        "golgi": (42, 17),
        "purkinje": (55, 5.9),
        "basket": (66, 24),
        "stellate": (46, 43),
        "nuclear": (30, 4.7),
        "nucleo_olivary": (11, 2.3),
    },
}
RUNS = {
    "awake": ("mouse", "background"),
    "in vitro": ("mouse_vitro", "background"),
    "burst in vitro": ("mouse_vitro", "burst"),
    "conditioned stimulus in vitro": ("mouse_vitro", "cs_us"),
}
AT_REST = ("awake", "in vitro")
# The convergences of lorenzi2023 as they stand; models/mouse.toml says why and how they are scaled.
UNCHANGED = {
    "projection.parallel_fiber_to_golgi.rule.convergence": "908",
    "projection.parallel_fiber_to_purkinje.rule.convergence": "1463",
    "projection.parallel_fiber_to_stellate.rule.convergence": "1220",
    "projection.parallel_fiber_to_basket.rule.convergence": "1220",
    "projection.stellate_to_purkinje.rule.convergence": "5.3",
    "projection.stellate_to_stellate.rule.convergence": "14.2",
    "projection.basket_to_basket.rule.convergence": "14.2",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Rates by both conventions, intervals and the olive in the unconditioned stimulus, for every seed."""
    from cerebellum.connectome import connectome
    from cerebellum.description.circuit import load_model

    result: dict[str, Any] = {
        name: [_activity(model, protocol, s) for s in range(seed, seed + SEEDS)]
        for name, (model, protocol) in RUNS.items()
    }
    unchanged = {name: [_activity(*RUNS[name], seed, UNCHANGED)] for name in AT_REST}
    fitted = {"awake": [_activity("mouse_fitted", "background", seed)]}
    degrees = [
        {
            "projection": degree.projection,
            "synapses": degree.synapses,
            "convergence": degree.convergence_mean,
            "convergence_sd": degree.convergence_sd,
            "divergence": degree.divergence_mean,
            "described": degree.described_convergence,
        }
        for degree in connectome.degrees(connectome.sample(load_model("mouse"), seed))
    ]
    return {
        "measured": result,
        "mean": {name: _means(runs) for name, runs in result.items()},
        "mean_of_all_cells": {name: _means(runs, "mean") for name, runs in result.items()},
        "fitted": {name: _means(runs) for name, runs in fitted.items()},
        "unchanged_convergences": {name: _means(runs) for name, runs in unchanged.items()},
        "degrees": degrees,
        "published": {
            "rates": PUBLISHED,
            "source": "cerebellar-models 4.2 documentation (nest.rst, dcn.rst, io.rst); olive in the unconditioned"
            " stimulus 270 +- 120 Hz",
            "olive_in_unconditioned_stimulus": [270, 120],
        },
    }


def _activity(model: str, protocol: str, seed: int, settings: dict[str, str] | None = None) -> dict[str, Any]:
    """One run: each population's activity in the protocol's window, and the olive's while it is driven."""
    from dataclasses import asdict

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    made = prepare(protocol, model, seed, settings)
    circuit, run = made.circuit, network.simulate(made.connectome, made.schedule)
    (window,) = (block.window for block in made.protocol.block.values())
    assert window is not None
    start, stop = window.onset.si, window.onset.si + window.duration.si
    populations = {
        name: asdict(statistics.activity(spikes, circuit.size(name), start, stop))
        for name, spikes in run.spikes.items()
    }
    olive = statistics.rates(run.spikes["inferior_olive"], circuit.size("inferior_olive"), 1.25, 1.26)
    return {
        "seed": seed,
        "populations": populations,
        "driven_olive": float(olive[olive > 0].mean()) if protocol == "cs_us" and olive.any() else None,
        "seconds": run.seconds,
        "biological_seconds": made.schedule.duration,
    }


def _means(runs: list[dict[str, Any]], key: str = "spiking_mean") -> dict[str, float]:
    import numpy as np

    return {name: float(np.mean([run["populations"][name][key] for run in runs])) for name in runs[0]["populations"]}


def _agrees(measured: float, published: tuple[float, float], at_rest: bool) -> bool:
    mean, sd = published
    return abs(measured - mean) <= (max(0.15 * mean, sd / 2) if at_rest else sd)


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether each population of each condition fires as published; and the published order of populations."""
    out = {}
    for condition, published in PUBLISHED.items():
        mean = numbers["mean"][condition]
        for name, values in published.items():
            bound = "15% or half a published sd" if condition in AT_REST else "one published sd"
            statement = f"{condition}: {name} within {bound} of {values[0]:g} Hz"
            out[statement] = _agrees(mean[name], values, condition in AT_REST)
        if condition not in AT_REST:
            cells = [name for name in published if name != "mossy_fiber"]
            order = sorted(cells, key=lambda name: published[name][0])
            # Populations published within 10% of each other have no order.
            statement = f"{condition}: populations in the published order"
            out[statement] = all(
                mean[low] < mean[high]
                for i, low in enumerate(order)
                for high in order[i + 1 :]
                if published[low][0] < 0.9 * published[high][0]
            )
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Measured and published rates by population, one panel a condition."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (condition, published) in zip(figure.subplots(2, 2).flat, PUBLISHED.items(), strict=True):
        names = [name for name in published if name != "inferior_olive"]
        places = np.arange(len(names))
        mean, sd = np.array([published[name] for name in names]).T
        axes.bar(places, mean, 0.7, yerr=sd, color="0.85", ecolor="0.6", capsize=3, label="published, sd over cells")
        for run in numbers["measured"][condition]:
            seed = [run["populations"][name]["spiking_mean"] for name in names]
            axes.plot(places, seed, ".", color="tab:blue", ms=3)
        axes.plot(places, [numbers["mean"][condition][n] for n in names], "o", color="tab:blue", ms=6, label="here")
        if condition in numbers["unchanged_convergences"]:
            other = [numbers["unchanged_convergences"][condition][name] for name in names]
            axes.plot(places, other, "x", color="tab:red", label="convergences of the De Schepper network")
        if condition in numbers["fitted"]:
            axes.plot(
                places, [numbers["fitted"][condition][n] for n in names], "d", mfc="none", color="k", label="fitted"
            )
        axes.set_xticks(places, [name.replace("_", "\n") for name in names], fontsize=7)
        axes.set(title=condition, ylabel="rate (Hz)", ylim=(0, None))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
