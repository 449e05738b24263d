"""The rate twin of the mouse circuit beside the spiking engine: mean rates, time courses, cells, and what they cost.

Claim: a rate circuit whose cells are read from single cells alone does what the spiking circuit does. The circuit is
that of Geminiani et al. (2024, doi:10.1371/journal.pcbi.1011277); nothing of the rate circuit is fitted to a network.
Run time: about six minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "On the same connectome and the same mossy-fibre spikes, the rate circuit's mean rates are within 10% of those of"
    " the spiking circuit in every population, and the mean time courses of trials correlate with r of 0.9 or more, at"
    " rest, in a mossy-fibre burst and in a conditioned stimulus with an unconditioned one."
)
CAPTION = (
    "Mean rate of a cell of every population: spikes (filled) and rate circuit (line), bins of 5 ms, mean over trials."
    " Titles: mean rates in the protocol's window and the correlation of the time courses; in brackets the largest"
    " correlation that counting error of the spikes would leave to an exact expectation, which is 0 where cells fire"
    " so regularly that their counts vary less than Poisson's. Nothing is fitted: the transfer functions are those of"
    " single cells."
)

MODEL = "mouse"
PROTOCOLS: dict[str, dict[str, str]] = {
    "background": {},
    "burst": {"block.burst.trials": "4"},
    "cs_us": {"block.cs_us.trials": "3"},
}
WIDTHS = (5e-3, 20e-3)  # s; bins
SHOWN = {"background": 1.0, "burst": 1.5, "cs_us": 2.0}  # s of a trial in the figure
CLOSE, ALIKE = 0.1, 0.9


def measure(seed: int = 0) -> dict[str, Any]:
    """Both engines on every protocol."""
    return {
        "model": MODEL,
        "protocols": {name: _protocol(name, settings, seed) for name, settings in PROTOCOLS.items()},
    }


def _protocol(name: str, settings: dict[str, str], seed: int) -> dict[str, Any]:
    import numpy as np

    from cerebellum import balance, connectome, engine_agreement, rate_run, readout, spiking, stimuli
    from cerebellum.circuit import load_model
    from cerebellum.protocol import load_protocol

    circuit, plan = load_model(MODEL), load_protocol(name, settings)
    schedule = stimuli.schedule(plan, circuit, None, seed)
    wired, weights = connectome.sample(circuit, seed), balance.solve(circuit)
    spikes = spiking.simulate(wired, weights, schedule)
    rates = rate_run.simulate(wired, weights, schedule)
    spans = [(trial.start, trial.stop) for trial in schedule.trials]
    windows = [readout.window(plan, trial) for trial in schedule.trials]
    found = {
        f"{width * 1e3:g} ms": engine_agreement.engines(spikes.spikes, rates.rates, spans, windows, width)["population"]
        for width in WIDTHS
    }
    courses = {}
    for population, one in rates.rates.items():
        pair = engine_agreement.histograms(spikes.spikes[population], one, spans)
        courses[population] = [np.round(course[: round(SHOWN[name] / 5e-3)], 3).tolist() for course in pair]
    return {
        "trials": len(spans),
        "agreement": found,
        "courses": courses,
        "seconds": {
            "biological": schedule.duration,
            "spiking": spikes.seconds["simulate"],
            "rate": rates.seconds["simulate"],
        },
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Every population of every protocol, means and time courses apart; those that are silent in both agree."""
    out = {}
    for protocol, found in numbers["protocols"].items():
        for population, one in found["agreement"]["5 ms"].items():
            if population == "mossy_fiber":  # given to both
                continue
            silent = one["mean_spiking"] == 0 and one["mean_rate"] < 0.01
            near = silent or (one["ratio"] is not None and abs(one["ratio"] - 1) <= CLOSE)
            out[f"{protocol}: {population}, mean rate within 10%"] = near
            wide = found["agreement"]["20 ms"][population]
            best = max((x["psth_r"] or 0.0) for x in (one, wide))
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
    for column, (protocol, found) in enumerate(protocols.items()):
        for row, name in enumerate(names):
            ax, (counted, expected) = axes[row, column], found["courses"][name]
            edges = np.arange(len(counted) + 1) * 5.0
            ax.stairs(counted, edges, fill=True, color="tab:blue", alpha=0.45)
            ax.plot(edges[:-1] + 2.5, expected, color="black", lw=0.9)
            one = found["agreement"]["5 ms"][name]
            r, best = ("-" if one[key] is None else f"{one[key]:.2f}" for key in ("psth_r", "psth_ceiling"))
            title = f"{one['mean_spiking']:.1f} / {one['mean_rate']:.1f} Hz, r = {r} ({best})"
            ax.set_title(title, fontsize=7, loc="right", pad=2)
            ax.tick_params(labelsize=6)
            if column == 0:
                ax.set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center", fontsize=8)
        trials = f", {found['trials']} trials" if found["trials"] > 1 else ""
        axes[0, column].set_title(f"{protocol}{trials}", fontsize=9, loc="left")
        axes[-1, column].set_xlabel("time in trial (ms)", fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
