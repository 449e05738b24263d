"""Conditioned responses: the closure of an eyelid that nuclear cells drive, and what two criteria say of each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.clock import nearest
from cerebellum.description.eyelid import Eyelid
from cerebellum.experiment.schedule import Trial
from cerebellum.results.trials import RESPONSES
from cerebellum.typing import Floats

SMOOTH = 0.010  # s; standard deviation of the Gaussian, and
AVERAGE = 0.100  # s; the moving average after it, of the criterion of Geminiani et al. 2022
TENS = 10  # trials of a point of the learning curve, as laboratories count
CRITERIA = {"eyelid.cr": "closure", "eyelid.cr_rate": "nuclear rate"}


@dataclass(frozen=True)
class Courses:
    """Closure and rate of trials that last equally long, in steps of `STEP` from the conditioned stimulus on.

    Attributes
    ----------
    rows : numbers of the trials, shape (trials,)
    time : s, begins of the steps, shape (steps,); less than 0 before the stimulus
    rate : mean of the cells less that at rest, Hz, shape (trials, steps)
    closure : of the eyelid at the ends of the steps, shape (trials, steps); below 0 where the rate falls
    stops : where a response ends to be conditioned (s): at the unconditioned stimulus, else the trial's end; (trials,)
    """

    rows: Floats
    time: Floats
    rate: Floats
    closure: Floats
    stops: Floats


def lid(rate: Floats, described: Eyelid) -> Floats:
    """Closure under a rate above rest (Hz, steps of `STEP` last), before it is cut to 0 and 1; two exact lags."""
    from scipy.signal import lfilter

    for lag in (described.premotor.si, described.lid.si):
        keep = float(np.exp(-STEP / lag))
        rate = lfilter([1 - keep], [1, -keep], rate, axis=-1)
    return np.asarray(rate) / described.full.si


def courses(described: Eyelid, trials: Sequence[Trial], source: Spikes | Rates, cells: int) -> dict[str, Courses]:
    """Of every block that has the conditioned stimulus; a block's trials last as long as its shortest does."""
    blocks: dict[str, list[int]] = {}
    for row, trial in enumerate(trials):
        if described.conditioned in trial.onsets:
            blocks.setdefault(trial.block, []).append(row)
    return {name: _courses(described, trials, rows, source, cells) for name, rows in blocks.items()}


def _courses(
    described: Eyelid, trials: Sequence[Trial], rows: list[int], source: Spikes | Rates, cells: int
) -> Courses:
    onsets = np.array([trials[row].onsets[described.conditioned] for row in rows])
    before = min(nearest(onset - trials[row].start, STEP) for row, onset in zip(rows, onsets, strict=True))
    after = min(nearest(trials[row].stop - onset, STEP) for row, onset in zip(rows, onsets, strict=True))
    time = np.arange(-before, after) * STEP
    rate = np.stack([_rate(source, cells, onset + STEP * np.arange(-before, after + 1)) for onset in onsets])
    at_rest = (time >= -described.rest.si - STEP / 2) & (time < -STEP / 2)
    rate -= rate[:, at_rest].mean()
    us = [trials[row].onsets.get(described.unconditioned, np.inf) - on for row, on in zip(rows, onsets, strict=True)]
    return Courses(np.array(rows), time, rate, lid(rate, described), np.minimum(us, after * STEP))


def _rate(source: Spikes | Rates, cells: int, edges: Floats) -> Floats:
    """Mean rate (Hz) of a cell between edges (s), `STEP` apart."""
    if isinstance(source, Spikes):
        return np.asarray(np.diff(source.before(edges)) / (cells * STEP))
    first = nearest(edges[0], STEP)
    return np.asarray(source.mean[first : first + len(edges) - 1], dtype=np.float64)


def judged(described: Eyelid, found: Courses) -> dict[str, Floats]:
    """What `RESPONSES` have of the trials of a block, shape (trials,)."""
    interval = described.interval.si
    time = found.time + STEP  # closure is that at a step's end
    inside = (time > 0) & (time <= interval + STEP / 2)
    reached = (found.closure >= described.closure.si) & (time > 0) & (time <= found.stops[:, None] + STEP / 2)
    first = np.where(reached.any(axis=1), time[reached.argmax(axis=1)], np.inf)
    responds = (first > described.alpha.si) & (first <= interval + STEP / 2)
    # Where the unconditioned stimulus comes, what follows is its own response.
    allowed = np.where((time > 0) & (time <= found.stops[:, None] + STEP / 2), found.closure, -np.inf)
    peak = allowed.argmax(axis=1)
    return {
        "eyelid.cr": responds.astype(float),
        "eyelid.cr_rate": _rises(described, found).astype(float),
        "eyelid.onset": np.where(responds, first, np.nan),
        "eyelid.peak": np.where(responds, time[peak], np.nan),
        "eyelid.closure": np.clip(np.where(inside, found.closure, -np.inf).max(axis=1), 0.0, 1.0),
    }


def _rises(described: Eyelid, found: Courses) -> Floats:
    """The criterion of Geminiani et al. 2022, with a moving average of what came before; shape (trials,)."""
    from scipy.ndimage import gaussian_filter1d, uniform_filter1d

    smooth = gaussian_filter1d(found.rate, SMOOTH / STEP, axis=1)
    width = round(AVERAGE / STEP)
    mean = uniform_filter1d(smooth, width, axis=1, origin=(width - 1) // 2)
    inside = (found.time >= 0) & (found.time < described.interval.si - STEP / 2)
    above, time = (mean >= described.rate.si)[:, inside], found.time[inside]
    first = above.argmax(axis=1)
    share = np.array([row[start:].mean() for row, start in zip(above, first, strict=True)])
    late = time[first] >= described.earliest.si - STEP / 2
    return above.any(axis=1) & late & (share >= described.held.si)


def columns(described: Eyelid, trials: Sequence[Trial], source: Spikes | Rates, cells: int) -> dict[str, Floats]:
    """Columns of trials.csv, shape (trials,)."""
    out = {name: np.full(len(trials), np.nan) for name in RESPONSES}
    for found in courses(described, trials, source, cells).values():
        for name, values in judged(described, found).items():
            out[name][found.rows] = values
    return out


def summary(trials: Sequence[Trial], table: dict[str, Floats]) -> dict[str, Any]:
    """Of every block: number of trials judged, shares of responses, means of those that responded."""
    out: dict[str, Any] = {}
    for block in dict.fromkeys(trial.block for trial in trials):
        mine = np.array([trial.block == block for trial in trials]) & ~np.isnan(table["eyelid.cr"])
        if mine.any():
            own = {name.partition(".")[2]: values[mine] for name, values in table.items()}
            did = own["cr"] == 1
            out[block] = {
                "trials": int(mine.sum()),
                "cr": float(own["cr"].mean()),
                "cr_rate": float(own["cr_rate"].mean()),
                "closure": float(own["closure"].mean()),
                **{key: float(own[key][did].mean()) if did.any() else None for key in ("onset", "peak")},
            }
    return out


def shares(table: Mapping[str, Any], criterion: str) -> dict[str, tuple[Floats, Floats]]:
    """A learning curve: block -> trials (mean number), and share of responses by a criterion, in some `TENS` of trials.

    Parameters
    ----------
    table : columns of trials.csv
    criterion : 'eyelid.cr' or 'eyelid.cr_rate'
    """
    blocks, did = np.array(table["block"], dtype=str), np.array(table[criterion], dtype=float)
    judged, out = np.flatnonzero(~np.isnan(did)), {}
    for name in dict.fromkeys(blocks[judged].tolist()):
        own = judged[blocks[judged] == name]
        parts = np.array_split(own, max(1, round(len(own) / TENS)))
        out[name] = np.array([part.mean() for part in parts]), np.array([did[part].mean() for part in parts])
    return out
