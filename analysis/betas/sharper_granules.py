"""Claim: within the ranges of known anatomy, how sharp can the granule layer's kernel be, and what does it cost?

Transformers learn betas of 10 to 25 (Henry et al. 2020), the mouse circuit's kernel has 1.6 (`mouse_beta`). A granule
cell of `mouse_memory` runs alone (its own equations, step by step) with m of its dendrites on fibres of a pattern, the
others on background, and five things are varied over stated ranges: tonic inhibition, the strength of a mossy-fibre
synapse, the rate of Golgi cells in a cue, the rate of the burst, and dendrites, 4 (Houston et al. 2017) or 8 (none in
the mouse). From the response f(m) follow the kernel and its beta for patterns of 3 to 24 % of the fibres (Bricken &
Pehlevan 2021, arXiv:2111.05498, appendix B.7, for sparse codes). The cost is what is left to carry a weight: the
effective number of a Purkinje cell's 4,000 parallel fibres that do, E[f f]^2 / E[f^2 f^2] times 4,000, and spikes a
fibre.

A grid rather than gradients: one cell of five parameters is cheaper to run everywhere than to differentiate. Stated
before: the hope, beta of 5 with four dendrites, is refuted if no point of the grid has it; it is worthless where fewer
than a tenth of the fibres carry the weight that carry it in the circuit as it is, and that bound is the rival to beat:
any response that is rare enough has a large beta. The same grid, with four dendrites, is asked of the granule cell of
`mouse_multirec`, whose mossy-fibre synapses have NMDA receptors with their block by magnesium: none, as published, and
three times as many (assumed); a dendritic threshold by NMDA would make f(m) grow faster than m. Reads in two steps, by
nuclear fibres back to granule cells, are of `analysis.mouse_memory.memory_parts`. Run time:
fifteen minutes on one core.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Inhibition and weak synapses make the granule layer's kernel sharper, up to the beta of a cell that wants all its"
    " inputs, and every step of it costs fibres that carry the weights."
)
CAPTION = (
    "Beta of the granule kernel against the number of a Purkinje cell's 4,000 parallel fibres that effectively"
    " carry a pattern's own weight, a point each combination of tonic inhibition, synaptic strength, Golgi rate,"
    " burst rate and share of fibres on; green: granule cells with AMPA and NMDA receptors. Star: the circuit as"
    " it is. Lines: the best beta for at least so many fibres, on the draw that is shown; dashed, a tenth of the"
    " fibres of the circuit as it is. Black: the smallest beta that transformers learned."
)
TONIC = (0.0, 0.438, 0.876)  # nS; 0.438 of Billings et al. 2014, others assumed: up to twice that
STRENGTH = (0.5, 1.0, 2.0)  # of `WEIGHT`; assumed
WEIGHT, INHIBITION = 0.23e-9, 0.24e-9  # S; of a mossy-fibre and of a Golgi synapse, cm42
MULTIREC = (1e-9, 1e-9)  # S; the same in `mouse_multirec`, cm013
GOLGI = (0, 20, 60)  # Hz in the cue; 18 to 25 in the circuit, 60 assumed: of strongly driven cells
BURST = (75, 150, 300)  # Hz; Chadderton et al. 2004 and Rancz et al. 2007: some 100 to several 100 Hz
DENDRITES = (4, 8)
NMDA = (0.0, 1.0, 3.0)  # of the conductance of `mouse_multirec`; 3 assumed
SHARES = (0.03, 0.06, 0.12, 0.24)  # of the fibres on in a pattern
LINES, FIBERS = 936, 4000
PRESENT = {"tonic": 0.438, "strength": 1.0, "golgi": 20, "burst": 150, "share": 0.12, "dendrites": 4}
READ, SETTLED = 0.5, 0.01  # s; of a read, and its begin, which does not count
ALIKE = 32  # cells of every m
BACKGROUND, ONTO = 4.0, 4.8  # Hz of a fibre that is off (cm42); Golgi synapses a granule cell, as drawn


def measure(seed: int = 0) -> dict[str, Any]:
    """A row for every combination, and `again` the same on other random spikes.

    The best of many noisy rows is too good, so rows are chosen on the first draw and told by the second.
    """

    def twice(dendrites: tuple[int, ...], nmda: float | None) -> list[dict[str, Any]]:
        draws = (_grid(seed, draw, dendrites, nmda) for draw in (0, 1))
        return [row | {"again": other, "nmda": nmda} for row, other in zip(*draws, strict=True)]

    return {"rows": twice(DENDRITES, None), "nmda": [row for level in NMDA for row in twice((4,), level)]}


def _grid(seed: int, draw: int, among: tuple[int, ...], nmda: float | None) -> list[dict[str, Any]]:
    rows = []
    for dendrites, burst, golgi in itertools.product(among, BURST, GOLGI):
        rng = np.random.default_rng([seed, draw, dendrites, burst, golgi])
        arrivals = _arrivals(dendrites, burst, golgi, rng)
        for tonic in TONIC:
            responses = _responses(dendrites, tonic, nmda, arrivals, np.random.default_rng([seed, draw]))
            rows += [
                {"dendrites": dendrites, "burst": burst, "golgi": golgi, "tonic": tonic, "strength": strength}
                | _kernel(dendrites, response, share)
                for (strength, response), share in itertools.product(responses.items(), SHARES)
            ]
    return rows


def _arrivals(dendrites: int, burst: float, golgi: float, rng: np.random.Generator) -> tuple[Any, ...]:
    """Steps, cells and receptors of the spikes that reach `ALIKE` cells of every m = 0..dendrites inputs on."""
    dt, cells = 1e-4, ALIKE * (dendrites + 1)
    on = np.arange(cells) // ALIKE
    steps, who, kind = [], [], []

    def add(times: Any, cell: int, receptor: int) -> None:
        steps.append(np.floor(times / dt).astype(int))
        who.append(np.full(len(times), cell))
        kind.append(np.full(len(times), receptor))

    for cell in range(cells):
        for _ in range(on[cell]):
            add(np.arange(rng.uniform(0, 1 / burst), READ, 1 / burst), cell, 0)
        add(rng.uniform(0, READ, rng.poisson(BACKGROUND * (dendrites - on[cell]) * READ)), cell, 0)
        add(rng.uniform(0, READ, rng.poisson(golgi * ONTO * READ)), cell, 1)
    order = np.argsort(np.concatenate(steps), kind="stable")
    return tuple(np.concatenate(each)[order] for each in (steps, who, kind))


def _responses(
    dendrites: int, tonic: float, nmda: float | None, arrivals: tuple[Any, ...], rng: np.random.Generator
) -> dict[float, list[float]]:
    """Strength -> f(m): mean spikes of a cell in a read with m of its inputs on.

    `nmda` : NMDA conductance of the cell of `mouse_multirec`, as a multiple; None for the cell of `mouse_memory`.
    """
    from cerebellum import load_model
    from cerebellum.cells import MODELS

    circuit = load_model("mouse_memory" if nmda is None else "mouse_multirec")
    population, cells = circuit.population["granule"], ALIKE * (dendrites + 1)
    receptors = dict(population.receptor_models())
    receptors["inhibitory"] = replace(receptors["inhibitory"], tonic=tonic * 1e-9)
    weight, inhibition = (WEIGHT, INHIBITION) if nmda is None else MULTIREC
    steps, who, kind = arrivals
    given: dict[int, list[tuple[str, Any, Any]]] = {}
    for first, last in itertools.pairwise([*np.flatnonzero(np.diff(steps, prepend=-1)), len(steps)]):
        excited, inhibited = (who[first:last][kind[first:last] == receptor] for receptor in (0, 1))
        copies = [(excited + n * cells, np.full(len(excited), x * weight)) for n, x in enumerate(STRENGTH)]
        inhibited = np.concatenate([inhibited + n * cells for n in range(len(STRENGTH))])
        given[int(steps[first])] = [
            *(("excitatory", *each) for each in copies),
            ("inhibitory", inhibited, np.full(len(inhibited), inhibition)),
        ]
        if nmda:
            given[int(steps[first])] += [("nmda", into, nmda * opened) for into, opened in copies]
    cell = MODELS[population.cell]
    assert cell.start is not None
    assert cell.respond is not None
    state = cell.start(population.si(), len(STRENGTH) * cells, rng)
    still = np.zeros((round(READ / circuit.dt), 1))
    fired, spiking = cell.respond(population.si(), receptors, state, still, circuit.dt, given)
    counts = np.bincount(spiking[fired >= round(SETTLED / circuit.dt)], minlength=len(STRENGTH) * cells)
    found = counts.reshape(len(STRENGTH), dendrites + 1, ALIKE).mean(axis=2)
    return dict(zip(STRENGTH, found.tolist(), strict=True))


def _kernel(dendrites: int, response: list[float], share: float) -> dict[str, Any]:
    """Beta of a response, fibres that carry the own pattern's weight, spikes a fibre in a read."""
    from scipy.stats import hypergeom

    from cerebellum.theory import granule

    active = round(share * LINES)
    likely = hypergeom.pmf(np.arange(dendrites + 1), LINES, active, dendrites)
    f = np.array(response)
    square, fourth = (float(likely @ f**power) for power in (2, 4))
    return {
        "share": share,
        "response": response,
        "beta": granule.fit_sparse_beta(LINES, active, dendrites, dendrites, response=f).beta if square else None,
        "carrying": FIBERS * square**2 / fourth if square else 0.0,
        "spikes": float(likely @ f),
    }


def _present(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in rows if all(row[key] == value for key, value in PRESENT.items()))


def _firing(row: dict[str, Any]) -> bool:
    """Whether there is a kernel in both draws."""
    return row["beta"] is not None and row["again"]["beta"] is not None


def _best(rows: list[dict[str, Any]], dendrites: int, carrying: float) -> dict[str, Any]:
    """The sharpest kernel that leaves at least so many fibres, with the numbers of the other draw."""
    fit = [row for row in rows if row["dendrites"] == dendrites and _firing(row) and row["carrying"] >= carrying]
    chosen = max(fit, key=lambda row: row["beta"])
    return chosen | chosen["again"]


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    rows = numbers["rows"]
    now = _present([row | row["again"] for row in rows])
    any_four, any_eight = (_best(rows, dendrites, 1.0) for dendrites in DENDRITES)
    four, eight = (_best(rows, dendrites, now["carrying"] / 10) for dendrites in DENDRITES)
    half = _best(rows, 4, now["carrying"] / 2)
    return {
        f"four dendrites reach a beta of 5 somewhere in the ranges ({any_four['beta']:.1f}, by"
        f" {any_four['carrying']:.0f} of 4,000 fibres)": any_four["beta"] >= 5,
        f"with at least a tenth of the fibres that carry a pattern now ({now['carrying']:.0f}) they still do"
        f" ({four['beta']:.1f}: {_said(four)})": four["beta"] >= 5,
        f"with at least half of them beta is twice that of the circuit as it is ({half['beta']:.1f} for"
        f" {now['beta']:.1f}: {_said(half)})": half["beta"] >= 2 * now["beta"],
        f"eight dendrites would be sharper, at a tenth of the fibres ({eight['beta']:.1f}: {_said(eight)}; anywhere"
        f" {any_eight['beta']:.1f})": eight["beta"] > four["beta"],
        **_by_nmda(numbers["nmda"], now["carrying"] / 10),
        "nothing in the ranges reaches the least that transformers learned, 10.3": max(
            row["beta"] for row in [*rows, *numbers["nmda"]] if row["beta"] and row["carrying"] >= 1
        )
        < 10.3,
    }


def _by_nmda(rows: list[dict[str, Any]], carrying: float) -> dict[str, bool]:
    """Whether more NMDA receptors make a sharper kernel, carried by at least so many fibres."""
    best = [_best([row for row in rows if row["nmda"] == level], 4, carrying) for level in NMDA]
    betas = ", ".join(f"{row['beta']:.1f}" for row in best)
    return {
        f"NMDA receptors sharpen it: none, as published, three times as many ({betas}; last: {_said(best[-1])})": (
            best[0]["beta"] < best[1]["beta"] < best[2]["beta"]
        )
    }


def _said(row: dict[str, Any]) -> str:
    return (
        f"tonic {row['tonic']} nS, strength {row['strength']}, Golgi cells {row['golgi']} Hz, bursts {row['burst']} Hz,"
        f" {row['share']:.0%} of the fibres"
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Beta against the fibres that carry it."""
    from matplotlib.figure import Figure

    rows = [row for row in numbers["rows"] if row["beta"] and row["carrying"] >= 1]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for colour, dendrites in (("tab:blue", 4), ("tab:orange", 8)):
        own = sorted((row for row in rows if row["dendrites"] == dendrites), key=lambda row: row["carrying"])
        carrying, beta = (np.array([row[key] for row in own]) for key in ("carrying", "beta"))
        axes.plot(carrying, beta, ".", ms=4, alpha=0.5, color=colour, label=f"{dendrites} dendrites")
        axes.step(carrying, np.maximum.accumulate(beta[::-1])[::-1], where="pre", color=colour, lw=1)
    for level, marker in zip(NMDA, "vo^", strict=True):
        own = [row for row in numbers["nmda"] if row["nmda"] == level and row["beta"] and row["carrying"] >= 1]
        axes.plot(
            *([row[key] for row in own] for key in ("carrying", "beta")),
            marker,
            ms=2.5,
            mfc="none",
            mew=0.5,
            color="tab:green",
            label=f"4 dendrites, NMDA x {level:g}",
        )
    now = _present(rows)
    axes.plot(now["carrying"], now["beta"], "k*", ms=11, label="the circuit as it is")
    axes.axvline(now["carrying"] / 10, color="0.5", lw=0.8, ls="--")
    axes.axhline(10.3, color="k", lw=0.8)
    axes.set(
        xscale="log", xlabel="fibres that carry the own pattern's weight", ylabel="beta of the kernel", ylim=(0, 12)
    )
    axes.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
