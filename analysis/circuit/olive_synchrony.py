"""Coupled olivary cells: complex spikes within 10 ms of each other, and what blocking the gap junctions takes away.

Claim: with gap junctions of a published coupling coefficient (`mouse_olive_coupled`), olivary cells that get
independent input near their threshold fire together, and so do the complex spikes of the Purkinje cells that they
climb, as long as nucleo-olivary cells do not shunt them. Blocking gap junctions in the rat's olive halved the
synchrony of complex spikes (by 50 %, in some animals by more than 80 %), and their rate (Blenkinsop & Lang 2006,
doi:10.1523/JNEUROSCI.3677-05.2006). A cell of this model has no shape of a spike, so only voltages below threshold
pass; the published inhibition, 30 nS on average, stands beside a leak of 17 nS and a junction of 0.9 nS. The
published input of 100 nS fires a cell by itself at once. Granule cells are thinned, which the olive does not hear of.
Run time: five minutes.

What would refute it: a share of pairs within 10 ms that is no higher than with gap junctions cut, or that chance gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Gap junctions of a published coupling coefficient make olivary cells of a strip fire within 10 ms of each"
    " other above chance when their input is near threshold, with nucleo-olivary inhibition as well as without;"
    " blocking them takes at least half of the synchrony away, as found, and half of the rate."
)
CAPTION = (
    "Left: share of the olivary events (first spikes of bursts) that another cell of the strip joins within 10"
    " ms, above chance, coupled and with gap junctions blocked; three seeds of 20 s. Inputs near threshold: 20 nS"
    " at 5 Hz with the synapses of nucleo-olivary cells cut, 40 nS at 20 Hz with them; and the published 100 nS at"
    " 1 Hz. Middle: rates of events. Right: spikes of an event, coupled, without inhibition."
)
SEEDS, SECONDS, STRIPS = 3, 20.0, 2
NEAR, APART = 0.010, 0.030  # s: together; the least silence before a new event
INPUTS = {  # nS, Hz, and whose synapses are cut
    "no inhibition": ("20", "5", "nucleo_olivary"),
    "inhibited": ("40", "20", ""),
    "published": ("100", "1", ""),
}
BLOCKS = {"coupled": "", "blocked": "gap_junctions"}


def measure(seed: int = 0) -> dict[str, Any]:
    """Synchrony, rate and burst lengths for both inputs, coupled and blocked."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        name: {block: [_olive(weight, rate, (cut, lesion), s) for s in seeds] for block, lesion in BLOCKS.items()}
        for name, (weight, rate, cut) in INPUTS.items()
    }


def _olive(weight: str, rate: str, cut: tuple[str, str], seed: int) -> dict[str, Any]:
    import json

    import numpy as np

    from cerebellum import prepare
    from cerebellum.spiking import network

    long = f"{1000 * (SECONDS + 1):g}"
    settings = {
        "population.granule.density": "2e-5",
        "population.inferior_olive.afferent.weight": weight,
        "block.rest.stimulus.climbing.rate": rate,
        "block.rest.trial_duration": long,
        "block.rest.stimulus.background.duration": long,
        "block.rest.stimulus.climbing.duration": long,
        "lesion": json.dumps([one for one in cut if one]),
    }
    made = prepare("background", "mouse_olive_coupled", seed, settings)
    spikes = network.simulate(made.connectome, made.schedule).spikes["inferior_olive"]
    cells = made.circuit.size("inferior_olive")
    events, lengths = [], []
    for cell in range(cells):
        train = spikes.time[(spikes.cell == cell) & (spikes.time >= 1.0)]
        first = np.flatnonzero(np.diff(train, prepend=-1.0) > APART)
        events.append(train[first])
        lengths += np.diff(np.append(first, len(train))).tolist()
    joined = chance = pairs = 0.0
    for a in range(cells):
        for b in range(cells):
            if a != b and a * STRIPS // cells == b * STRIPS // cells:
                near = np.abs(events[a][:, None] - events[b][None, :]) <= NEAR
                joined += float(near.any(axis=1).sum()) if len(events[b]) else 0.0
                chance += len(events[a]) * (1 - np.exp(-2 * NEAR * len(events[b]) / SECONDS))
                pairs += len(events[a])
    counts = np.bincount(np.minimum(lengths, 7), minlength=8)[1:] if lengths else np.zeros(7)
    return {
        "above_chance": (joined - chance) / max(pairs, 1.0),
        "rate": sum(map(len, events)) / cells / SECONDS,
        "lengths": [float(x) for x in counts / max(counts.sum(), 1)],
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, on means over seeds and two errors."""
    import numpy as np

    def mean(name: str, block: str, key: str) -> tuple[float, float]:
        found = np.array([one[key] for one in numbers[name][block]])
        return float(found.mean()), float(found.std(ddof=1) / len(found) ** 0.5)

    out = {}
    for name in INPUTS:
        share, rate = ({block: mean(name, block, key) for block in BLOCKS} for key in ("above_chance", "rate"))
        (coupled, error), blocked = share["coupled"], share["blocked"][0]
        out[f"{name}: coupled cells fire together above chance ({coupled:.3f})"] = coupled > 2 * error
        lost = 1 - blocked / coupled if coupled > 0 else 0.0
        out[f"{name}: blocking takes half of the synchrony or more ({lost:.0%})"] = coupled > 2 * error and lost >= 0.5
        slower = 1 - rate["blocked"][0] / rate["coupled"][0] if rate["coupled"][0] else 0.0
        out[f"{name}: blocking halves the rate, within 15 points ({slower:.0%} less)"] = abs(slower - 0.5) <= 0.15
    lengths = np.mean([one["lengths"] for one in numbers["no inhibition"]["coupled"]], axis=0)
    statement = "no inhibition: events have one to six spikes, a tenth or more of them several"
    return out | {statement: bool(lengths[6] < 0.05 and lengths[1:6].sum() >= 0.1)}


def draw(numbers: dict[str, Any]) -> Figure:
    """Synchrony, rates, lengths of events."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, key, label in (
        (left, "above_chance", "pairs within 10 ms, above chance"),
        (middle, "rate", "events (Hz)"),
    ):
        for place, name in enumerate(INPUTS):
            for number, block in enumerate(BLOCKS):
                found = [one[key] for one in numbers[name][block]]
                axes.plot([place + 0.15 * number] * len(found), found, "o", color=f"C{number}", ms=4)
        axes.set_xticks([0.07, 1.07, 2.07], list(INPUTS), fontsize=8)
        axes.set(ylabel=label, xlim=(-0.4, 2.5))
    left.axhline(0, color="0.7", lw=0.8)
    for number, block in enumerate(BLOCKS):
        middle.plot([], [], "o", color=f"C{number}", label=block)
    middle.legend(fontsize=8, frameon=False)
    right.bar(range(1, 8), np.mean([one["lengths"] for one in numbers["no inhibition"]["coupled"]], axis=0), color="C0")
    right.set_xticks(range(1, 8), ["1", "2", "3", "4", "5", "6", ">6"])
    right.set(xlabel="spikes of an event", ylabel="share")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
