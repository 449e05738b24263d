"""Transfer functions: the rate of a cell given its membrane, read from that cell's own spikes.

The cell is driven by `single_cell.experiment`; nothing is set by hand and nothing is fitted to a network. Its membrane
is followed from spike to spike under the same conductances as in the rate circuit (`membrane`), and its spikes are
counted against the voltage above threshold and the change in the step, which together tell the hazard of a cell near a
threshold (Chizhov and Graham 2007, Phys Rev E 75:011924). The logarithm of the rate is a tensor-product cubic spline of
both, evenly knotted in asinh, so finest at threshold, fitted by Poisson regression with a penalty on second differences
(P-splines: Eilers and Marx 1996, Stat Sci 11:89), whose strength minimises Akaike's criterion. What the circuit does
not know of the membrane, the noise of synapses whose spikes it has only as rates, is thus a part of the function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import BSpline, RegularGridInterpolator

from cerebellum.description.population import Population
from cerebellum.machine.progress import Progress
from cerebellum.machine.streams import generator
from cerebellum.rate import single_cell
from cerebellum.rate.membrane import Membrane, SingleCells
from cerebellum.rate.single_cell import Drive, Input
from cerebellum.rate.time_step import BIN
from cerebellum.typing import Floats

CELLS, DURATION, SETTLE = 2000, 4.0, 0.5  # of the experiment, s; what comes before SETTLE is not used
SCALE = 1e-3  # V; voltages above threshold and changes in a step count as asinh(x / SCALE)
TAIL = 2e-4  # share of the experiment, and of its spikes, beyond each end of the range
BINS = (72, 36)  # of voltage and of its change
SPLINES, DEGREE = (26, 13), 3
STRENGTH = (0.03, 0.3, 3.0, 30.0)  # penalties tried
FLOOR = 1e-3  # Hz; smallest rate told apart from none


@dataclass(frozen=True)
class Transfer:
    """A cell type's transfer function.

    Attributes
    ----------
    low, high : range of both coordinates, asinh(x / SCALE), in the experiment; beyond it the border's value holds
    coefficients : of the cubic B-splines of ln rate (Hz), uniform knots from low to high, shape SPLINES
    error : standard error of ln rate on an even grid from low to high, shape SPLINES
    information : nats a spike by which the function predicts the spikes better than their mean rate
    misfit : root mean square of measured less fitted rate over the experiment's range, over the mean rate, counting
        error removed
    spikes : in the experiment
    """

    low: tuple[float, float]
    high: tuple[float, float]
    coefficients: Floats
    error: Floats
    information: float
    misfit: float
    spikes: int

    def rate(self, distance: Floats, change: Floats) -> tuple[Floats, Floats]:
        """Rate (Hz) and its standard error at voltages above threshold and their changes in a step (V), (points,)."""
        place = [np.clip(coordinate(x), self.low[i], self.high[i]) for i, x in enumerate((distance, change))]
        rate = np.exp(self.log_rate(*place))
        return rate, rate * RegularGridInterpolator(_grid(self.low, self.high), self.error)(np.stack(place, axis=-1))

    def log_rate(self, first: Floats, second: Floats) -> Floats:
        """ln rate (Hz) at both coordinates, shape (points,)."""
        return np.asarray(self._design(first, second) @ self.coefficients.ravel())

    def _design(self, first: Floats, second: Floats) -> Floats:
        return _tensor(*(_basis(x, i, self.low, self.high) for i, x in enumerate((first, second))))


def coordinate(volts: Floats) -> Floats:
    """Even in the logarithm far from 0, and linear within SCALE of it."""
    return np.asarray(np.arcsinh(np.asarray(volts, float) / SCALE))


def measure(population: Population, given: dict[str, Input], dt: float, stream: str, progress: Progress) -> Transfer:
    """The transfer function of a cell with these inputs, measured now (some 20 s); `stream` names the random stream."""
    rng = generator(0, "transfer", stream)
    return fit(single_cell.experiment(population, given, CELLS, DURATION, dt, rng, progress), population)


def fit(drive: Drive, population: Population) -> Transfer:
    """The transfer function that a drive shows."""
    distance, change, spikes = _trace(drive, population)
    fired, exposure, low, high = _histogram((coordinate(distance), coordinate(change)), spikes)
    if not fired.any():
        nothing = np.full(SPLINES, np.log(FLOOR))
        return Transfer(low, high, nothing, np.zeros(SPLINES), 0.0, 0.0, 0)
    coefficients, covariance = _regress(fired, exposure, low, high)
    rate = np.exp(_middles(low, high) @ coefficients.ravel()).reshape(BINS)
    mean = fired.sum() / exposure.sum()
    information = float((fired * np.log(rate / mean)).sum() - (exposure * (rate - mean)).sum()) / fired.sum()
    seen = exposure > 0
    square = (fired[seen] / exposure[seen] - rate[seen]) ** 2 - rate[seen] / exposure[seen]
    misfit = float(np.sqrt(max(0.0, (square * exposure[seen]).sum() / exposure.sum())) / mean)
    error = _error(covariance, low, high)
    return Transfer(low, high, coefficients, error, float(information), misfit, int(fired.sum()))


def _error(covariance: Floats, low: tuple[float, float], high: tuple[float, float]) -> Floats:
    """Standard error of ln rate on an even grid, shape SPLINES."""
    points = (x.ravel() for x in np.meshgrid(*_grid(low, high), indexing="ij"))
    design = _tensor(*(_basis(x, i, low, high) for i, x in enumerate(points)))
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design)).reshape(SPLINES))


def _trace(drive: Drive, population: Population) -> tuple[Floats, Floats, Floats]:
    """Of all steps and cells after the start but those held at reset, shape (points,):

    voltage above threshold, its change in the step (V), and whether the cell spikes; of several spikes one counts.
    """
    tensor_options = {"dtype": torch.float64, "device": "cpu"}
    followed = Membrane(population.cell, population.si(), population.receptor_models(), tensor_options)
    cells = SingleCells(followed, (drive.spikes.shape[1],))
    skip, threshold = round(SETTLE / BIN), cells.membrane.threshold
    shape = (len(drive.spikes) - skip, drive.spikes.shape[1])
    distance, change, use = np.empty(shape), np.empty(shape), np.empty(shape, bool)
    for step in range(len(drive.spikes)):
        now = {name: torch.as_tensor(g[step], dtype=torch.float64) for name, g in drive.conductance.items()}
        moved = cells.moved(now)
        if step >= skip:
            at = step - skip
            distance[at], change[at] = (moved - threshold).numpy(), (moved - cells.v).numpy()
            use[at] = cells.free.numpy()
        cells.end_step(moved, torch.as_tensor(drive.spikes[step] > 0))
    return distance[use], change[use], (drive.spikes[skip:] > 0)[use].astype(float)


def _histogram(
    place: tuple[Floats, Floats], spikes: Floats
) -> tuple[Floats, Floats, tuple[float, float], tuple[float, float]]:
    """Spikes and seconds spent in each bin, both of shape BINS, and the range."""
    ends = [np.quantile(x[::3], (TAIL, 1 - TAIL)) for x in place]
    if spikes.any():  # a steep cell spends next to no time where it spikes
        seen = [np.quantile(x[spikes > 0], 1 - TAIL) for x in place]
        ends = [np.array([end[0], max(end[1], one)]) for end, one in zip(ends, seen, strict=True)]
    low = float(ends[0][0]), float(ends[1][0])
    high = max(float(ends[0][1]), low[0] + 1.0), max(float(ends[1][1]), low[1] + 1.0)
    index = [
        np.clip((x - low[i]) * (BINS[i] / (high[i] - low[i])), 0, BINS[i] - 1).astype(np.int64).ravel()
        for i, x in enumerate(place)
    ]
    where, size = index[0] * BINS[1] + index[1], BINS[0] * BINS[1]
    fired = np.asarray(np.bincount(where, spikes.ravel(), size), dtype=float).reshape(BINS)
    exposure = np.asarray(np.bincount(where, minlength=size) * BIN, dtype=float).reshape(BINS)
    return fired, exposure, low, high


def knots(axis: int, low: tuple[float, float], high: tuple[float, float]) -> Floats:
    """Of the splines of one coordinate, evenly spaced from `DEGREE` steps below `low` to as many above `high`."""
    step = (high[axis] - low[axis]) / (SPLINES[axis] - DEGREE)
    return np.asarray(low[axis] + step * np.arange(-DEGREE, SPLINES[axis] + 1))


def _basis(at: Floats, axis: int, low: tuple[float, float], high: tuple[float, float]) -> Floats:
    """Values of the B-splines, shape (points, SPLINES[axis])."""
    inside = np.clip(at, low[axis], high[axis] - 1e-9 * (high[axis] - low[axis]))
    return np.asarray(BSpline.design_matrix(inside, knots(axis, low, high), DEGREE).toarray())


def _tensor(first: Floats, second: Floats) -> Floats:
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def _grid(low: tuple[float, float], high: tuple[float, float]) -> list[Floats]:
    """As many points along each coordinate as there are splines."""
    return [np.linspace(low[i], high[i], count) for i, count in enumerate(SPLINES)]


def _middles(low: tuple[float, float], high: tuple[float, float]) -> Floats:
    """The tensor splines in the middle of each bin, shape (bins, coefficients)."""
    first, second = (
        _basis(low[i] + (np.arange(BINS[i]) + 0.5) / BINS[i] * (high[i] - low[i]), i, low, high) for i in (0, 1)
    )
    return np.einsum("ik,jl->ijkl", first, second).reshape(BINS[0] * BINS[1], -1)


def _regress(
    fired: Floats, exposure: Floats, low: tuple[float, float], high: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Penalised Poisson regression: coefficients, shape SPLINES, and their covariance."""
    seen = exposure.ravel() > 0
    design, n, t = _middles(low, high)[seen], fired.ravel()[seen], exposure.ravel()[seen]
    rough = [np.diff(np.eye(count), 2, axis=0) for count in SPLINES]
    penalty = np.kron(rough[0].T @ rough[0], np.eye(SPLINES[1])) + np.kron(np.eye(SPLINES[0]), rough[1].T @ rough[1])
    best: tuple[float, Floats, Floats] | None = None
    log = np.full(design.shape[1], np.log(n.sum() / t.sum()))
    for strength in STRENGTH[::-1]:
        for _ in range(30):
            expected = np.maximum(t * np.exp(np.clip(design @ log, np.log(FLOOR), 12.0)), 1e-12)
            fisher = design.T @ (expected[:, None] * design)
            precision = fisher + strength * penalty + 1e-6 * np.eye(len(penalty))
            move = np.linalg.solve(precision, design.T @ (n - expected) - strength * (penalty @ log))
            log = log + np.clip(move, -2.0, 2.0)
            if np.abs(move).max() < 1e-3:
                break
        covariance = np.linalg.inv(precision)
        likelihood = float(n @ (design @ log) - (t * np.exp(np.clip(design @ log, -20.0, 12.0))).sum())
        criterion = 2 * float(np.einsum("ij,ji->", covariance, fisher)) - 2 * likelihood
        if best is None or criterion < best[0]:
            best = criterion, log.copy(), covariance
    assert best is not None
    ceiling = np.log(1 / BIN)
    return np.clip(best[1], np.log(FLOOR), ceiling).reshape(SPLINES), best[2]
