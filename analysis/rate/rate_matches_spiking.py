"""The rate twin of the mouse circuit beside the spiking engine: mean rates, time courses, cells, and what they cost.

Claim: a rate circuit whose cells are read from single cells alone does what the spiking circuit does. The circuit is
that of Geminiani et al. (2024, doi:10.1371/journal.pcbi.1011277); nothing of the rate circuit is fitted to a network.
A rate is an expectation, so it is compared with the mean over spiking runs on the same connectome and the same
mossy-fibre spikes that differ in the noise of their cells' thresholds; one such run against the others says how far
the circuit itself is determined by its input. At rest and where a stimulus hardly reaches, the noise of single runs is
large, so more of them are averaged. The rate circuit runs with drawn spikes, and beside them as expectations alone.
Run time: about forty minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "On the same connectome and the same mossy-fibre spikes, the mean rates of the rate circuit, averaged over eight"
    " realizations of its drawn spikes, are within 10% of those of the spiking circuit in every population, and the"
    " mean time courses of trials correlate with r of 0.9 or more, at rest, in a mossy-fibre burst and in a"
    " conditioned stimulus with an unconditioned one."
)
CAPTION = (
    "Mean rate of a cell of every population: mean over spiking runs that differ in the noise of their cells only"
    " (filled) and rate circuit, with drawn spikes (black) and as expectations alone (orange), bins of 5 ms, mean over"
    " trials. Titles: mean rates of spikes and of the drawn rate circuit in the protocol's window and"
    " the correlation of the time courses in bins of 20 ms; in brackets that of one more spiking run, and the largest"
    " that an exact expectation could reach against so many runs. Nothing is fitted: the transfer functions are those"
    " of single cells."
)

MODEL = "mouse"
PROTOCOLS: dict[str, dict[str, str]] = {
    "background": {},
    "burst": {"block.burst.trials": "8"},
    "cs_us": {"block.cs_us.trials": "6"},
}
RUNS = {"background": 32, "burst": 24, "cs_us": 8}  # of the spiking engine
DRAWS = 8  # of the rate circuit
WIDTHS = (5e-3, 20e-3)  # s; bins
SHOWN = {"background": 1.0, "burst": 1.5, "cs_us": 2.0}  # s of a trial in the figure
CLOSE, ALIKE = 0.1, 0.9


def measure(seed: int = 0) -> dict[str, Any]:
    """Both engines on every protocol."""
    return {
        "model": MODEL,
        "draws": DRAWS,
        "protocols": {name: _protocol(name, settings, seed) for name, settings in PROTOCOLS.items()},
    }


def _protocol(name: str, settings: dict[str, str], seed: int) -> dict[str, Any]:
    import dataclasses

    import numpy as np

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.activity.rates import STEP
    from cerebellum.rate import simulate
    from cerebellum.readout.engine_agreement import correlation
    from cerebellum.spiking import network

    made = prepare(name, MODEL, seed, settings)
    circuit, wired, schedule = made.circuit, made.connectome, made.schedule
    steps, seconds = round(schedule.duration / STEP), []
    counted = {p: np.zeros((RUNS[name], steps)) for p in circuit.population}
    each = {p: np.zeros(circuit.size(p)) for p in circuit.population}
    for run in range(RUNS[name]):  # the connectome's seed is that of its cells' noise, too
        simulated = network.simulate(dataclasses.replace(wired, seed=seed + 1000 * run), schedule)
        seconds.append(simulated.seconds["simulate"])
        for population, spikes in simulated.spikes.items():
            binned = statistics.histogram(spikes, np.arange(steps + 1, dtype=np.float64) * STEP)
            counted[population][run] = binned / (STEP * circuit.size(population))
            each[population] += np.bincount(spikes.cell, minlength=circuit.size(population))
    drawn = simulate.simulate(wired, schedule, draws=DRAWS)
    expected = simulate.simulate(wired, schedule)
    spans = [(trial.start, trial.stop) for trial in schedule.trials]
    windows = [trial.window for trial in schedule.trials]
    agreement: dict[str, dict[str, Any]] = {"drawn": {}, "expected": {}}
    courses = {}
    for population, runs in counted.items():
        for way, measured in (("drawn", drawn), ("expected", expected)):
            one = measured.rates[population]
            agreement[way][population] = _agreement(runs, one.mean, spans, windows)
            agreement[way][population]["cells_r"] = correlation(each[population], one.cells.mean(axis=0))
        rows = [runs.mean(axis=0), drawn.rates[population].mean, expected.rates[population].mean]
        shown = _courses(np.stack(rows), spans, 5e-3)
        courses[population] = np.round(shown[:, : round(SHOWN[name] / 5e-3)], 3).tolist()
    return {
        "trials": len(spans),
        "runs": RUNS[name],
        "agreement": agreement,
        "courses": courses,
        "seconds": {
            "biological": schedule.duration,
            "spiking": float(np.mean(seconds)),
            "drawn": drawn.seconds["simulate"],
            "expected": expected.seconds["simulate"],
        },
    }


def _courses(rates: Any, spans: list[tuple[float, float]], width: float) -> Any:
    """Mean over trials in bins: of (rows, steps) (rows, bins)."""
    import numpy as np

    from cerebellum.activity.rates import STEP

    each = round(width / STEP)
    bins = min(int((stop - start) / STEP + 1e-6) // each for start, stop in spans)
    firsts = [round(start / STEP) for start, _ in spans]
    trials = np.stack([rates[:, first : first + bins * each] for first in firsts])
    return trials.mean(axis=0).reshape(len(rates), bins, each).mean(axis=2)


def _agreement(
    counted: Any, expected: Any, spans: list[tuple[float, float]], windows: list[tuple[float, float]]
) -> dict[str, Any]:
    """Means (Hz) in the windows, their ratio, and for each width of bins the correlations of the time courses.

    r : of the mean over spiking runs with the rate circuit; other : of one spiking run with the mean over the others;
    ceiling : of the mean over the runs with a true expectation, by Spearman and Brown's formula
    """
    import numpy as np

    from cerebellum.activity.rates import STEP
    from cerebellum.readout.engine_agreement import WARM, correlation

    inside = np.concatenate([np.arange(round(start / STEP), round(stop / STEP)) for start, stop in windows])
    spiking, rate = float(counted[:, inside].mean()), float(expected[inside].mean())
    out: dict[str, Any] = {"mean_spiking": spiking, "mean_rate": rate, "ratio": rate / spiking if spiking else None}
    for width in WIDTHS:
        rows = _courses(np.concatenate([counted, expected[None]]), spans, width)[:, round(WARM / width) :]
        runs, own = rows[:-1], rows[-1]
        pairs = [correlation(runs[i], runs[j]) for i in range(len(runs)) for j in range(i)]
        other = [correlation(runs[i], np.delete(runs, i, 0).mean(axis=0)) for i in range(len(runs))]
        known = [p for p in pairs if p is not None]
        shared = max(0.0, float(np.mean(known))) if known else None
        out[f"{width * 1e3:g} ms"] = {
            "r": correlation(runs.mean(axis=0), own),
            "other": float(np.mean([o for o in other if o is not None])) if known else None,
            "ceiling": None if shared is None else float(np.sqrt(len(runs) * shared / (1 + (len(runs) - 1) * shared))),
        }
    return out


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Every population of every protocol, drawn, means and time courses apart; those silent in both agree."""
    out = {}
    for protocol, measured in numbers["protocols"].items():
        for population, one in measured["agreement"]["drawn"].items():
            if population == "mossy_fiber":  # given to both
                continue
            silent = one["mean_spiking"] == 0 and one["mean_rate"] < 0.01
            near = silent or (one["ratio"] is not None and abs(one["ratio"] - 1) <= CLOSE)
            out[f"{protocol}: {population}, mean rate within 10%"] = near
            best = max(one[f"{width * 1e3:g} ms"]["r"] or 0.0 for width in WIDTHS)
            out[f"{protocol}: {population}, time course r >= 0.9 in bins of 5 or 20 ms"] = silent or best >= ALIKE
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Time courses of every population (rows) in every protocol (columns)."""
    import numpy as np
    from matplotlib.figure import Figure

    protocols = numbers["protocols"]
    names = [name for name in next(iter(protocols.values()))["courses"] if name != "glomerulus"]
    figure = Figure(figsize=(13, 1.25 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots(len(names), len(protocols), squeeze=False, sharex="col")
    for column, (protocol, measured) in enumerate(protocols.items()):
        for row, name in enumerate(names):
            ax, (counted, drawn, expected) = axes[row, column], measured["courses"][name]
            edges = np.arange(len(counted) + 1) * 5.0
            ax.stairs(counted, edges, fill=True, color="tab:blue", alpha=0.45)
            ax.plot(edges[:-1] + 2.5, expected, color="tab:orange", lw=0.8)
            ax.plot(edges[:-1] + 2.5, drawn, color="black", lw=0.8)
            one = measured["agreement"]["drawn"][name]
            r, other, best = ("-" if x is None else f"{x:.2f}" for x in one["20 ms"].values())
            title = f"{one['mean_spiking']:.1f} / {one['mean_rate']:.1f} Hz, r = {r} ({other}, {best})"
            ax.set_title(title, fontsize=7, loc="right", pad=2)
            ax.tick_params(labelsize=6)
            if column == 0:
                ax.set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center", fontsize=8)
        trials = f", {measured['trials']} trials" if measured["trials"] > 1 else ""
        axes[0, column].set_title(f"{protocol}{trials}", fontsize=9, loc="left")
        axes[-1, column].set_xlabel("time in trial (ms)", fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
