"""Two finished runs side by side."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from cerebellum.errors import InputError
from cerebellum.readout import engine_agreement
from cerebellum.results.numbers import numbers_of
from cerebellum.results.result import Result
from cerebellum.results.saved import SavedRun, open_run


def compare(a: Result | str | Path, b: Result | str | Path) -> dict[str, tuple[float, float]]:
    """Every number that both summaries have (dotted key -> both values), timing left out.

    `a` and `b` are results or run folders; where they are of different models or protocols, a warning says so.
    """
    for line in different(a, b):
        warnings.warn(line, stacklevel=2)
    left, right = dict(numbers_of(_opened(a).summary)), dict(numbers_of(_opened(b).summary))
    return {key: (left[key], right[key]) for key in left if key in right and not key.startswith("timing.")}


def different(a: Result | str | Path, b: Result | str | Path) -> list[str]:
    """A sentence for the models, and one for the protocols, if they are not the same; settings are no difference."""
    told = [_opened(run).provenance for run in (a, b)]
    titles = {key: [str((one.get(key) or {}).get("title")) for one in told] for key in ("model", "protocol")}
    return [
        f"the runs are of different {key}s: {one}, and {other}" for key, (one, other) in titles.items() if one != other
    ]


def compare_engines(a: Result | str | Path, b: Result | str | Path) -> dict[str, Any] | None:
    """Population by population, the spikes of one run beside the rates of the other (`engine_agreement.engines`).

    None where neither has the spikes and the other the rates. Histograms are of the trials of the last block.

    Raises
    ------
    InputError
        If the runs are of different protocols or seeds: their trials then differ, and so does what drives them.
    """
    for one, other in ((_opened(a), _opened(b)), (_opened(b), _opened(a))):
        spikes, rates = one.spikes, other.rates
        if spikes and rates:
            plans, seeds = ([run.provenance.get(key) for run in (one, other)] for key in ("protocol", "seed"))
            if not isinstance(plans[0], dict):
                raise InputError("run.json: found no protocol; wanted a run folder as a run left it")
            if plans[0] != plans[1] or seeds[0] != seeds[1]:
                raise InputError("the two runs differ in protocol or seed, so their trials cannot be laid over another")
            shown = [trial for trial in one.trials if trial.block == one.trials[-1].block]
            spans = [(trial.start, trial.stop) for trial in shown]
            return engine_agreement.engines(spikes, rates, spans, [trial.window for trial in shown])
    return None


def _opened(run: Result | str | Path) -> Result | SavedRun:
    return run if isinstance(run, Result) else open_run(run)
