"""Claim: pulses on a few neighbouring mossy fibres excite a centre of granule cells and inhibit their surround.

Protocol `centre_surround` on `mouse_vitro` (four neighbouring fibres fire ten times at 50 Hz over 4 Hz background, 50
trials, at three places of three connectomes), with inhibition and under gabazine. Excitation is the response under
gabazine, inhibition what it loses with inhibition, both normalised (Mapelli & D'Angelo 2007, J Neurosci 27:1285; De
Schepper et al. 2022, doi:10.1038/s42003-022-04213-y, whose four fibres the protocol has). Areas are those of squares of
25 um where one outweighs the other. About ten minutes on one core.

What would refute it: balance of the centre not above, of the surround not below nought by two errors over places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from cerebellum.activity import statistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Ten pulses at 50 Hz on four neighbouring mossy fibres excite a centre of granule cells and inhibit their surround."
)
CAPTION = (
    "Granule response seen from above: spikes a cell from the first pulse to 40 ms after the last, 50 trials, with "
    "inhibition and under gabazine; right, excitation minus inhibition, both normalised. A row a place of the "
    "stimulus (cross), each of another connectome."
)
SQUARE, BASELINE = 25e-6, 0.2  # m, s
PLACES = ((150, 100), (100, 70), (200, 130))  # um, x and y
CENTRE, SURROUND = 50e-6, (50e-6, 130e-6)  # m from the stimulus


def measure(seed: int = 0) -> dict[str, Any]:
    """Maps, areas, and mean responses of centre and surround, with and without inhibition, at every place."""
    return {"places": [_place(place, seed + 1 + number) for number, place in enumerate(PLACES)]}


def _place(place: tuple[int, int], seed: int) -> dict[str, Any]:
    from cerebellum import run

    responses: dict[str, Any] = {}
    where = {
        f"block.centre_surround.stimulus.punch.where.{axis}": str(at) for axis, at in zip("xy", place, strict=True)
    }
    for name, settings in (("control", {}), ("gabazine", {"lesion": '["gabazine"]'})):
        result = run("centre_surround", "mouse_vitro", seed=seed, settings={**where, **settings})
        responses[name] = _responses(result)
    assert result.connectome is not None
    places, extent = result.connectome.positions["granule"], result.circuit.extent
    point = 1e-6 * np.array(place)
    distance = np.hypot(*(places[:, :2] - point).T)
    evoked = {name: measured["evoked"] - measured["before"] for name, measured in responses.items()}
    maps = {name: statistics.grid(values, places, extent, SQUARE) for name, values in evoked.items()}
    balance = statistics.centre_surround(maps["control"], maps["gabazine"])
    rings = {"centre": distance < CENTRE, "surround": (distance >= SURROUND[0]) & (distance < SURROUND[1])}
    columns, rows = np.indices(balance.shape)
    squares = np.hypot((columns + 0.5) * SQUARE - point[0], (rows + 0.5) * SQUARE - point[1])
    area = (SQUARE * 1e6) ** 2
    return {
        "evoked_spikes": {
            name: {ring: float(values[chosen].mean()) for ring, chosen in rings.items()}
            for name, values in evoked.items()
        },
        "balance": {
            "centre": float(np.nanmean(balance[squares < CENTRE])),
            "surround": float(np.nanmean(balance[(squares >= SURROUND[0]) & (squares < SURROUND[1])])),
        },
        "areas_um2": {"excited": float(area * (balance > 0).sum()), "inhibited": float(area * (balance < 0).sum())},
        "maps": {name: table.tolist() for name, table in {**maps, "balance": balance}.items()},
        "stimulus_um": list(place),
        "extent_um": [extent[0] * 1e6, extent[1] * 1e6],
    }


def _responses(result: Any) -> dict[str, Any]:
    """Spikes of each granule cell in the window, and as many as the 200 ms before give in its length, over trials."""

    spikes, cells = result.spikes["granule"], result.circuit.size("granule")
    windows = [trial.window for trial in result.schedule.trials]
    evoked = np.mean([statistics.counts(spikes, cells, start, stop) for start, stop in windows], axis=0)
    share = (windows[0][1] - windows[0][0]) / BASELINE
    before = share * np.mean([statistics.counts(spikes, cells, at - BASELINE, at) for at, _ in windows], axis=0)
    return {"evoked": evoked, "before": before}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, each by more than two errors of the mean over places."""

    def positive(values: list[float]) -> bool:
        found = np.array(values)
        return bool(found.mean() > 2 * found.std(ddof=1) / len(found) ** 0.5)

    places = numbers["places"]
    evoked = [one["evoked_spikes"] for one in places]
    return {
        "the centre answers more than the surround": positive(
            [one["control"]["centre"] - one["control"]["surround"] for one in evoked]
        ),
        "inhibition takes spikes from the surround": positive(
            [one["gabazine"]["surround"] - one["control"]["surround"] for one in evoked]
        ),
        "excitation outweighs inhibition in the centre": positive([one["balance"]["centre"] for one in places]),
        "inhibition outweighs excitation in the surround": positive([-one["balance"]["surround"] for one in places]),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Three maps a place."""
    from matplotlib.figure import Figure

    places = numbers["places"]
    figure = Figure(figsize=(11, 3 * len(places)), layout="constrained")
    titles = (
        ("control", "evoked spikes a cell"),
        ("gabazine", "under gabazine"),
        ("balance", "excitation - inhibition"),
    )
    for axes, one in zip(figure.subplots(len(places), 3), places, strict=True):
        maps = {name: np.array(table, dtype=float) for name, table in one["maps"].items()}
        top = max(np.nanmax(maps["control"]), np.nanmax(maps["gabazine"]))
        x, y = one["extent_um"]
        for ax, (name, title) in zip(axes, titles, strict=True):
            signed = name == "balance"
            low, high = (-1, 1) if signed else (0, top)
            image = ax.imshow(
                maps[name].T, origin="lower", extent=(0, x, 0, y), cmap="coolwarm" if signed else "viridis",
                vmin=low, vmax=high,
            )  # fmt: skip
            ax.plot(*one["stimulus_um"], "k+", ms=10)
            ax.set(title=title, xlabel="x, along parallel fibres (um)", ylabel="y (um)")
            figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
