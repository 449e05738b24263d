"""Cells and receptors of De Grazia et al. (2026): single cells, kinetics, and the circuit's rates at rest.

Claim: the E-GLIF cells of `mouse_multirec` fire as the multicompartmental models that their authors tuned them to, as
closely as the authors say (bioRxiv, doi:10.64898/2026.05.12.724100). Reference: dbbs-lab/cerebellar-models at cb7b04d,
eglif_tuning/tofit_eglif/results_tofitEglif (spikes in current steps: efel_results.csv of granule cells, logs of the
others) and eglif_tuning/results_opt (errors of the fit). Of Golgi cells only the error could be read.

The circuit has the published weights of these cells. The preprint's own rates could not be read; beside it stand those
of the same circuit with the older cells (cerebellar-models 4.2, in vitro), which the authors show to be alike. What
would refute the single cells: another sign or size of any current, a threshold or refractory time that differs. Silence
passes nowhere. The bounds (the published error of the fit and one spike) were set after the spikes had been seen, so
they say how close the cells are, not that they could have failed. Run time: four minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Alone, the cells of mouse_multirec fire as the multicompartmental models that they were tuned to: same rheobase,"
    " current-frequency curves within the published error and one spike, rate without current too; a time step ten"
    " times smaller changes their rates by less than 3%. In the circuit, with the published weights, they rest within"
    " 15% of the published rates of the slice."
)
CAPTION = (
    "Above: spikes a second in a current step, single cells without synapses (line) and the multicompartmental models"
    " that they were tuned to (crosses). Below left: conductance after one spike of the published weight, NMDA (dashed)"
    " without the magnesium block. Below right: rates of the circuit at rest, three connectomes (points), one of them"
    " also without gap junctions of Golgi cells (open), beside the published rates in vitro of the same circuit with"
    " the older cells (bars, sd over cells), which differ: alone, these Purkinje cells fire at 34 Hz, the older ones at"
    " 46."
)

DT = 1e-4
SEEDS = 3
# Rest before the step and its length, s; current in pA -> spikes in the step.
REFERENCE: dict[str, tuple[float, float, dict[int, int]]] = {
    "granule": (0.1, 0.5, {8: 0, 10: 13, 12: 21, 14: 26, 16: 31, 18: 36, 20: 40}),
    "purkinje": (0.2, 0.5, {0: 16, 100: 38, 200: 51, 300: 61, 400: 69, 500: 76, 600: 83}),
    "basket": (0.5, 1.0, {-20: 0, -10: 0, 0: 13, 10: 47, 20: 63, 30: 76, 40: 86, 50: 95}),
    "stellate": (0.2, 0.5, {-20: 0, -10: 2, 0: 9, 10: 18, 20: 25, 30: 30, 40: 35, 50: 39}),
}
# Error of the curve, of its range, and of the rate without current, relative; results_opt/*_err.json.
FIT: dict[str, tuple[float, float | None]] = {
    "granule": (0.0271, None),
    "purkinje": (0.0812, 0.0531),
    "basket": (0.0688, 0.0833),
    "stellate": (0.0474, 0.0832),
}
# Hz, mean and sd over cells that spiked, in vitro: cerebellar-models 4.2 documentation, with its older cells.
PUBLISHED = {
    "granule": (3.4, 3.4),
    "golgi": (11, 5.4),
    "purkinje": (47, 1.1),
    "basket": (16, 7.7),
    "stellate": (13, 11),
}
CLOSE, STEP_CHANGE = 0.15, 0.03
SHOWN = {
    "glomerulus_to_granule": "tab:blue",
    "glomerulus_nmda_to_granule": "tab:blue",
    "parallel_fiber_to_stellate": "tab:green",
    "parallel_fiber_nmda_to_stellate": "tab:green",
    "golgi_to_granule": "tab:red",
    "basket_to_purkinje": "tab:orange",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Spikes in the steps of the reference, at two time steps; kinetics; rates of the circuit."""
    cells = {name: {"coarse": _counts(name, DT), "fine": _counts(name, DT / 10)} for name in REFERENCE}
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        "cells": cells,
        "kinetics": _kinetics(),
        "rest": [_rest(one, {}) for one in seeds],
        "rest_uncoupled": [_rest(seed + 1, {"lesion": '["gap_junctions"]'})],
        "published": {
            "reference": REFERENCE,
            "fit": FIT,
            "rates": PUBLISHED,
            "source": "dbbs-lab/cerebellar-models at cb7b04d, eglif_tuning; rates: documentation of 4.2, in vitro",
        },
    }


def _counts(name: str, dt: float) -> list[int]:
    """Spikes in each of the reference's steps; all cells begin at E_L, as there."""
    import numpy as np

    from cerebellum.cells import eglif_multirec
    from cerebellum.description.circuit import load_model

    rest, lasts, wanted = REFERENCE[name]
    parameters = load_model("mouse_multirec").population[name].si()
    current = np.zeros((round((rest + lasts) / dt), len(wanted)))
    current[round(rest / dt) :] = 1e-12 * np.array(list(wanted))
    begin = {"v": np.full(len(wanted), parameters["E_L"])}
    step, cell = eglif_multirec.respond(parameters, {}, begin, current, dt)
    return [int(n) for n in np.bincount(cell[step >= round(rest / dt)], minlength=len(wanted))]


def _kinetics() -> dict[str, dict[str, list[float]]]:
    """Conductance (nS) after one spike of each projection's weight, at 0 to 100 ms; voltage gates open."""
    import numpy as np

    from cerebellum.cells.conductances import Conductances
    from cerebellum.cells.two_decays import TwoDecays
    from cerebellum.description.circuit import load_model
    from cerebellum.description.units import Value

    circuit, out = load_model("mouse_multirec"), {}
    for name, projection in circuit.projection.items():
        receptor = circuit.population[projection.target].receptor.get(projection.receptor)
        if receptor is None or not isinstance(receptor.si, TwoDecays) or not isinstance(projection.weight, Value):
            continue
        contacts = projection.contacts.mean.number if projection.contacts else 1.0
        after, course = Conductances({"x": receptor.si}, 1, DT), []
        after.arrive("x", np.array([0]), np.array([projection.weight.si * contacts]))
        for _ in range(1000):
            after.advance(np.array([10.0]))
            course.append(float(after.names["g_x"][0]) * 1e9)
        out[name] = {"ms": [round(0.1 * (i + 1), 1) for i in range(0, 1000, 5)], "nS": course[::5]}
    return out


def _rest(seed: int, settings: dict[str, str]) -> dict[str, dict[str, float]]:
    """Rates of the full circuit under 4 Hz on mossy fibres, 1 to 3 s."""
    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    short = {"trial_duration": "3000", "window.duration": "2000"}
    short |= {f"stimulus.{name}.duration": "3000" for name in ("background", "climbing")}
    made = prepare(
        "background", "mouse_multirec", seed, {f"block.rest.{key}": value for key, value in short.items()} | settings
    )
    run, out = network.simulate(made.connectome, made.schedule), {}
    for name, spikes in run.spikes.items():
        found = statistics.activity(spikes, made.circuit.size(name), 1.0, 3.0)
        out[name] = {"mean": found.spiking_mean, "sd": found.spiking_sd, "of_all": found.mean}
    return out


def _gap(name: str, counts: list[int]) -> float:
    """Mean difference from one step above rheobase on, of the reference's range there."""
    wanted = REFERENCE[name][2]
    pairs = list(zip(wanted.values(), counts, strict=True))
    first = next(i for i, (theirs, _) in enumerate(pairs) if theirs)
    above = pairs[first + 1 :]
    theirs = [one for one, _ in above]
    return sum(abs(a - b) for a, b in above) / len(above) / (max(theirs) - min(theirs))


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Rheobase, curve, rate without current and time step of each cell; rates of the circuit."""
    out = {}
    for name, (_, lasts, wanted) in REFERENCE.items():
        coarse, fine = numbers["cells"][name]["coarse"], numbers["cells"][name]["fine"]
        currents, theirs = list(wanted), list(wanted.values())
        rheobase = [next(c for c, n in zip(currents, found, strict=True) if n) for found in (theirs, coarse)]
        out[f"{name}: fires from {rheobase[0]} pA on, as the reference"] = rheobase[0] == rheobase[1]
        error, pace = FIT[name]
        top = [n for n in theirs if n]
        bound, gap = error + 1 / (max(top[1:]) - min(top[1:])), _gap(name, coarse)
        out[f"{name}: curve within the published {error:.1%} and one spike of the reference ({gap:.1%})"] = gap <= bound
        if pace is not None:
            here, there = coarse[currents.index(0)], theirs[currents.index(0)]
            label = f"{name}: without current within the published {pace:.1%} and one spike of {there / lasts:g} Hz"
            out[f"{label} ({here / lasts:g})"] = abs(here - there) <= pace * there + 1
        change = max(abs(a - b) / b for a, b in zip(coarse, fine, strict=True) if b > 10)
        out[f"{name}: 0.01 ms changes counts by less than {STEP_CHANGE:.0%} ({change:.1%})"] = change < STEP_CHANGE
    for name, (mean, _) in PUBLISHED.items():
        found = [run[name]["mean"] for run in numbers["rest"]]
        here = sum(found) / len(found)
        out[f"circuit: {name} rests at {mean:g} Hz ({here:.3g})"] = abs(here - mean) <= CLOSE * mean
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Curves, kinetics, rates at rest."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    grid = figure.add_gridspec(2, 4)
    for column, (name, (_, lasts, wanted)) in enumerate(REFERENCE.items()):
        axes = figure.add_subplot(grid[0, column])
        axes.plot(list(wanted), np.array(numbers["cells"][name]["coarse"]) / lasts, "o-", ms=3, label="E-GLIF, here")
        axes.plot(list(wanted), np.array(list(wanted.values())) / lasts, "x", color="0.3", label="multicompartmental")
        axes.set(title=name, xlabel="current (pA)", ylabel="rate (Hz)")
        axes.legend(fontsize=6)
    axes = figure.add_subplot(grid[1, :2])
    for name, colour in SHOWN.items():
        course, style = numbers["kinetics"][name], "--" if "nmda" in name else "-"
        axes.plot(course["ms"], course["nS"], style, color=colour, lw=1.2, label=name.replace("_", " "))
    axes.set(xlabel="time after the spike (ms)", ylabel="conductance (nS)", yscale="log", ylim=(1e-4, 1), xlim=(0, 100))
    axes.legend(fontsize=6, loc="upper right", ncols=2)
    axes = figure.add_subplot(grid[1, 2:])
    places = np.arange(len(PUBLISHED))
    mean, sd = np.array(list(PUBLISHED.values())).T
    axes.bar(
        places, mean, 0.7, yerr=sd, color="0.85", ecolor="0.6", capsize=3, label="published, older cells, in vitro"
    )
    for key, marker, fill, label in (("rest", "o", "tab:blue", "here"), ("rest_uncoupled", "o", "none", "uncoupled")):
        for row, run in enumerate(numbers[key]):
            found = [run[name]["mean"] for name in PUBLISHED]
            shift = 0.12 if fill == "none" else -0.12
            axes.plot(places + shift, found, marker, mfc=fill, color="tab:blue", ms=4, label=label if not row else None)
    axes.set_xticks(places, list(PUBLISHED), fontsize=7)
    axes.set(ylabel="rate at rest (Hz)", ylim=(0, None))
    axes.legend(fontsize=6)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
