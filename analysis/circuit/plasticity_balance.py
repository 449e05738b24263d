"""Climbing-fibre plasticity that is always on: do weights stay where they are under spontaneous activity?

Claim: at every parallel-fibre spike a weight grows by A_plus and shrinks by A_minus times the kernel of each
climbing-fibre spike after it, so that under independent spontaneous activity it drifts by A_plus - A_minus r area(K) a
spike. One ratio A_minus / A_plus is stable at one climbing-fibre rate only: the balanced one at 1 Hz; the published one
of 40 (Geminiani et al. 2022, doi:10.3389/fnsys.2022.919761, with cereb-nest's sin-exp rule) at 0.285 Hz; that of 10
(cereb-nest's test) at 1.14 Hz. At the balance weights still walk at random; their variance grows
a second by f A_minus^2 r int K^2 at each synapse by itself and by f^2 A_minus^2 r area^2 in step with all others of a
climbing fibre, of which so small a volume has four: the prediction takes their spike counts as they came. It takes
granule cells as Poisson, which fire more regularly (variance over mean of their counts 0.87) and share their mossy
fibres, so that the spread comes out 0.7 to 1.0 of it. Steps and bounds are published beside the naive weight (0.4 and
0.07 nS) and are taken as shares of this circuit's. 0.3 of the volume, three minutes of biological time a condition. Run
time: about six minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import expm

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cerebellum.activity.spikes import Spikes
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.plasticity import ClimbingFiberRule
    from cerebellum.description.protocol import Protocol

    Floats = NDArray[np.float64]

CLAIM = (
    "With mossy fibres at 4 Hz, climbing fibres at about 1 Hz and plasticity always on, the mean parallel-fibre weight"
    " of the mouse circuit stays within 10% and the Purkinje rate within 5% over three minutes if potentiation balances"
    " depression at that rate; at the published ratio of 40 it falls below half, unless climbing fibres fire at"
    " 0.285 Hz. Mean and spread follow the closed form of a bounded random walk."
)
CAPTION = (
    "Parallel-fibre weights of 0.3 of the mouse circuit (mean, and standard deviation over synapses, in naive weights)"
    " and Purkinje rate, over three minutes of spontaneous activity with plasticity on. Points: simulation, at the end"
    " of each block of 15 s. Lines: a random walk between the bounds, with drift and diffusion in closed form from each"
    " granule cell's rate and each climbing fibre's number of spikes in each block."
)
SCALE, BLOCKS, BLOCK = 0.3, 12, 15.0
NAME, TEACHER = "parallel_fiber_to_purkinje", "climbing_fiber_to_purkinje"
# A_minus, A_plus and the upper bound over the naive weight; the olive's input, Hz.
GEMINIANI = {"depression": 0.009 / 0.4, "potentiation": 2.25e-4 / 0.4, "w_max": 2.0 / 0.4}
CEREB_NEST = {"depression": 1e-2 / 0.07, "potentiation": 1e-3 / 0.07, "w_max": 4 / 0.07}
CONDITIONS: dict[str, tuple[dict[str, float], float]] = {
    "balanced at 1 Hz": ({key: GEMINIANI[key] for key in ("depression", "w_max")}, 1.0),
    "ratio 40, 1 Hz": (GEMINIANI, 1.0),
    "ratio 40, 0.285 Hz": (GEMINIANI, 0.285),
    "ratio 10, 1 Hz": (CEREB_NEST, 1.0),
}
LEVELS, HIGHEST = 160, 10.0  # of the walk's weights; the highest in naive weights, if the bound is not lower
QUANTILES = 12  # of granule rates


def circuit_with(shares: dict[str, float]) -> Circuit:
    """The mouse circuit with the sin-exp rule; amounts in naive weights, potentiation balanced at 1 Hz if not given."""
    from cerebellum.description import library
    from cerebellum.description.circuit import Circuit

    tables, _, _ = library.read_extended("models", "mouse")
    naive, unit, _ = tables["projection"][NAME]["weight"]
    amounts = {key: [share * naive, unit, "derived: the published share"] for key, share in shares.items()}
    tables["projection"][NAME]["plasticity"] = {
        "teacher": TEACHER,
        "kernel": {"kind": "sin_exp"},
        "climbing_spikes": [8, "1", "assumed: more than fall in 200 ms"],
        "w_min": [0, unit, "derived: published"],
        "potentiation": {"kind": "balanced", "climbing_rate": [1, "Hz", "assumed: an awake mouse's rate"]},
        **amounts,
    }
    return Circuit.model_validate(library.apply_settings(tables, {"scale": str(SCALE)}))


def spontaneous(climbing_rate: float) -> Protocol:
    """Background on mossy fibres and olive in plastic blocks, whose ends are the times of measurement."""
    from cerebellum.description.protocol import Protocol

    def poisson(population: str, rate: float) -> dict[str, Any]:
        return {
            "kind": "poisson",
            "population": population,
            "onset": [0, "s", "assumed: throughout"],
            "duration": [BLOCK, "s", "assumed: throughout"],
            "rate": [rate, "Hz", "assumed: spontaneous"],
        }

    block = {
        "over": "trials",
        "trials": [1, "1", "assumed: one stretch"],
        "trial_duration": [BLOCK, "s", "assumed: a point of the curve"],
        "plasticity": True,
        "stimulus": {"background": poisson("mossy_fiber", 4.0), "climbing": poisson("inferior_olive", climbing_rate)},
    }
    blocks = {f"stretch_{number}": block for number in range(BLOCKS)}
    return Protocol.model_validate(
        {"title": "Spontaneous", "description": "Plasticity always on.", "lesion": [], "block": blocks}
    )


def run(shares: dict[str, float], climbing_rate: float, seed: int) -> dict[str, Any]:
    """One condition: weights in naive weights, rates in Hz, and what the random walk predicts."""
    from cerebellum import prepare
    from cerebellum.activity import statistics
    from cerebellum.description.plasticity import ClimbingFiberRule
    from cerebellum.spiking import network

    circuit = circuit_with(shares)
    made = prepare(spontaneous(climbing_rate), circuit, seed)
    schedule, target = made.schedule, network.working_target("standalone")
    done = network.simulate(made.connectome, schedule, target=target)
    rule, naive = circuit.projection[NAME].plasticity, made.connectome.weight[NAME]
    assert isinstance(rule, ClimbingFiberRule)
    weights = np.array(list(done.snapshots[NAME].values())) / naive

    def mean_rates(population: str) -> list[float]:
        size = circuit.size(population)
        blocks = ((trial.start, trial.stop) for trial in schedule.trials)
        return [float(statistics.rates(done.spikes[population], size, *block).mean()) for block in blocks]

    granule = statistics.rates(done.spikes["granule"], circuit.size("granule"), 0.0, schedule.duration)
    size = circuit.size("inferior_olive")
    climbing = [
        statistics.rates(done.spikes["inferior_olive"], size, trial.start, trial.stop) for trial in schedule.trials
    ]
    olive, edges, fibers = float(np.mean(climbing)), made.connectome.edges[NAME], made.connectome.edges[TEACHER]
    teacher = np.zeros(circuit.size("purkinje"), dtype=int)
    teacher[fibers.post] = fibers.pre
    walk = predicted(rule, naive, granule[edges.pre], teacher[edges.post], np.array(climbing))
    own, shared = np.mean([rule.diffusion(rate, olive) for rate in granule[edges.pre]], axis=0) / naive**2
    return {
        "synapses": weights.shape[1],
        "olive_hz": olive,
        "granule_hz": float(granule.mean()),
        "potentiation_over_depression": rule.alone / rule.depression.si,
        "drift_per_spike": rule.drift(olive) / naive,
        "mean": [1.0, *weights.mean(axis=1).tolist()],
        "sd": [0.0, *weights.std(axis=1).tolist()],
        "purkinje_hz": mean_rates("purkinje"),
        "granule_fano": _fano(done.spikes["granule"], circuit.size("granule"), schedule.duration),
        "climbing_fibers": len(np.unique(teacher)),
        "variance_per_second": {"own": own, "shared": shared},
        "minutes_to_bounds": 1 / (own + shared) / 60,
        "simulate_seconds": done.seconds["simulate"],
        **walk,
    }


def _fano(spikes: Spikes, cells: int, duration: float, width: float = 0.1) -> float:
    """Variance over mean of a cell's spike counts in windows about as long as the kernel (s); 1 for Poisson spikes."""
    bins = round(duration / width)
    window = np.minimum((spikes.time / width).astype(np.int64), bins - 1)
    counts = np.bincount(spikes.cell * bins + window, minlength=cells * bins).reshape(cells, bins)
    return float(counts.var(axis=1).sum() / counts.mean(axis=1).sum())


def predicted(
    rule: ClimbingFiberRule, naive: float, granule: Floats, teacher: NDArray[np.int64], climbing: Floats
) -> dict[str, list[float]]:
    """Mean and standard deviation over synapses of a random walk between the bounds, in naive weights.

    The walk's density on `LEVELS` levels of weight obeys the Fokker-Planck equation with reflecting bounds, whose drift
    and diffusion are constant within a block.

    Parameters
    ----------
    granule, teacher : rate of each synapse's granule cell (Hz), and its climbing fibre
    climbing : rate of each climbing fibre in each block, Hz, shape (blocks, fibres)
    """
    width = (min(rule.w_max.si, HIGHEST * naive) - rule.w_min.si) / LEVELS
    levels = (rule.w_min.si + width * (np.arange(LEVELS) + 0.5)) / naive
    # Between the two levels about the naive weight, so that the mean begins exactly there.
    start, place = np.zeros(LEVELS), (naive - rule.w_min.si) / width - 0.5
    below = int(np.floor(place))
    start[below : below + 2] = 1 - (place - below), place - below
    density = np.zeros((len(climbing) + 1, LEVELS))
    for fiber in np.unique(teacher):
        own = granule[teacher == fiber]
        share = len(own) / len(granule) / QUANTILES
        for rate in np.quantile(own, (np.arange(QUANTILES) + 0.5) / QUANTILES):
            now = start
            density[0] += share * now
            for number, measured in enumerate(climbing[:, fiber]):
                drift, spread = rate * rule.drift(measured), rule.diffusion(float(rate), measured)[0]
                now = expm(_flow(drift / width, spread / width**2) * BLOCK) @ now
                density[number + 1] += share * now
    mean = density @ levels
    variance = (density * (levels - mean[:, None]) ** 2).sum(axis=1) - density[0] @ (levels - 1.0) ** 2
    return {"predicted_mean": mean.tolist(), "predicted_sd": np.sqrt(np.maximum(variance, 0.0)).tolist()}


def _flow(drift: float, spread: float) -> Floats:
    """Rates (1/s) between neighbouring levels, of a walk with this mean (levels/s) and variance (levels^2/s)."""
    up, down = max((spread + drift) / 2, drift, 0.0), max((spread - drift) / 2, -drift, 0.0)
    flow = np.diag(np.full(LEVELS - 1, up), -1) + np.diag(np.full(LEVELS - 1, down), 1)
    return np.asarray(flow - np.diag(flow.sum(axis=0)))


def measure(seed: int = 0) -> dict[str, Any]:
    """All conditions."""
    from cerebellum.description.timing_kernels import SinExp

    kernel = SinExp(kind="sin_exp")
    return {
        "scale": SCALE,
        "kernel_area_s": kernel.area,
        "kernel_square_s": kernel.moment(2),
        "balanced_hz": {
            name: shares["potentiation"] / shares["depression"] / kernel.area
            for name, shares in (("geminiani2022", GEMINIANI), ("cereb-nest test", CEREB_NEST))
        },
        "seconds": [BLOCK * number for number in range(BLOCKS + 1)],
        "conditions": {name: run(*condition, seed) for name, condition in CONDITIONS.items()},
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The claim's statements."""
    measured = numbers["conditions"]
    balanced, published, slow = (measured[name] for name in list(CONDITIONS)[:3])

    def follows(run: dict[str, Any], key: str, tolerance: float) -> bool:
        return bool(np.allclose(run[key][1:], run[f"predicted_{key}"][1:], atol=0, rtol=tolerance))

    return {
        "balanced at 1 Hz: mean weight within 10% for three minutes": max(abs(np.array(balanced["mean"]) - 1)) <= 0.1,
        "balanced at 1 Hz: Purkinje rate within 5%": bool(
            np.allclose(balanced["purkinje_hz"], balanced["purkinje_hz"][0], rtol=0.05)
        ),
        "ratio 40 at 1 Hz: mean weight below half after three minutes": published["mean"][-1] < 0.5,
        "ratio 40 at 0.285 Hz: mean weight within 10%": max(abs(np.array(slow["mean"]) - 1)) <= 0.1,
        "the mean follows the random walk within 10% in every condition": all(
            follows(run, "mean", 0.1) for run in measured.values()
        ),
        "the spread follows the random walk within 25% in every condition": all(
            follows(run, "sd", 0.25) for run in measured.values()
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Mean, spread and Purkinje rate over time."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for number, (name, measured) in enumerate(numbers["conditions"].items()):
        minutes, colour = np.array(numbers["seconds"]) / 60, f"C{number}"
        for axis, key in zip(axes, ("mean", "sd"), strict=False):
            axis.plot(minutes, measured[key], "o", ms=3.5, color=colour, label=name)
            axis.plot(minutes, measured[f"predicted_{key}"], color=colour, lw=1)
        axes[2].plot(minutes[1:] - BLOCK / 120, measured["purkinje_hz"], "o-", ms=3.5, lw=0.6, color=colour, label=name)
    for axis, label in zip(axes, ("mean weight", "standard deviation", "Purkinje rate (Hz)"), strict=True):
        axis.set(xlabel="biological time (min)", ylabel=label, ylim=(0, None))
    axes[0].legend(fontsize=7)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
