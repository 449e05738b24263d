"""Transfer functions: the rate of a cell as a function of its conductances, read from that cell's own spikes.

The cell is driven by `cell_drive.experiment`; nothing is set by hand and nothing is fitted to a network. Its rate is

    r = F(x_e, x_i),   x = (1 + kappa) g * low-pass(T) - kappa g * low-pass(T_slow)     for excitation, inhibition

with g the sum of the mean conductances of that effect. T is how fast the cell follows its input, kappa and T_slow its
adaptation as the input sees it; all come from a fixed list by greatest likelihood of the spikes. The logarithm of F is
a tensor-product cubic spline in asinh(x / scale), fitted to spike counts by Poisson regression with a penalty on
second differences (P-splines: Eilers and Marx 1996, Stat Sci 11:89), whose strength minimises Akaike's criterion. The
noise of the synapses (a granule cell has four inputs, one of which nearly fires it) is thus a part of F.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.interpolate import BSpline
from scipy.signal import lfilter

from cerebellum import cell_drive
from cerebellum.balance import Balance
from cerebellum.cache import cache_folder
from cerebellum.cell_drive import BIN, Drive, Floats
from cerebellum.circuit import Circuit, Population
from cerebellum.streams import generator

CELLS, DURATION, SETTLE = 2000, 4.0, 0.5  # of the experiment, s; what comes before SETTLE is not used
SEARCHED = 400  # cells among which the filters are sought
FAST = (0.0, 1e-3, 2e-3, 4e-3, 8e-3, 16e-3)  # s
SLOW = (10e-3, 20e-3, 40e-3, 80e-3, 160e-3, 320e-3)  # s
SHARE = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)  # kappa
BINS, SPLINES, DEGREE = 40, 12, 3  # of each coordinate
STRENGTH = 10.0 ** np.arange(-2, 4)  # penalties tried
FLOOR = 1e-3  # Hz; smallest rate told apart from none
EFFECTS = ("excitatory", "inhibitory")


@dataclass(frozen=True)
class Filter:
    """How a cell takes up one kind of conductance: fast and slow low-pass (s), share of the slow one, scale (S)."""

    fast: float
    slow: float
    share: float
    scale: float

    def __call__(self, conductance: Floats) -> Floats:
        """asinh(x / scale) of a conductance (S) in bins along the first axis, which begins at its first value."""
        fast, slow = (_low_pass(conductance, time) for time in (self.fast, self.slow))
        return np.arcsinh(((1 + self.share) * fast - self.share * slow) / self.scale)


@dataclass(frozen=True)
class Transfer:
    """A cell type's transfer function.

    Attributes
    ----------
    filters : effect -> Filter
    low, high : effect -> range of asinh(x / scale) seen in the experiment; beyond it F keeps its border's value
    coefficients : of the cubic B-splines of ln F (Hz), uniform knots from low to high, shape (SPLINES, SPLINES)
    covariance : of the coefficients, shape (SPLINES**2, SPLINES**2)
    information : nats a spike by which F predicts the spikes better than their mean rate
    misfit : root mean square over the experiment of measured less fitted rate, over the mean rate, counting error
        removed
    spikes : in the experiment
    """

    filters: dict[str, Filter]
    low: dict[str, float]
    high: dict[str, float]
    coefficients: Floats
    covariance: Floats
    information: float
    misfit: float
    spikes: int

    def rate(self, excitatory: Floats | float, inhibitory: Floats | float) -> tuple[Floats, Floats]:
        """Rate (Hz) and its standard error under constant conductances (S), any shape that broadcasts."""
        at = np.broadcast_arrays(np.asarray(excitatory, float), np.asarray(inhibitory, float))
        first, second = (
            _basis(np.arcsinh(g.ravel() / self.filters[e].scale), self.low[e], self.high[e])
            for e, g in zip(EFFECTS, at, strict=True)
        )
        design = _tensor(first, second)
        log = design @ self.coefficients.ravel()
        error = np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        return np.exp(log).reshape(at[0].shape), (np.exp(log) * error).reshape(at[0].shape)


def of(circuit: Circuit, balance: Balance, population: str) -> Transfer:
    """The transfer function of a population's cells, from the cache or measured now (seconds)."""
    described, given = circuit.population[population], cell_drive.inputs(circuit, balance, population)
    path = cache_folder() / "transfer" / f"{_key(described, given, circuit.dt)}.npz"
    if path.exists():
        return _load(path)
    rng = generator(0, "transfer", population)
    drive = cell_drive.experiment(described, given, CELLS, DURATION, circuit.dt, rng)
    found = fit(drive, described)
    _save(found, path)
    return found


def fit(drive: Drive, population: Population) -> Transfer:
    """The transfer function that a drive shows."""
    skip = round(SETTLE / BIN)
    spikes = drive.spikes[skip:].astype(float)
    total = {
        effect: sum(
            (drive.conductance[name] for name, r in population.receptor.items() if r.effect == effect),
            np.zeros(drive.spikes.shape, np.float32),
        )
        for effect in EFFECTS
    }
    filters = _filters(total, spikes, skip)
    code = {e: filters[e](total[e])[skip:] for e in EFFECTS}
    low = {e: float(code[e].min()) for e in EFFECTS}
    high = {e: max(float(code[e].max()), low[e] + 1.0) for e in EFFECTS}
    fired, exposure = _histogram(code, spikes, low, high)
    coefficients, covariance = _regress(fired, exposure, low, high)
    fitted = _cells(low, high) @ coefficients.ravel()
    rate = np.exp(fitted).reshape(fired.shape)
    mean = fired.sum() / exposure.sum()
    seen = exposure > 0
    if not fired.any():
        return Transfer(filters, low, high, coefficients, covariance, 0.0, 0.0, 0)
    square = (fired[seen] / exposure[seen] - rate[seen]) ** 2 - rate[seen] / exposure[seen]
    misfit = np.sqrt(max(0.0, (square * exposure[seen]).sum() / exposure.sum())) / mean
    information = float((fired * np.log(rate / mean)).sum() - (exposure * (rate - mean)).sum()) / fired.sum()
    return Transfer(filters, low, high, coefficients, covariance, information, float(misfit), int(fired.sum()))


def _low_pass(signal: Floats, time: float) -> Floats:
    if time == 0:
        return signal
    keep = np.exp(-BIN / time)
    begin = keep * signal[:1]
    return np.asarray(lfilter([1 - keep], [1.0, -keep], signal, axis=0, zi=begin)[0])


def _filters(total: dict[str, Floats], spikes: Floats, skip: int) -> dict[str, Filter]:
    """Likeliest filters, one number changed at a time until none helps."""
    spikes, total = spikes[:, :SEARCHED], {e: total[e][:, :SEARCHED] for e in EFFECTS}
    scale = {e: 0.1 * float(total[e].mean()) or 1e-12 for e in EFFECTS}
    best = {e: Filter(FAST[1], SLOW[2], 0.0, scale[e]) for e in EFFECTS if total[e].any()}
    fixed = {e: Filter(0.0, SLOW[2], 0.0, scale[e]) for e in EFFECTS if e not in best}

    @lru_cache(4)
    def coded(effect: str, one: Filter) -> Floats:
        return one(total[effect])[skip:]

    def likelihood(filters: dict[str, Filter]) -> float:
        code = {e: coded(e, (fixed | filters)[e]) for e in EFFECTS}
        ends = [{e: float(end(code[e])) for e in EFFECTS} for end in (np.min, np.max)]
        fired, exposure = _histogram(code, spikes, *ends)
        seen = fired > 0
        return float((fired[seen] * np.log(fired[seen] / exposure[seen])).sum())

    reached, improved = likelihood(best), True
    while improved:
        improved = False
        for effect in best:
            for part, choices in (("fast", FAST), ("share", SHARE), ("slow", SLOW)):
                for value in choices:
                    tried = best | {effect: Filter(**{**asdict(best[effect]), part: value})}
                    if tried != best and (found := likelihood(tried)) > reached + 1.0:
                        best, reached, improved = tried, found, True
    return fixed | best


def _histogram(
    code: dict[str, Floats], spikes: Floats, low: dict[str, float], high: dict[str, float]
) -> tuple[Floats, Floats]:
    """Spikes and seconds spent in each bin of both coordinates, both shape (BINS, BINS)."""
    place = [
        np.clip((code[e] - low[e]) * (BINS / (high[e] - low[e] + 1e-12)), 0, BINS - 1).astype(np.int64).ravel()
        for e in EFFECTS
    ]
    where = place[0] * BINS + place[1]
    fired = np.bincount(where, spikes.ravel(), BINS * BINS)
    return fired.reshape(BINS, BINS), (np.bincount(where, minlength=BINS * BINS) * BIN).reshape(BINS, BINS)


def knots(low: float, high: float) -> Floats:
    """Of the splines of one coordinate, evenly spaced from `DEGREE` steps below `low` to as many above `high`."""
    step = (high - low) / (SPLINES - DEGREE)
    return np.asarray(low + step * np.arange(-DEGREE, SPLINES + 1))


def _basis(at: Floats, low: float, high: float) -> Floats:
    """Values of the B-splines, shape (points, SPLINES)."""
    inside = np.clip(at, low, high - 1e-9 * (high - low))
    return np.asarray(BSpline.design_matrix(inside, knots(low, high), DEGREE).toarray())


def _tensor(first: Floats, second: Floats) -> Floats:
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def _cells(low: dict[str, float], high: dict[str, float]) -> Floats:
    """The tensor splines in the middle of each bin, shape (BINS**2, SPLINES**2)."""
    middle = (np.arange(BINS) + 0.5) / BINS
    first, second = (_basis(low[e] + middle * (high[e] - low[e]), low[e], high[e]) for e in EFFECTS)
    return np.einsum("ik,jl->ijkl", first, second).reshape(BINS * BINS, -1)


def _regress(fired: Floats, exposure: Floats, low: dict[str, float], high: dict[str, float]) -> tuple[Floats, Floats]:
    """Penalised Poisson regression: coefficients (SPLINES, SPLINES) and their covariance."""
    design, difference = _cells(low, high), np.diff(np.eye(SPLINES), 2, axis=0)
    roughness = difference.T @ difference
    penalty = np.kron(roughness, np.eye(SPLINES)) + np.kron(np.eye(SPLINES), roughness)
    n, t = fired.ravel(), exposure.ravel()
    best: tuple[float, Floats, Floats] | None = None
    log = np.full(SPLINES**2, np.log(max(n.sum() / t.sum(), FLOOR)))
    for strength in STRENGTH[::-1]:
        for _ in range(50):
            expected = np.maximum(t * np.exp(np.clip(design @ log, np.log(FLOOR), 12.0)), 1e-12)
            fisher = design.T @ (expected[:, None] * design)
            precision = fisher + strength * penalty + 1e-9 * np.eye(len(penalty))
            score = design.T @ (n - expected) - strength * (penalty @ log)
            move = np.linalg.solve(precision, score)
            log = log + np.clip(move, -2.0, 2.0)
            if np.abs(move).max() < 1e-6:
                break
        covariance = np.linalg.inv(precision)
        likelihood = float(n @ (design @ log) - (t * np.exp(np.clip(design @ log, -20, 12))).sum())
        criterion = 2 * float(np.trace(covariance @ fisher)) - 2 * likelihood
        if best is None or criterion < best[0]:
            best = criterion, log.copy(), covariance
    assert best is not None
    ceiling = np.log(1.2 * np.max(n[n > 0] / t[n > 0])) if n.any() else np.log(FLOOR)
    return np.clip(best[1], np.log(FLOOR), ceiling).reshape(SPLINES, SPLINES), best[2]


def _key(population: Population, given: dict[str, cell_drive.Input], dt: float) -> str:
    """Hash of all that enters: the cell, its inputs, the time step and the code."""
    code = [Path(__file__), Path(cell_drive.__file__), *sorted((Path(__file__).parent / "cells").glob("*.py"))]
    said = json.dumps(
        [population.cell, population.si(), {n: asdict(r.port) for n, r in population.receptor.items()},
         {n: asdict(one) for n, one in given.items()}, dt, np.__version__],
        sort_keys=True,
    )  # fmt: skip
    return hashlib.sha256(said.encode() + b"".join(path.read_bytes() for path in code)).hexdigest()


def _save(found: Transfer, path: Path) -> None:
    """Written beside and renamed, so that an interrupted run leaves no broken file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    said = {key: value for key, value in asdict(found).items() if not isinstance(value, np.ndarray)}
    with os.fdopen(handle, "wb") as file:
        np.savez(file, coefficients=found.coefficients, covariance=found.covariance, said=np.array(json.dumps(said)))
    os.replace(part, path)


def _load(path: Path) -> Transfer:
    with np.load(path) as kept:
        said = json.loads(str(kept["said"]))
        said["filters"] = {name: Filter(**numbers) for name, numbers in said["filters"].items()}
        return Transfer(coefficients=kept["coefficients"], covariance=kept["covariance"], **said)
