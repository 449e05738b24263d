"""Unipolar brush cells: what a burst of mossy fibres leaves behind in the granular layer.

Claim: with unipolar brush cells (`mouse_ubc`), a burst of 20 spikes at 100 Hz on a few mossy fibres, as given by Guo et
al. (2021, doi:10.1038/s41467-021-22893-8), who find responses of tens of milliseconds to seconds after its end, is
answered by brush cells for that long, and granule cells fire more for some 100 ms after it than with the brush cells'
synapses cut. The time of the slow receptor is put in from that range; that cells with such a receptor and cm42's
numbers move granule cells at all is not. Purkinje cells and all beyond are lesioned. Run time: two minutes.

What would refute it: brush cells that fall silent at once, and granule rates 100 to 300 ms after the burst that are no
higher than with brush cells cut. A rival that would pass a comparison with the rate before the burst alone: granule
cells slow to come back by themselves; so the comparison is with the same bursts without brush cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "In mouse_ubc unipolar brush cells answer a burst of mossy fibres for tens of milliseconds to seconds, and granule"
    " cells fire more from 100 to 300 ms after it than without them."
)
CAPTION = (
    "Mean rates around a burst of 20 spikes at 100 Hz on 8 mossy fibres (grey), three connectomes of a fifth of the"
    " volume, 5 bursts each, bins of 25 ms. Left: brush cells, whole, and with their slow receptor's synapses cut,"
    " which leaves cm42's fast one. Right: granule cells, whole and with brush cells lesioned."
)
SCALE, SEEDS, TRIALS, WIDTH = "0.2", 3, 6, 0.025
BEFORE, AFTER, BURST = 0.3, 1.2, 0.195  # s
CUT = {"whole": (), "fast alone": ("slow_glutamate_to_unipolar_brush",), "none": ("unipolar_brush",)}
DOWNSTREAM = ("purkinje", "basket", "stellate", "nuclear", "nucleo_olivary", "inferior_olive")
CELLS = ("unipolar_brush", "granule", "golgi")
PUBLISHED = (0.02, 5.0)  # s; half-decay of responses, Guo et al. 2021, the ends rounded


def measure(seed: int = 0) -> dict[str, Any]:
    """Rates in bins around the burst of each circuit."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        "rates": {name: [_rates(lesion, s) for s in seeds] for name, lesion in CUT.items()},
        "published": {"half_decay": list(PUBLISHED), "source": "Guo et al. 2021, doi:10.1038/s41467-021-22893-8"},
    }


def _rates(lesion: tuple[str, ...], seed: int) -> dict[str, list[float]]:
    import json

    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.spiking import network

    times = [10 * spike for spike in range(20)]
    block = "block.sensory_burst"
    settings = {
        "scale": SCALE,
        "lesion": json.dumps([*DOWNSTREAM, *lesion]),
        f"{block}.trials": str(TRIALS),
        f"{block}.trial_duration": "2000",
        f"{block}.stimulus.background.duration": "2000",
        f"{block}.stimulus.punch.times": f'[{times}, "ms", "set: Guo et al. 2021"]',
        f"{block}.stimulus.punch.where.cells": "8",
    }
    made = prepare("sensory_burst", "mouse_ubc", seed, settings)
    spikes = network.simulate(made.connectome, made.schedule).spikes
    # The first burst is left out: the slow receptor comes to its rest before the second.
    onsets = [trial.start + 0.3 for trial in made.schedule.trials[1:]]
    return {
        name: statistics.psth(spikes[name], made.circuit.size(name), onsets, BEFORE, AFTER, WIDTH).tolist()
        for name in CELLS
    }


def _mean(numbers: dict[str, Any], circuit: str, name: str) -> Any:
    """shape (seeds, bins)."""
    import numpy as np

    return np.array([one[name] for one in numbers["rates"][circuit]])


def _half_decay(rate: Any) -> float:
    """Time (s) after the burst at which a response is last above half of its peak over the rate before."""
    import numpy as np

    first = round(BEFORE / WIDTH)
    over = rate[first:] - rate[:first].mean()
    above = np.flatnonzero(over >= over.max() / 2)
    return float((above[-1] + 1) * WIDTH - BURST)


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; beyond two errors of the mean over connectomes."""

    def more(apart: Any) -> bool:
        return bool(apart.mean() > 2 * apart.std(ddof=1) / len(apart) ** 0.5)

    first, burst = round(BEFORE / WIDTH), round((BEFORE + BURST) / WIDTH)
    whole, fast = (_mean(numbers, circuit, "unipolar_brush") for circuit in ("whole", "fast alone"))
    decay = _half_decay(whole.mean(axis=0))
    late = slice(burst + round(0.1 / WIDTH), burst + round(0.3 / WIDTH))
    granule = _mean(numbers, "whole", "granule") - _mean(numbers, "none", "granule")
    rest = [float(_mean(numbers, name, "granule")[:, :first].mean()) for name in ("none", "whole")]
    return {
        "cm42's fast synapse alone makes brush cells answer the burst": more(
            fast[:, first:burst].mean(axis=1) - fast[:, :first].mean(axis=1)
        ),
        f"with the slow receptor they answer, and for {PUBLISHED[0]:g} to {PUBLISHED[1]:g} s ({decay:.2g} s)": more(
            whole[:, first:burst].mean(axis=1) - whole[:, :first].mean(axis=1)
        )
        and PUBLISHED[0] <= decay <= PUBLISHED[1],
        "granule cells fire more 100-300 ms after the burst than without brush cells (change at rest off)": more(
            granule[:, late].mean(axis=1) - granule[:, :first].mean(axis=1)
        ),
        f"at rest granule cells stay within 15% of what they are without ({rest[0]:.2g} to {rest[1]:.2g} Hz)": abs(
            rest[1] / rest[0] - 1
        )
        <= 0.15,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Rates around the burst."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    time = 1e3 * (np.arange(round((BEFORE + AFTER) / WIDTH)) * WIDTH + WIDTH / 2 - BEFORE)
    panels = (("unipolar_brush", ("whole", "fast alone")), ("granule", ("whole", "none")))
    for axes, (name, circuits) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.axvspan(0, 1e3 * BURST, color="0.9")
        for number, circuit in enumerate(circuits):
            found = _mean(numbers, circuit, name)
            error = found.std(axis=0, ddof=1) / len(found) ** 0.5
            axes.plot(time, found.mean(axis=0), color=f"C{number}", label=circuit)
            low, high = found.mean(axis=0) - error, found.mean(axis=0) + error
            axes.fill_between(time, low, high, color=f"C{number}", alpha=0.2, lw=0)
        axes.set(xlabel="after the burst's begin (ms)", ylim=(0, None))
        axes.set_title("brush cells" if name == "unipolar_brush" else "granule cells", fontsize=9)
        axes.legend(fontsize=8, frameon=False)
    figure.axes[0].set_ylabel("mean rate (Hz)")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
