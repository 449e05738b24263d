"""The rate circuit of every variant of the mouse circuit beside its spikes: mean rates at rest and in a burst.

Claim: the same rate circuit, with no number set for any of them, serves other models of conductance cells: in vitro and
awake weights, short-term plasticity, plain integrate-and-fire cells, plastic synapses, the memory with its sparse
coding, and its feedback from the nuclei (variants of the circuit of Geminiani et al. 2024,
doi:10.1371/journal.pcbi.1011277). One spiking run each, at scale 0.3, the same wiring and mossy-fibre spikes. Run time:
forty minutes on one core, measuring the transfer functions included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "In seven shipped variants of the mouse circuit, mean rates of the rate circuit with drawn spikes are within 10% of"
    " the spiking circuit's in every population, at rest and in a mossy-fibre burst."
)
CAPTION = (
    "Mean rate of every population in the protocol's window, rate circuit over spiking circuit, with drawn spikes"
    " (filled) and as expectations alone (open). Grey: within 10%. Populations that fire less than 100 times in the"
    " spiking run's windows are left out."
)
MODELS: dict[str, dict[str, str]] = {
    "mouse_vitro": {}, "mouse_stp": {}, "mouse_lif": {}, "mouse_meanfield_wiring": {}, "mouse_plastic": {},
    "mouse_memory": {"microzones": "4"}, "mouse_feedback": {"microzones": "4"},
}  # fmt: skip
BRIEF = {f"block.rest.{key}": "3000" for key in ("trial_duration", "stimulus.background.duration")}
PROTOCOLS = {
    "background": {**BRIEF, "block.rest.stimulus.climbing.duration": "3000", "block.rest.window.duration": "2000"},
    "burst": {"block.burst.trials": "4"},
}
DRAWS = 8
CLOSE, FEWEST = 0.1, 100


def measure(seed: int = 0) -> dict[str, Any]:
    """Both engines on every model and protocol."""
    return {
        protocol: {model: _rates(model, settings, protocol, own, seed) for model, settings in MODELS.items()}
        for protocol, own in PROTOCOLS.items()
    }


def _rates(model: str, settings: dict[str, str], protocol: str, own: dict[str, str], seed: int) -> dict[str, Any]:
    """Population -> mean rates (Hz) in the windows and the number of spikes they rest on."""
    from cerebellum import prepare
    from cerebellum.rate import simulate
    from cerebellum.spiking import network

    made = prepare(protocol, model, seed, {"scale": "0.3", **settings, **own})
    circuit, wired, schedule = made.circuit, made.connectome, made.schedule
    spikes = network.simulate(wired, schedule).spikes
    drawn = simulate.simulate(wired, schedule, draws=DRAWS)
    expected = simulate.simulate(wired, schedule)
    windows, out = [trial.window for trial in schedule.trials], {}
    seconds = sum(stop - start for start, stop in windows)
    for name, one in spikes.items():
        if circuit.population[name].cell in ("source", "relay"):
            continue
        count = sum(int(((one.time >= start) & (one.time < stop)).sum()) for start, stop in windows)
        out[name] = {
            "spikes": count,
            "spiking": count / (seconds * circuit.size(name)),
            "drawn": sum(drawn.rates[name].between(*window) for window in windows) / len(windows),
            "expected": sum(expected.rates[name].between(*window) for window in windows) / len(windows),
        }
    return out


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Of every model and protocol, whether all populations are within 10%."""
    return {
        f"{model}, {protocol}: every population within {CLOSE:.0%}": all(
            abs(one["drawn"] / one["spiking"] - 1) <= CLOSE for one in measured.values() if one["spikes"] >= FEWEST
        )
        for protocol, models in numbers.items()
        for model, measured in models.items()
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Ratios of every population (colour) in every model, a panel a protocol."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(len(numbers), 1, squeeze=False, sharex=True)[:, 0]
    for ax, (protocol, models) in zip(axes, numbers.items(), strict=True):
        ax.axhspan(1 - CLOSE, 1 + CLOSE, color="0.9")
        names = list(next(iter(models.values())))
        for place, name in enumerate(names):
            rows = [measured[name] for measured in models.values()]
            at = [i + (place - len(names) / 2) * 0.09 for i in range(len(rows)) if rows[i]["spikes"] >= FEWEST]
            for way, filled in (("drawn", True), ("expected", False)):
                ratios = [one[way] / one["spiking"] for one in rows if one["spikes"] >= FEWEST]
                style = {"color": f"C{place}", "markerfacecolor": f"C{place}" if filled else "none"}
                ax.plot(at, ratios, "o", ms=4.5, label=name.replace("_", " ") if filled else None, **style)
        ax.set(ylabel="rates over spikes", title=protocol, xticks=range(len(models)))
        ax.set_xticklabels(models)
        ax.grid(axis="y", color="0.85", lw=0.5)
    axes[0].legend(fontsize=7, ncols=4)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
