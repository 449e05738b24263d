"""Claim: a spike on a few neighbouring mossy fibres excites a centre of granule cells and inhibits their surround.

Protocol `centre_surround` on `mouse_vitro` (four neighbouring fibres fire once over 4 Hz background, 20 trials), with
inhibition and under gabazine. Excitation is the response under gabazine, inhibition what it loses with inhibition, both
normalised (Mapelli & D'Angelo 2007, J Neurosci 27:1285; De Schepper et al. 2022, doi:10.1038/s42003-022-04213-y, whose
parameters the protocol has). About one minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from cerebellum.activity import statistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "A spike on four neighbouring mossy fibres excites a centre of granule cells and inhibits their surround."
CAPTION = (
    "Granule response seen from above: spikes a cell in the 40 ms after the stimulus, 20 trials, with inhibition and "
    "under gabazine; right, excitation minus inhibition, both normalised. The cross marks the stimulus."
)
SQUARE = 25e-6  # m
CENTRE, SURROUND = 50e-6, (50e-6, 130e-6)  # m from the stimulus


def measure(seed: int = 0) -> dict[str, Any]:
    """Maps, and mean responses of centre and surround, with and without inhibition."""
    from cerebellum import run
    from cerebellum.activity import statistics

    responses: dict[str, Any] = {}
    for name, settings in (("control", {}), ("gabazine", {"lesion": '["gabazine"]'})):
        result = run("centre_surround", "mouse_vitro", seed=seed + 1, settings=settings)
        responses[name] = _responses(result)
    assert result.connectome is not None
    places, extent = result.connectome.positions["granule"], result.circuit.extent
    punch: Any = result.protocol.block["centre_surround"].stimulus["punch"]
    point = np.array([punch.where.x.si, punch.where.y.si]) * result.circuit.stretch
    distance = np.hypot(*(places[:, :2] - point).T)
    evoked = {name: measured["evoked"] - measured["before"] for name, measured in responses.items()}
    maps = {name: statistics.grid(values, places, extent, SQUARE) for name, values in evoked.items()}
    balance = statistics.centre_surround(maps["control"], maps["gabazine"])
    rings = {"centre": distance < CENTRE, "surround": (distance >= SURROUND[0]) & (distance < SURROUND[1])}
    columns, rows = np.indices(balance.shape)
    squares = np.hypot((columns + 0.5) * SQUARE - point[0], (rows + 0.5) * SQUARE - point[1])
    return {
        "evoked_spikes": {
            name: {ring: float(values[chosen].mean()) for ring, chosen in rings.items()}
            for name, values in evoked.items()
        },
        "balance": {
            "centre": float(np.nanmean(balance[squares < CENTRE])),
            "surround": float(np.nanmean(balance[(squares >= SURROUND[0]) & (squares < SURROUND[1])])),
        },
        "maps": {name: table.tolist() for name, table in {**maps, "balance": balance}.items()},
        "stimulus_um": (point * 1e6).tolist(),
        "extent_um": [extent[0] * 1e6, extent[1] * 1e6],
    }


def _responses(result: Any) -> dict[str, Any]:
    """Spikes of each granule cell in the window and in as long a time before it, mean over trials."""

    spikes, cells = result.spikes["granule"], result.circuit.size("granule")
    windows = [trial.window for trial in result.schedule.trials]
    evoked = np.mean([statistics.counts(spikes, cells, start, stop) for start, stop in windows], axis=0)
    before = np.mean([statistics.counts(spikes, cells, 2 * start - stop, start) for start, stop in windows], axis=0)
    return {"evoked": evoked, "before": before}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    measured, balance = numbers["evoked_spikes"], numbers["balance"]
    return {
        "the centre answers more than the surround": measured["control"]["centre"] > measured["control"]["surround"],
        "inhibition takes spikes from the surround": measured["control"]["surround"] < measured["gabazine"]["surround"],
        "excitation outweighs inhibition in the centre": balance["centre"] > 0,
        "inhibition outweighs excitation in the surround": balance["surround"] < 0,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Three maps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    maps = {name: np.array(table, dtype=float) for name, table in numbers["maps"].items()}
    top = max(np.nanmax(maps["control"]), np.nanmax(maps["gabazine"]))
    x, y = numbers["extent_um"]
    for ax, (name, title) in zip(
        figure.subplots(1, 3),
        (("control", "evoked spikes a cell"), ("gabazine", "under gabazine"), ("balance", "excitation - inhibition")),
        strict=True,
    ):
        signed = name == "balance"
        limits = (-1, 1) if signed else (0, top)
        image = ax.imshow(
            maps[name].T, origin="lower", extent=(0, x, 0, y), cmap="coolwarm" if signed else "viridis",
            vmin=limits[0], vmax=limits[1],
        )  # fmt: skip
        ax.plot(*numbers["stimulus_um"], "k+", ms=10)
        ax.set(title=title, xlabel="x, along parallel fibres (um)", ylabel="y (um)")
        figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
