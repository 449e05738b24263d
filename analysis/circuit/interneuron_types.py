"""MLI1 and MLI2: disinhibition, synchrony by gap junctions, and climbing fibres that act on both.

Claim: the wiring of `mouse_mli12` does what was found in mice. MLI2 inhibit MLI1 and so disinhibit Purkinje cells;
MLI1 that are coupled fire together within milliseconds, MLI2 do not (Lackey et al. 2024,
doi:10.1016/j.neuron.2024.04.010; Kozareva et al. 2021, doi:10.1038/s41586-021-03220-z). Serial electron microscopy
counts, for ten climbing fibres and the Purkinje cells that they climb or that lie beside them, 996 synapses by way of
MLI1 and 5,382 by way of MLI2 and MLI1 (climbing fibres recruit disinhibition, see models/mouse_mli12.toml), a ratio
of 5.4; synchronous climbing fibres move the balance towards suppression of MLI1. Run time: six minutes on one core.

What would refute it: Purkinje cells no slower, or MLI1 no faster, without MLI2; coupled pairs of MLI1 no more often
together than without gap junctions; a ratio of paths beyond a factor of two; MLI1 no lower after synchronous climbing
fibres than after one. A rival that would pass the last: the published delay of 40 ms onto MLI1, so the window
reaches beyond it. Found: MLI1 fall to 2 % of their rate 15 to 20 ms after all climbing fibres, to 10 % after one, and
rebound at 45 ms, when the published delay brings the spillover onto them; over the whole window the rebound outweighs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "In mouse_mli12, MLI2 disinhibit Purkinje cells by way of MLI1, gap junctions make MLI1 fire together within 2 ms,"
    " paths from climbing fibres to Purkinje cells run by MLI2 as often as electron microscopy counts within a factor"
    " of two, and synchronous climbing fibres suppress MLI1 more than single ones."
)
CAPTION = (
    "Left: mean rates at rest, with MLI2 and with their synapses cut (points: three seeds, scale 0.3). Middle:"
    " coincidences of pairs of cells over those of chance against lag: MLI1 coupled by a gap junction, the same pairs"
    " with gap junctions cut, and MLI2. Right: rate of MLI1, MLI2 and Purkinje cells after one input to all olivary"
    " cells (solid) and to one of them (dashed), over that before."
)
MODEL, SCALE, SEEDS = "mouse_mli12", "0.3", 3
MLI1 = ("basket", "stellate")
PATHS = {"mli1": 608 + 388, "mli2": 2799 + 2583}  # synapses counted onto climbed and neighbouring Purkinje cells
TOGETHER, BIN = 2e-3, 1e-3  # s
LAGS, AROUND, BEFORE = 20, 0.1, 0.1  # bins; s
AFTER = (0.005, 0.08)  # s after the olive's input
BRIEF = {f"block.rest.{key}": "4000" for key in ("trial_duration", "stimulus.background.duration")} | {
    "block.rest.stimulus.climbing.duration": "4000",
    "block.rest.window.duration": "3000",
}
CUT = {"whole": "[]", "no MLI2": '["mli2"]', "no gap junctions": '["gap_junctions"]'}


def measure(seed: int = 0) -> dict[str, Any]:
    """Rates at rest of three circuits, coincidences, paths, and responses to climbing fibres."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    rest = [{name: _rest(lesion, s) for name, lesion in CUT.items()} for s in seeds]
    return {
        "rest": rest,
        "paths": [_paths(s) for s in seeds],
        "climbing": {name: [_climbing(cells, s) for s in seeds] for name, cells in (("all", 0), ("one", 1))},
        "published": {"paths": PATHS, "source": "climbing fibres recruit disinhibition; see models/mouse_mli12.toml"},
    }


def _rest(lesion: str, seed: int) -> dict[str, Any]:
    """Rates (Hz) and coincidences of coupled MLI1 and of MLI2 in 3 s."""
    import numpy as np

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    made = prepare("background", MODEL, seed, {"scale": SCALE, "lesion": lesion, **BRIEF})
    run = network.simulate(made.connectome, made.schedule)
    size = made.circuit.size
    mean = {name: float(statistics.rates(run.spikes[name], size(name), 1.0, 4.0).mean()) for name in run.spikes}
    pairs = {name: made.connectome.gaps[name] for name in MLI1}
    coupled = sum(_coincidences(run.spikes[name], zip(p.pre, p.post, strict=True)) for name, p in pairs.items())
    rng = np.random.default_rng(seed)
    others = rng.integers(0, size("mli2"), (200, 2))
    alone = _coincidences(run.spikes["mli2"], [(a, b) for a, b in others if a != b])
    return {"rates": mean, "coupled": _over_chance(coupled), "mli2": _over_chance(alone)}


def _coincidences(spikes: Any, pairs: Any) -> Any:
    """Counts of lags of all pairs in bins of 1 ms, and those expected of independent trains, shape (2, bins)."""
    import numpy as np

    edges = (np.arange(-LAGS, LAGS + 2) - 0.5) * BIN
    inside = (spikes.time >= 1.0) & (spikes.time < 4.0)
    trains = {cell: spikes.time[inside & (spikes.cell == cell)] for cell in np.unique(spikes.cell)}
    found = np.zeros((2, len(edges) - 1))
    for a, b in pairs:
        one, two = trains.get(a), trains.get(b)
        if one is None or two is None:
            continue
        found[0] += np.histogram((one[:, None] - two[None, :]).ravel(), edges)[0]
        found[1] += len(one) * len(two) * BIN / 3.0
    return found


def _over_chance(found: Any) -> list[float]:
    import numpy as np

    return [float(x) for x in found[0] / np.maximum(found[1], 1e-9)]


def _paths(seed: int) -> dict[str, float]:
    """Synapses onto Purkinje cells reached from climbing fibres by way of MLI1, and of MLI2 and MLI1."""
    import numpy as np
    from scipy.sparse import csr_matrix

    from cerebellum.connectome.connectome import sample
    from cerebellum.description.circuit import load_model

    circuit = load_model(MODEL)
    connectome = sample(circuit, seed)

    def matrix(name: str, count: bool = False) -> Any:
        edges, projection = connectome.edges[name], circuit.projection[name]
        shape = circuit.size(projection.source), circuit.size(projection.target)
        made = edges.contacts if count and edges.contacts is not None else np.ones(len(edges))
        return csr_matrix((made, (edges.pre, edges.post)), shape=shape)

    by_mli1 = by_mli2 = 0.0
    for name in MLI1:
        onto = matrix(f"{name}_to_purkinje", count=True)
        by_mli1 += (matrix(f"climbing_fiber_to_{name}") @ onto).sum()
        by_mli2 += (matrix("climbing_fiber_to_mli2") @ matrix(f"mli2_to_{name}") @ onto).sum()
    return {"mli1": float(by_mli1), "mli2": float(by_mli2), "ratio": float(by_mli2 / by_mli1)}


def _climbing(cells: int, seed: int) -> dict[str, Any]:
    """Population rates around inputs to all olivary cells, or to `cells` of them, in bins of 5 ms (Hz)."""
    import numpy as np

    from cerebellum import prepare
    from cerebellum.spiking import network

    made = prepare("complex_spike", MODEL, seed, {"scale": SCALE, "block.complex_spike.trials": "6"})
    schedule = made.schedule
    if cells:
        schedule = _fewer(schedule, cells)
    run = network.simulate(made.connectome, schedule)
    onsets = [trial.start + 0.5 for trial in made.schedule.trials]
    width, out = 0.005, {}
    edges = np.arange(-BEFORE, AROUND + width / 2, width)
    for name, members in (("mli1", MLI1), ("mli2", ("mli2",)), ("purkinje", ("purkinje",))):
        time = np.concatenate([run.spikes[one].time for one in members])
        count = np.sum([np.histogram(time - onset, edges)[0] for onset in onsets], axis=0)
        total = sum(made.circuit.size(one) for one in members)
        out[name] = [float(x) for x in count / (len(onsets) * total * width)]
    return out


def _fewer(schedule: Any, cells: int) -> Any:
    """The schedule with the olive's input to its first cells only."""
    from dataclasses import replace

    events = schedule.events["inferior_olive"]
    kept = events.cell < cells
    return replace(
        schedule,
        events={**schedule.events, "inferior_olive": replace(events, cell=events.cell[kept], step=events.step[kept])},
    )


def _after(response: dict[str, Any], name: str) -> float:
    """Mean rate in the window after the input over that before."""
    import numpy as np

    rate = np.array(response[name])
    first, last = (round((BEFORE + t) / 0.005) for t in AFTER)
    return float(rate[first:last].mean() / rate[: round(BEFORE / 0.005)].mean())


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, each beyond two errors of the mean over seeds."""
    import numpy as np

    def beyond(values: list[float], bound: float = 0.0) -> bool:
        found = np.array(values)
        return bool(found.mean() - 2 * found.std(ddof=1) / len(found) ** 0.5 > bound)

    rest = numbers["rest"]

    def changed(name: str) -> list[float]:
        return [one["no MLI2"]["rates"][name] - one["whole"]["rates"][name] for one in rest]

    def together(one: dict[str, Any], key: str) -> float:
        half = round(TOGETHER / BIN)
        return float(np.mean(one[key][LAGS - half : LAGS + half + 1]))

    ratio = np.mean([one["ratio"] for one in numbers["paths"]])
    published = PATHS["mli2"] / PATHS["mli1"]
    after = {
        n: {k: [_after(r, k) for r in runs] for k in ("mli1", "mli2", "purkinje")}
        for n, runs in numbers["climbing"].items()
    }
    return {
        "without MLI2, lower MLI1 (basket) fire faster": beyond(changed("basket")),
        "without MLI2, upper MLI1 (stellate) fire faster": beyond(changed("stellate")),
        "without MLI2, Purkinje cells fire slower": beyond([-x for x in changed("purkinje")]),
        "coupled MLI1 fire together more often than with gap junctions cut": beyond(
            [together(one["whole"], "coupled") - together(one["no gap junctions"], "coupled") for one in rest]
        ),
        "coupled MLI1 fire together more often than MLI2": beyond(
            [together(one["whole"], "coupled") - together(one["whole"], "mli2") for one in rest]
        ),
        f"paths by MLI2 over those by MLI1 within a factor of two of {published:.1f} ({ratio:.2g})": bool(
            0.5 <= ratio / published <= 2
        ),
        "climbing fibres raise MLI2": beyond([x - 1 for x in after["all"]["mli2"]]),
        "synchronous climbing fibres lower MLI1": beyond([1 - x for x in after["all"]["mli1"]]),
        "and more than one climbing fibre does": beyond(
            [one - every for one, every in zip(after["one"]["mli1"], after["all"]["mli1"], strict=True)]
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Rates, coincidences, responses."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    names = ("basket", "stellate", "mli2", "purkinje", "nuclear")
    for number, circuit in enumerate(("whole", "no MLI2")):
        for one in numbers["rest"]:
            rates = [one[circuit]["rates"][name] for name in names]
            left.plot(np.arange(5) + 0.2 * number, rates, "o", color=f"C{number}", ms=3)
        left.plot([], [], "o", color=f"C{number}", label=circuit)
    left.set_xticks(
        np.arange(5) + 0.1, ["basket\n(MLI1)", "stellate\n(MLI1)", "MLI2", "Purkinje", "nuclear"], fontsize=7
    )
    left.set(ylabel="rate at rest (Hz)", ylim=(0, None))
    left.legend(fontsize=7, frameon=False)
    lags = np.arange(-LAGS, LAGS + 1)
    for label, circuit, key in (
        ("coupled MLI1", "whole", "coupled"),
        ("the same, cut", "no gap junctions", "coupled"),
        ("MLI2", "whole", "mli2"),
    ):
        middle.plot(lags, np.mean([one[circuit][key] for one in numbers["rest"]], axis=0), label=label)
    middle.axhline(1, color="0.7", lw=0.8)
    middle.set(xlabel="lag (ms)", ylabel="coincidences over chance")
    middle.legend(fontsize=7, frameon=False)
    time = (np.arange(-BEFORE, AROUND - 1e-9, 0.005) + 0.0025) * 1e3
    for number, name in enumerate(("mli1", "mli2", "purkinje")):
        for key, style in (("all", "-"), ("one", "--")):
            rate = np.mean([r[name] for r in numbers["climbing"][key]], axis=0)
            right.plot(
                time, rate / rate[: round(BEFORE / 0.005)].mean(), style, color=f"C{number}", label=f"{name}, {key}"
            )
    right.set(xlabel="after the olive's input (ms)", ylabel="rate over that before", yscale="log")
    right.legend(fontsize=6, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
