"""Bands of Purkinje cells with and without zebrin: rates of the two, and of the nuclear cells below them.

Claim: with two currents, one a microzone, Purkinje cells of `mouse_zebrin` fire at the published 60 and 90 Hz (Zhou et
al. 2014, doi:10.7554/eLife.02536; the two numbers are fitted), and the nuclear cells of the slower band fire faster,
which is not. Run time: two minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Purkinje cells of the two bands of mouse_zebrin fire at 60 and 90 Hz within 10%, as fitted, and the nuclear cells"
    " below the slower band fire faster than those below the other."
)
CAPTION = (
    "Mean rates at rest of Purkinje and nuclear cells of the two bands, three connectomes of half the volume."
    " Lines: 60 and 90 Hz."
)
SEEDS, PUBLISHED = 3, (60.0, 90.0)
CELLS = ("purkinje", "nuclear")


def measure(seed: int = 0) -> dict[str, Any]:
    """Mean rates by microzone, Hz."""
    return {"rates": [_rates(s) for s in range(seed + 1, seed + 1 + SEEDS)], "published": list(PUBLISHED)}


def _rates(seed: int) -> dict[str, list[float]]:
    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.connectome.connectome import zone_of
    from cerebellum.spiking import network

    made = prepare("background", "mouse_zebrin", seed, {"scale": "0.5", "microzones": "3"})
    run = network.simulate(made.connectome, made.schedule)
    out = {}
    for name in CELLS:
        cells = made.circuit.size(name)
        rate, side = statistics.rates(run.spikes[name], cells, 1.0, 6.0), zone_of(cells, made.circuit.zones) % 2
        out[name] = [float(rate[side == which].mean()) for which in (0, 1)]
    return out


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    import numpy as np

    purkinje, nuclear = (np.array([one[name] for one in numbers["rates"]]) for name in CELLS)
    mean, apart = purkinje.mean(axis=0), nuclear[:, 0] - nuclear[:, 1]
    return {
        f"slower band at 60 Hz within 10% (fitted; {mean[0]:.3g})": bool(abs(mean[0] - 60) <= 6),
        f"faster band at 90 Hz within 10% (fitted; {mean[1]:.3g})": bool(abs(mean[1] - 90) <= 9),
        "nuclear cells of the slower band fire faster": bool(apart.mean() > 2 * apart.std(ddof=1) / SEEDS**0.5),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Rates by band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(CELLS):
        for side, label in enumerate(("with zebrin", "without")):
            found = [one[name][side] for one in numbers["rates"]]
            axes.plot(
                [place + 0.2 * side] * len(found), found, "o", color=f"C{side}", label=label if not place else None
            )
    for rate in PUBLISHED:
        axes.axhline(rate, color="0.7", lw=0.8)
    axes.set_xticks([0.1, 1.1], ["Purkinje", "nuclear"])
    axes.set(ylabel="rate at rest (Hz)", ylim=(0, None), xlim=(-0.4, 1.6))
    axes.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
