"""Purkinje cells that saturate and pause: single cells of `mouse_ceiling` beside those of `mouse`.

Claim: with a longer refractory time and a slow conductance that climbing-fibre spikes open, simple spikes bend towards
a ceiling of 200 to 300 Hz, and a complex spike is followed by a pause that grows with the olivary burst to about 200 ms
(Burroughs et al. 2017, doi:10.1113/JP272259: fewer simple spikes after complex spikes of more spikelets; dip of about
200 ms after evoked complex spikes, PMC4805604). The two numbers of the pause are fitted to 200 ms at a burst of four;
that it grows, the ceiling, the spikelets and the rates of the circuit are not. Run time: four minutes on one core.

What would refute it: a sustained rate above 300 Hz; a curve as straight as the published cell's; a pause that does not
grow with every spike of the burst; Purkinje cells of the circuit more than 15 % off the published 91 Hz at rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Purkinje cells of mouse_ceiling cannot be driven above 300 Hz, alone or in the circuit with parallel fibres of"
    " three times the weight, keep their rate at rest, and pause after a complex spike for a time that grows with the"
    " olivary burst to about 200 ms; those of mouse have no ceiling and pause for less than 60 ms."
)
CAPTION = (
    "Left: sustained rate of single cells against injected current, mean of 20 cells, three seeds (points). Middle:"
    " spikes within the complex spike and the pause after it, against the spikes of an olivary burst at 500/s (error"
    " bars: over seeds). Right: Purkinje cells of the circuit in the protocol burst, at the published weight and three"
    " times it, scale 0.3, peak of 10 ms bins in three seeds."
)
MODELS = ("mouse", "mouse_ceiling")
SEEDS, CELLS, DT = 3, 20, 1e-4
CURRENTS = (0, 500, 1000, 2000, 3000, 4000)  # pA, beside the cell's own
SPIKES = (1, 2, 3, 4, 5, 6)
SETTLED, SUSTAINED = 0.5, 1.0  # s
CEILING, PAUSE, PUBLISHED_REST = 300.0, 200.0, 91.0  # Hz, ms, Hz
WEIGHT = "projection.parallel_fiber_to_purkinje.weight"


def measure(seed: int = 0) -> dict[str, Any]:
    """Rates against current, complex spikes and pauses of single cells, and rates of the circuit."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        model: {
            "rates": [[_sustained(model, pA * 1e-12, s) for pA in CURRENTS] for s in seeds],
            "complex_spikes": [[_complex_spike(model, spikes, s) for spikes in SPIKES] for s in seeds],
            "rest": [_rest(model, s) for s in seeds],
            "peak": {str(times): [_peak(model, times, s) for s in seeds] for times in (1, 3)},
        }
        for model in MODELS
    }


def _cell(model: str) -> tuple[Any, Any, float]:
    """Parameters, receptors, and the conductance of a climbing-fibre spike, S."""
    from cerebellum.description.circuit import load_model

    circuit = load_model(model)
    population, climbing = circuit.population["purkinje"], circuit.projection["climbing_fiber_to_purkinje"]
    assert climbing.contacts is not None
    weight: Any = climbing.weight
    return population.si(), population.receptor_models(), weight.si * climbing.contacts.mean.number


def _sustained(model: str, current: float, seed: int) -> float:
    """Rate after half a second of a current step, mean over cells, Hz."""
    import numpy as np

    from cerebellum.cells import eglif

    parameters, receptors, _ = _cell(model)
    state = eglif.start(parameters, CELLS, np.random.default_rng(seed))
    injected = np.full((round((SETTLED + SUSTAINED) / DT), 1), current)
    steps, _ = eglif.respond(parameters, receptors, state, injected, DT)
    return float((steps * DT >= SETTLED).sum() / CELLS / SUSTAINED)


def _complex_spike(model: str, spikes: int, seed: int) -> dict[str, float]:
    """Spikes of the complex spike and the pause after it (ms), means over cells."""
    import numpy as np

    from cerebellum.cells import eglif
    from cerebellum.description.circuit import load_model

    parameters, receptors, climbing = _cell(model)
    everyone, arrivals = np.arange(CELLS), {}
    at, apart = 0.6, 2e-3  # s
    pause: Any = load_model(model).projection.get("climbing_fiber_pause_to_purkinje")
    for spike in range(spikes):
        arriving = [("climbing", everyone, np.full(CELLS, climbing))]
        if pause is not None:
            arriving.append(("pause", everyone, np.full(CELLS, pause.weight.si)))
        arrivals[round((at + spike * apart) / DT)] = arriving
    state = eglif.start(parameters, CELLS, np.random.default_rng(seed))
    steps, cells = eglif.respond(parameters, receptors, state, np.zeros((round(1.4 / DT), 1)), DT, arrivals)
    end = at + 0.02 + spikes * apart
    time, counts, pauses = steps * DT, [], []
    for cell in everyone:
        train = time[cells == cell]
        own = train[(train >= at) & (train < end)]
        later = train[train >= end]
        counts.append(len(own))
        pauses.append((later[0] if len(later) else 1.4) - (own[-1] if len(own) else at))
    return {"spikes": float(np.mean(counts)), "pause": float(1e3 * np.mean(pauses))}


def _rest(model: str, seed: int) -> float:
    """Purkinje rate of the circuit at rest, Hz."""
    import numpy as np

    from cerebellum.activity import statistics

    spikes, cells, _ = _run(model, "background", {}, seed)
    return float(np.mean(statistics.rates(spikes, cells, 1.0, 6.0)))


def _peak(model: str, times: int, seed: int) -> float:
    """Highest population rate of Purkinje cells in 10 ms of a burst, Hz."""
    import numpy as np

    from cerebellum.activity import statistics
    from cerebellum.description.circuit import load_model

    weight: Any = load_model(model).projection["parallel_fiber_to_purkinje"].weight
    spikes, cells, _ = _run(model, "burst", {WEIGHT: str(times * weight.number)}, seed)
    bins = [1.2 + 0.01 * k for k in range(8)]
    return float(max(np.mean(statistics.rates(spikes, cells, t, t + 0.01)) for t in bins))


def _run(model: str, protocol: str, settings: dict[str, str], seed: int) -> tuple[Any, int, float]:
    from cerebellum import prepare
    from cerebellum.spiking import network

    made = prepare(protocol, model, seed, {"scale": "0.3", **settings})
    run = network.simulate(made.connectome, made.schedule)
    return run.spikes["purkinje"], made.circuit.size("purkinje"), made.schedule.duration


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, on means over seeds."""
    import numpy as np

    free, bound = (numbers[model] for model in MODELS)
    rate = {model: np.mean(numbers[model]["rates"], axis=0) for model in MODELS}
    pause = np.array([[one["pause"] for one in seed] for seed in bound["complex_spikes"]])
    spikes = np.mean([[one["spikes"] for one in seed] for seed in bound["complex_spikes"]], axis=0)
    own = np.array([[one["pause"] for one in seed] for seed in free["complex_spikes"]])
    error = pause.std(axis=0, ddof=1) / SEEDS**0.5
    bend = {m: (r[-1] - r[-2]) / (r[1] - r[0]) * 500 / 1000 for m, r in rate.items()}
    rest = np.mean(bound["rest"])
    return {
        "mouse: above 300 Hz at 4 nA": rate["mouse"][-1] > CEILING,
        "mouse_ceiling: 200 to 300 Hz at 4 nA": 200 <= rate["mouse_ceiling"][-1] <= CEILING,
        "mouse_ceiling: slope at 3-4 nA below half of that at 0-0.5 nA, more than in mouse": bend["mouse_ceiling"] < 0.5
        and bend["mouse_ceiling"] < bend["mouse"],
        "mouse_ceiling: the pause grows with every spike of the burst": bool(
            (np.diff(pause.mean(axis=0)) > error[1:]).all()
        ),
        "mouse_ceiling: a complex spike of a burst has spikelets": spikes[-1] >= 3,
        f"mouse_ceiling: pause of {PAUSE:g} ms +- 15 % at a burst of four (fitted)": abs(pause.mean(axis=0)[3] - PAUSE)
        <= 0.15 * PAUSE,
        "mouse: pauses of less than 60 ms at any burst": own.mean(axis=0).max() < 60,
        "circuit of mouse_ceiling: Purkinje cells within 15 % of 91 Hz at rest": abs(rest - PUBLISHED_REST)
        <= 0.15 * PUBLISHED_REST,
        "circuit of mouse_ceiling: at most 300 Hz in a burst at three times the weight": max(bound["peak"]["3"])
        <= CEILING,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Three panels."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    other = middle.twinx()
    for number, model in enumerate(MODELS):
        colour, found = f"C{number}", numbers[model]
        current = np.array(CURRENTS) / 1e3
        for seed in found["rates"]:
            left.plot(current, seed, ".", color=colour, ms=4)
        left.plot(current, np.mean(found["rates"], axis=0), color=colour, label=model)
        for axes, key, style in ((middle, "pause", "o-"), (other, "spikes", "s:")):
            table = np.array([[one[key] for one in seed] for seed in found["complex_spikes"]])
            axes.errorbar(SPIKES, table.mean(axis=0), table.std(axis=0, ddof=1), fmt=style, color=colour, ms=4)
        for place, peaks in enumerate(found["peak"].values()):
            right.plot([place + 0.15 * number] * len(peaks), peaks, "o", color=colour)
    left.axhspan(200, CEILING, color="0.9")
    left.set(xlabel="current (nA)", ylabel="sustained rate (Hz)")
    left.legend(fontsize=8, frameon=False)
    middle.axhline(PAUSE, color="0.7", lw=0.8)
    middle.set(xlabel="olivary burst (spikes)", ylabel="pause (ms), circles", ylim=(0, None))
    other.set_ylabel("spikes in the complex spike, squares")
    other.set_ylim(0, 12)
    right.axhline(CEILING, color="0.7", lw=0.8)
    right.set_xticks([0.08, 1.08], ["published weight", "three times"])
    right.set(ylabel="peak Purkinje rate in burst (Hz)", ylim=(0, None), xlim=(-0.5, 1.7))
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
