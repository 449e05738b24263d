"""Gap junctions between Golgi cells: do coupled cells fire together, and does the population move as one?

Claim: with one gap junction of the measured conductance a pair (`mouse_golgi_coupled`: 0.9 nS, Szoboszlay et al. 2016),
coupled Golgi cells fire together, as they do in the slice (Vervaeke et al. 2010, doi:10.1016/j.neuron.2010.06.028). A
common mode of the population's rates disappears when coupling is removed (Gurnani & Silver 2021,
doi:10.1016/j.neuron.2021.03.027), and mean rates of Golgi and granule cells do not change (Simoes de Souza and De
Schutter 2011, doi:10.1186/2042-1001-1-7). The granular layer at rest; Purkinje cells and all beyond are lesioned. The
slice itself is no test here: without input cells of this model keep the phase that they all begin with. Found: shared
input does most of the synchrony, gap junctions add a sixth; the common mode is there without them, and granule cells
fire a seventh more. Run time: two minutes.

What would refute it: pairs that fire no more often within 5 ms of each other than with gap junctions blocked; a first
principal component of the rates no larger; rates that change by more than a tenth. Rivals that would pass a comparison
with chance alone are shared parallel fibres, so every comparison is with the same circuit, gap junctions blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Gap junctions of the measured conductance make Golgi cells fire within 5 ms of each other, raise the common mode"
    " of their rates, and leave mean rates of Golgi and granule cells where they are."
)
CAPTION = (
    "Golgi cells of the granular layer at rest, with gap junctions and with these blocked, three connectomes. Left:"
    " pairs of coupled cells that fire so far apart, over chance (bins of 2 ms). Middle: share of the variance of"
    " rates in 50 ms that the first principal component has. Right: mean rates."
)
SEEDS, SECONDS, SCALE = 3, 10.0, "0.3"
LAG, WIDTH, TOGETHER, BIN = 0.04, 0.002, 0.005, 0.05  # s
DOWNSTREAM = ("purkinje", "basket", "stellate", "nuclear", "nucleo_olivary", "inferior_olive")
BLOCKS: dict[str, tuple[str, ...]] = {"coupled": (), "blocked": ("gap_junctions",)}


def measure(seed: int = 0) -> dict[str, Any]:
    """Coincidences, first principal component and rates, coupled and blocked."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {block: [_golgi(lesion, s) for s in seeds] for block, lesion in BLOCKS.items()}


def _golgi(lesion: tuple[str, ...], seed: int) -> dict[str, Any]:
    import json

    import numpy as np

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    long = f"{1000 * (SECONDS + 1):g}"
    settings = {
        "scale": SCALE,
        "block.rest.trial_duration": long,
        "block.rest.stimulus.background.duration": long,
        "block.rest.stimulus.climbing.duration": long,
        "lesion": json.dumps([*DOWNSTREAM, *lesion]),
    }
    made = prepare("background", "mouse_golgi_coupled", seed, settings)
    spikes, size = network.simulate(made.connectome, made.schedule).spikes, made.circuit.size
    golgi = spikes["golgi"]
    trains = [golgi.time[(golgi.cell == cell) & (golgi.time >= 1.0)] for cell in range(size("golgi"))]
    edges = np.arange(-LAG, LAG + WIDTH / 2, WIDTH)
    pairs = made.connectome.gaps["golgi"]
    found, chance = np.zeros(len(edges) - 1), 0.0
    for a, b in zip(pairs.pre.tolist(), pairs.post.tolist(), strict=True):
        found += np.histogram((trains[a][:, None] - trains[b][None, :]).ravel(), edges)[0]
        chance += len(trains[a]) * len(trains[b]) * WIDTH / SECONDS
    starts = 1.0 + BIN * np.arange(round(SECONDS / BIN))
    counts = np.array([statistics.counts(golgi, size("golgi"), start, start + BIN) for start in starts], float)
    counts = counts[:, counts.std(axis=0) > 0]
    variances = np.linalg.eigvalsh(np.corrcoef(counts.T))
    return {
        "pairs": (found / max(chance, 1e-9)).tolist(),
        "first": float(variances[-1] / variances.sum()),
        "rates": {name: float(statistics.rates(spikes[name], size(name), 1.0, 1.0 + SECONDS).mean())
                  for name in ("golgi", "granule")},
    }  # fmt: skip


def _together(one: dict[str, Any]) -> float:
    """Coincidences within 5 ms, over chance."""
    import numpy as np

    middle, half = round(LAG / WIDTH), round(TOGETHER / WIDTH)
    return float(np.mean(one["pairs"][middle - half : middle + half]))


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; beyond two errors of the mean over connectomes."""
    import numpy as np

    def more(values: list[float]) -> bool:
        found = np.array(values)
        return bool(found.mean() > 2 * found.std(ddof=1) / len(found) ** 0.5)

    runs = list(zip(numbers["coupled"], numbers["blocked"], strict=True))
    pairs = [float(np.mean([_together(one) for one in numbers[block]])) for block in BLOCKS]
    first = [float(np.mean([one["first"] for one in numbers[block]])) for block in BLOCKS]
    out = {
        f"coupled cells fire together more often ({pairs[1]:.2f} to {pairs[0]:.2f} of chance)": more(
            [_together(one) - _together(other) for one, other in runs]
        ),
        f"the common mode is larger ({first[1]:.2f} to {first[0]:.2f} of the variance)": more(
            [one["first"] - other["first"] for one, other in runs]
        ),
    }
    for name in ("golgi", "granule"):
        rates = [float(np.mean([one["rates"][name] for one in numbers[block]])) for block in BLOCKS]
        text = f"{name} cells fire within 10% of what they did ({rates[1]:.3g} to {rates[0]:.3g} Hz)"
        out[text] = abs(rates[0] / rates[1] - 1) <= 0.1
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Coincidences, common mode, rates."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[2, 1, 1])
    lags = 1e3 * (np.arange(-LAG, LAG - WIDTH / 2, WIDTH) + WIDTH / 2)
    for number, (block, runs) in enumerate(numbers.items()):
        left.plot(lags, np.mean([one["pairs"] for one in runs], axis=0), color=f"C{number}", label=block)
        middle.plot([number] * len(runs), [one["first"] for one in runs], "o", color=f"C{number}", ms=4)
        for place, name in enumerate(("golgi", "granule")):
            rates = [one["rates"][name] for one in runs]
            right.plot([place + 0.15 * number] * len(runs), rates, "o", color=f"C{number}", ms=4)
    left.axhline(1, color="0.7", lw=0.8)
    left.set(xlabel="lag (ms)", ylabel="pairs over chance", ylim=(0, None))
    left.legend(fontsize=8, frameon=False)
    middle.set_xticks([0, 1], list(numbers), fontsize=8)
    middle.set(ylabel="share of the first component", ylim=(0, 0.5), xlim=(-0.5, 1.5))
    right.set_xticks([0.07, 1.07], ["Golgi", "granule"], fontsize=8)
    right.set(ylabel="mean rate (Hz)", ylim=(0, None), xlim=(-0.4, 1.6))
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
