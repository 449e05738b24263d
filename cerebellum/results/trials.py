"""Trials one by one: what each was, when, and the rate of every population in each of its windows."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.outcome import Outcome
from cerebellum.description.trial import MAIN, WHOLE
from cerebellum.errors import InputError
from cerebellum.experiment.schedule import Trial
from cerebellum.typing import Floats

if TYPE_CHECKING:
    import pandas as pd

    from cerebellum.results.result import Result

__all__ = [
    "MAIN", "PLAIN", "RESPONSES", "WHOLE", "columns", "described", "rate_columns", "rated", "read", "table", "write",
]  # fmt: skip

PLAIN = ("trial", "block", "kind", "role", "shown", "start", "stop")
"""Columns that every run has; times in s, `shown` the number of the stored pattern or cue, -1 for none."""

RESPONSES = {
    "eyelid.cr": "1 for a conditioned response of the eyelid, 0 for none; nan without a conditioned stimulus",
    "eyelid.cr_rate": "1 for a conditioned response of the nuclear rate, 0 for none",
    "eyelid.onset": "first closure at the criterion, in seconds after the conditioned stimulus; nan for no response",
    "eyelid.peak": "largest closure, in seconds after the conditioned stimulus; nan for no response",
    "eyelid.closure": "largest closure before the unconditioned stimulus, or where it would be; 1 is shut",
}
"""Columns of runs that are judged, and what they mean."""


def columns(result: Result) -> dict[str, list[Any]]:
    """The table, column by column; a number that a trial does not have is nan.

    Beside `PLAIN`: `onset.STIMULUS`, when it began (s), and `POPULATION.WINDOW`, the mean rate of all cells (Hz) in the
    trial's window of that name. `trial` is the whole trial, `window` the protocol's main window. Of a run of two
    engines the rates are of spikes, and those of the other engine are in `POPULATION.WINDOW.rate`. Last what a readout
    says of each trial (`RESPONSES`).
    """
    listed = result.schedule.trials
    out = described(listed)
    for key in dict.fromkeys(key for trial in listed for key in trial.onsets):
        out[f"onset.{key}"] = [trial.onsets.get(key, np.nan) for trial in listed]
    engines = [one for one in result.outcomes.values() if one.spikes]
    engines += [one for one in result.outcomes.values() if not one.spikes and one.rates]
    for number, outcome in enumerate(engines):
        out |= {f"{key}{'.rate' if number else ''}": list(found) for key, found in _rates(outcome, listed).items()}
    return out | {key: found.tolist() for key, found in result.responses.items()}


def described(listed: list[Trial]) -> dict[str, list[Any]]:
    """The columns `PLAIN` of trials."""
    return {
        "trial": list(range(len(listed))),
        "block": [trial.block for trial in listed],
        "kind": [trial.kind or trial.block for trial in listed],
        "role": [trial.role for trial in listed],
        "shown": [trial.pattern for trial in listed],
        "start": [trial.start for trial in listed],
        "stop": [trial.stop for trial in listed],
    }


def rated(columns: Iterable[Any]) -> list[str]:
    """Columns that are rates of a population in a window."""
    return [key for key in map(str, columns) if "." in key and not key.startswith("onset.") and key not in RESPONSES]


def rate_columns(columns: Iterable[Any], population: str) -> dict[str, str]:
    """Window -> column of a population's rates in it, by the first engine of the run."""
    parts = [key.split(".") for key in rated(columns)]  # three where a second engine's
    return {window[0]: f"{name}.{window[0]}" for name, *window in parts if name == population and len(window) == 1}


def table(result: Result) -> pd.DataFrame:
    """`columns` as a pandas data frame."""
    import pandas as pd

    return pd.DataFrame(columns(result))


def _rates(outcome: Outcome, listed: list[Trial]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    names = [name for name in outcome.size if name in outcome.spikes or name in outcome.rates]
    for window in dict.fromkeys(key for trial in listed for key in trial.windows):
        rows = [row for row, trial in enumerate(listed) if window in trial.windows]
        for name in names:
            found[f"{name}.{window}"] = column = np.full(len(listed), np.nan)
            column[rows] = outcome.population_rates(name, [listed[row].windows[window] for row in rows])
    return found


def write(result: Result, path: Path) -> None:
    """The table as CSV; nan is empty."""
    listed = columns(result)
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(listed)
        rows.writerows([_written(item) for item in row] for row in zip(*listed.values(), strict=True))


def _written(item: Any) -> str:
    if isinstance(item, float):
        return "" if np.isnan(item) else f"{item:.9g}"
    return str(item)


def read(path: Path) -> pd.DataFrame:
    """What `write` wrote, as a pandas data frame.

    Raises
    ------
    InputError
        If it is not such a table.
    """
    import pandas as pd

    try:
        found = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged, cannot be read: run again with --force") from error
    if missing := [name for name in PLAIN if name not in found]:
        raise InputError(f"{path}: damaged, it has no column {missing[0]}: run again with --force")
    return found
