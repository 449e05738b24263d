"""A temporal basis in the granular layer: does the code of granule cells change over the time of a stimulus?

Claim: it does not while all fibres fire at one rate through synapses that are all alike, and each of three pieces makes
it change: time courses of the fibres, synapses in groups with two pools of vesicles (Barri et al. 2022,
doi:10.1038/s41467-022-35395-y: these alone suffice for learning intervals of 25 to 700 ms at rates that stay constant;
their granule cells have thresholds fitted one by one, and no noise), and Golgi feedback. The index is the correlation
over cells of the code and itself so much later, of different trials, corrected for noise; the first 100 ms, where any
code changes, are left out. Purkinje cells, interneurons, nuclei and olive are lesioned: nothing comes back from them.
Run time: five minutes.

What would refute it: an index that a piece does not lower beyond two errors of the mean. Rivals that must not pass:
a constant code with Poisson noise, and a rate that ramps alike in all cells; both leave the index at 1
(tests/test_temporal_basis.py). A code that changes at the onset alone would pass if the first 100 ms were in.

Found: time courses of fibres change the code; groups of synapses at rates that stay constant do not. At 4 Hz before the
stimulus slow pools are largely empty, and what they still release is over, but for 6 % of it, within the 100 ms that
are left out; of fibres that are silent before it more is left (right panel). Golgi feedback adds no change: without it
the code of time courses changes more, at granule rates that are several times too high.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The granule code of a constant stimulus is constant; time courses of fibres, synapses in groups with two pools of"
    " vesicles, and Golgi feedback each make it change over 25 to 700 ms."
)
CAPTION = (
    "Correlation of the granule population's code with itself some time later, from 100 ms after the begin of a"
    " stimulus of 900 ms, corrected for noise; bins of 25 ms, mean and error of the mean over three connectomes (scale"
    " 0.2, 12 trials each). Left: synapses of `mouse`; middle: of `mouse_temporal_basis`. Solid: whole granular layer;"
    " dashed: Golgi to granule synapses cut. Right: release that a synapse of each group is expected to have, fibres at"
    " 4 Hz before the stimulus (solid) and silent (dotted)."
)
SCALE, SEEDS = "0.2", 3
MODELS, STIMULI = ("mouse", "mouse_temporal_basis"), ("constant", "groups", "courses")
WORDS = {"constant": "one constant rate", "groups": "constant rates of their own", "courses": "time courses"}
DOWNSTREAM = ("purkinje", "basket", "stellate", "nuclear", "nucleo_olivary", "inferior_olive")
CUT: dict[str, tuple[str, ...]] = {"whole": (), "no Golgi": ("golgi_to_granule",)}
RUNS = (("mouse", "whole"), ("mouse_temporal_basis", "whole"), ("mouse_temporal_basis", "no Golgi"))
RESTS = {"at rest 4 Hz": 4.0, "silent before": 0.0}
DRIVEN = {"g1": 200.0, "g2": 200.0, "g3": 20.0, "g4": 20.0, "g5": 20.0}  # Hz, as in the protocol
SETTLED, END, WIDTH = 0.1, 0.9, 0.025  # s after the begin of the stimulus; bins
MIDDLE, LATE = 12, 28  # lags in bins: 300 and 700 ms


def measure(seed: int = 0) -> dict[str, Any]:
    """The index by lag, and granule and Golgi rates, of each model, lesion and stimulus."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        "lag": [1e3 * WIDTH * lag for lag in range(round((END - SETTLED) / WIDTH))],
        "release": {word: _release(rest) for word, rest in RESTS.items()},
        "found": {f"{model}, {cut}": [_run(model, CUT[cut], s) for s in seeds] for model, cut in RUNS},
    }


def _run(model: str, cut: tuple[str, ...], seed: int) -> dict[str, dict[str, Any]]:
    """One connectome under each stimulus."""
    import json

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    made = prepare("temporal_basis", model, seed, {"scale": SCALE, "lesion": json.dumps([*DOWNSTREAM, *cut])})
    run, size = network.simulate(made.connectome, made.schedule), made.circuit.size
    out: dict[str, dict[str, Any]] = {}
    for stimulus in STIMULI:
        begins = [trial.start + 1.0 for trial in made.schedule.trials if trial.block == stimulus]
        index = statistics.code_similarity(run.spikes["granule"], size("granule"), begins, SETTLED, END, WIDTH)
        out[stimulus] = {"similarity": index.tolist()}
        for name in ("granule", "golgi"):
            rates = statistics.psth(run.spikes[name], size(name), begins, 0.0, END, END)
            out[stimulus][name] = float(rates[0])
    return out


def _release(rest: float) -> dict[str, list[float]]:
    """Expected release (vesicles a second) of a synapse of each group, both pools, in bins from the stimulus' begin.

    `rest` : rate (Hz) of the fibres before it
    """
    import torch

    from cerebellum.description.circuit import load_model
    from cerebellum.rate.synapses import TsodyksMarkram
    from cerebellum.rate.time_step import BIN

    projection = load_model("mouse_temporal_basis").projection
    each, out = round(WIDTH / BIN), {}
    for group, rate in DRIVEN.items():
        total = torch.zeros(round(END / BIN))
        for pool in ("glomerulus_to_granule", "slow_pool_to_granule"):
            groups = projection[pool].groups
            assert groups is not None
            synapses = groups.synapses[group]
            if synapses.short_term is None:
                continue
            release = TsodyksMarkram(synapses.short_term.si, 1, {"dtype": torch.float32})
            rates = [rest] * round(5.0 / BIN) + [rate] * len(total)
            found = torch.cat([release(torch.full((1,), each)) for each in rates])
            total += synapses.sites.number * found[-len(total) :]
        out[group] = total.reshape(-1, each).mean(dim=1).tolist()
    return out


def _index(numbers: dict[str, Any], model: str, cut: str, stimulus: str) -> Any:
    """shape (seeds, lags)."""
    import numpy as np

    return np.array([one[stimulus]["similarity"] for one in numbers["found"][f"{model}, {cut}"]])


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; a change is one beyond two errors of the mean over connectomes."""
    plain, basis = MODELS

    def at(model: str, cut: str, stimulus: str, lag: int = MIDDLE) -> Any:
        return _index(numbers, model, cut, stimulus)[:, lag]

    def lower(low: Any, high: Any) -> bool:
        apart = high - low
        return bool(apart.mean() > 2 * apart.std(ddof=1) / len(apart) ** 0.5)

    def words(low: Any, high: Any) -> str:
        return f"({high.mean():.2f} to {low.mean():.2f})"

    static, own = at(plain, "whole", "constant"), at(plain, "whole", "groups")
    courses, pools = at(plain, "whole", "courses"), at(basis, "whole", "groups")
    late, cut, all_ = at(basis, "whole", "groups", LATE), at(basis, "no Golgi", "groups"), at(basis, "whole", "courses")
    return {
        f"one constant rate, synapses alike: the code stays, 0.9 or more after 300 ms ({static.mean():.2f})": bool(
            static.mean() >= 0.9
        ),
        f"time courses of fibres lower the index at 300 ms {words(courses, static)}": lower(courses, static),
        f"groups of synapses lower it at constant rates {words(pools, own)}": lower(pools, own),
        f"and it goes on falling to 700 ms {words(late, pools)}": lower(late, pools),
        f"Golgi feedback lowers it {words(pools, cut)}": lower(pools, cut),
        f"groups of synapses lower it further with time courses {words(all_, courses)}": lower(all_, courses),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """The index by lag."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    *panels, right = figure.subplots(1, 3)
    for axes, model in zip(panels, MODELS, strict=True):
        for number, stimulus in enumerate(STIMULI):
            for cut, style in (("whole", "-"), ("no Golgi", "--")):
                if (model, cut) not in RUNS:
                    continue
                found = _index(numbers, model, cut, stimulus)
                mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / len(found) ** 0.5
                label = WORDS[stimulus] if cut == "whole" else None
                axes.plot(numbers["lag"][: LATE + 1], mean[: LATE + 1], style, color=f"C{number}", label=label)
                axes.fill_between(
                    numbers["lag"][: LATE + 1],
                    (mean - error)[: LATE + 1],
                    (mean + error)[: LATE + 1],
                    color=f"C{number}",
                    alpha=0.2,
                    lw=0,
                )
        axes.axhline(0, color="0.7", lw=0.8)
        axes.set(xlabel="lag (ms)", ylim=(0, 1.1))
        axes.set_title(model, fontsize=9)
    panels[0].set(ylabel="similarity of the granule code")
    panels[0].legend(fontsize=8, frameon=False, loc="lower left")
    for groups, style in zip(numbers["release"].values(), ("-", ":"), strict=True):
        for number, (group, release) in enumerate(groups.items()):
            time = [1e3 * WIDTH * (place + 0.5) for place in range(len(release))]
            label = group if style == "-" else None
            right.plot(time, [one / release[-1] for one in release], style, color=f"C{number}", label=label)
    right.axvline(1e3 * SETTLED, color="0.7", lw=0.8)
    right.set(xlabel="after the stimulus' begin (ms)", ylabel="expected release, over that at the end", ylim=(0.8, 2))
    right.legend(fontsize=8, frameon=False, ncols=2)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
