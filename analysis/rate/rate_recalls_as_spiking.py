"""The rate twin of the mouse's memory: recall weights of the rate circuit beside those of Purkinje spikes.

Claim: the rate circuit, given nothing but the mossy-fibre and climbing-fibre spikes, writes and reads the weights that
the spiking circuit reads from its Purkinje cells. `mouse_recall` on `mouse_memory` at a quarter of its size (scale 2,
23 microzones), twelve pairings a pattern as in the file, cues clean and with a fifth of the fibres moved. Background
and spontaneous climbing-fibre spikes are on and the same in both; cells and wiring are those of Geminiani et al. (2024,
doi:10.1371/journal.pcbi.1011277) but for what docs/mouse_memory.md lists. A rate is an expectation, so it is compared
with the mean readout of spiking runs that differ in the noise of their cells' thresholds, and one such run with the
others. The rate circuit runs with drawn spikes, and beside them as expectations alone. Run time: about forty minutes on
one idle core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The recall weights of the rate circuit, averaged over realizations of its drawn spikes, agree with those of the"
    " spiking circuit with r2 >= 0.97."
)
CAPTION = (
    "Weight of every stored pattern in every cue, from the rate circuit (black; as expectations alone, orange) against"
    " the mean Purkinje readout of the spiking runs (left), and one spiking run against the mean of the others (right)."
    " Exact twin: the r2 that the spread of the runs leaves (Spearman and Brown). Other patterns: r2 without the"
    " cues' own."
)
RUNS = 6  # of the spiking engine
DRAWS = 4  # of the rate circuit
SETTINGS = {
    "scale": "2",
    "microzones": "16",
    "patterns.active": "28",
    "block.read.noise": "[0, 6]",
}
WANTED = 0.97


def measure(seed: int = 0) -> dict[str, Any]:
    """Weights of both engines and their agreement."""
    import dataclasses

    import numpy as np

    import cerebellum
    from cerebellum.readout import agreement, microzones
    from cerebellum.spiking import network

    result = cerebellum.run("mouse_recall", "mouse_memory", "both", seed=seed, settings=SETTINGS, draws=DRAWS)
    expected = cerebellum.run("mouse_recall", "mouse_memory", "rate", seed=seed, settings=SETTINGS)
    wired, patterns, circuit = result.connectome, result.patterns, result.circuit
    assert wired is not None
    assert patterns is not None
    runs = [result.readout["purkinje"]]
    for run in range(1, RUNS):  # the connectome's seed is that of its cells' noise, too
        noisy = dataclasses.replace(wired, seed=seed + 1000 * run)
        again = network.simulate(noisy, result.schedule)
        runs.append(microzones.readout(again, circuit, result.schedule, "purkinje"))

    def weights(y: Any) -> Any:
        return agreement.effective_weights(y, patterns.signs)

    mean, rate = weights(np.mean(runs, axis=0)), result.weights["rate"]
    others = [weights(np.mean([y for j, y in enumerate(runs) if j != i], axis=0)) for i in range(RUNS)]
    pairs = [
        float(np.corrcoef(weights(runs[i]).ravel(), weights(runs[j]).ravel())[0, 1])
        for i in range(RUNS)
        for j in range(i)
    ]
    shared = float(np.mean(pairs))
    return {
        "runs": RUNS,
        "draws": DRAWS,
        "rate_vs_spiking": agreement.r2(rate, mean),
        "slope": float(np.polyfit(mean.ravel(), rate.ravel(), 1)[0]),
        "expected_vs_spiking": agreement.r2(expected.weights["rate"], mean),
        "one_run_vs_rate": float(np.mean([agreement.r2(weights(y), rate) for y in runs])),
        "one_run_vs_others": float(np.mean([agreement.r2(weights(y), o) for y, o in zip(runs, others, strict=True)])),
        "expected_of_an_exact_twin": RUNS * shared / (1 + (RUNS - 1) * shared),
        "identity": agreement.identity(rate, mean),
        "others": agreement.compared(rate, mean, patterns.own)["others"],
        "rate_vs_sdm": agreement.r2(rate, result.weights["sdm"]),
        "spiking_vs_sdm": agreement.r2(mean, result.weights["sdm"]),
        "readout_r2": agreement.r2(result.readout["rate"], np.mean(runs, axis=0)),
        "recall": {name: result.summary["recall"][name]["by_flips"] for name in ("purkinje", "rate")},
        "weights": {
            "rate": np.round(rate, 5),
            "expected": np.round(expected.weights["rate"], 5),
            "spiking": np.round(mean, 5),
        },
        "one": {"run": np.round(weights(runs[0]), 5), "others": np.round(others[0], 5)},
        "timing": result.summary["timing"],
        "expected_seconds": expected.summary["timing"]["rate"],
        "biological_seconds": result.summary["biological_seconds"],
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    return {
        f"recall weights of rates and of spikes, r2 >= {WANTED}": numbers["rate_vs_spiking"] >= WANTED,
        "the rate circuit is as near to the mean of the runs as one run is to the others": (
            numbers["rate_vs_spiking"] >= numbers["one_run_vs_others"]
        ),
        "every pattern is recalled by both from clean cues": all(
            measured["0"]["patterns"] == 1.0 for measured in numbers["recall"].values()
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Weights of one against the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    shown = (
        (left, numbers["weights"]["spiking"], numbers["weights"]["rate"], "mean of spiking runs", "rate circuit"),
        (right, numbers["one"]["others"], numbers["one"]["run"], "mean of the other spiking runs", "one spiking run"),
    )
    for ax, x, y, along, up in shown:
        points = [value for row in x for value in row], [value for row in y for value in row]
        ax.plot([min(points[0]), max(points[0])], [min(points[0]), max(points[0])], color="black", lw=0.8)
        ax.plot(*points, ".", color="black", alpha=0.5)
        ax.set(xlabel=f"weight, {along}", ylabel=f"weight, {up}")
    weights = ([value for row in numbers["weights"][name] for value in row] for name in ("spiking", "expected"))
    left.plot(
        *weights,
        ".",
        color="tab:orange",
        alpha=0.5,
        zorder=0,
        label=f"expectations, {numbers['expected_vs_spiking']:.3f}",
    )
    left.legend(fontsize=8)
    title = f"r2 = {numbers['rate_vs_spiking']:.3f} (other patterns {numbers['others']['r2']:.2f})"
    left.set_title(f"{title}; exact twin {numbers['expected_of_an_exact_twin']:.3f}", fontsize=9)
    right.set_title(f"r2 = {numbers['one_run_vs_others']:.3f}, mean over runs", fontsize=9)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
