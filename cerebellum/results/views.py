"""A run for people and other libraries: one line, a card in a notebook, tables of pandas, arrays of xarray."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.rates import STEP
from cerebellum.activity.recording import Recording
from cerebellum.activity.statistics import BIN_WIDTH, counts, psth
from cerebellum.clock import nearest
from cerebellum.errors import InputError
from cerebellum.results.names import READER_NAMES
from cerebellum.results.numbers import numbers_of
from cerebellum.results.trials import MAIN, described
from cerebellum.typing import Floats

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from cerebellum.results.result import Result
    from cerebellum.results.saved import SavedRun


RECORD_COLUMNS = ["record", "quantity", "unit", "population", "cell", "source", "time", "value"]


def title(provenance: Mapping[str, Any]) -> str:
    """What was run, of run.json: protocol on model, engine, seed."""
    titles = [str((provenance.get(key) or {}).get("title", "not known")) for key in ("protocol", "model")]
    return f"{titles[0]} on {titles[1]}, {provenance.get('engine', 'not known')}, seed {provenance.get('seed')}"


def headline(summary: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    """What came out, a sentence a finding: recall and weights, or else rates.

    Parameters
    ----------
    model : of run.json
    """
    said = []
    for reader in ("purkinje", "nuclear", "rate"):
        if found := (summary.get("recall") or {}).get(reader):
            shares = f"{found['patterns']:.0%} of the cues, with {found['bits']:.1%} of the bits right"
            said.append(f"Recall by {READER_NAMES[reader]}: {shares}.")
        agreement = summary.get("agreement") or {}
        if pair := agreement.get(f"{reader}_vs_sdm"):
            said.append(f"Weights by {READER_NAMES[reader]} against expected SDM: {_agreement(pair)}.")
    if said:
        return said
    if blocks := summary.get("eyelid"):
        found = ", ".join(f"{name.replace('_', ' ')} {one['cr']:.0%}" for name, one in blocks.items())
        return [f"Conditioned responses of the eyelid: {found}."]
    relays = [name for name, population in model.get("population", {}).items() if population.get("cell") == "relay"]
    means = [
        f"{name.replace('_', ' ')} {one['window']['mean']:.1f}"
        for name, one in (summary.get("rates") or {}).items()
        if name not in relays and one.get("window")
    ]
    return [f"Mean rates (Hz): {', '.join(means)}."] if means else []


def _agreement(pair: Mapping[str, Any]) -> str:
    """Identity R2 of all pairs and of other patterns alone; of an older run the squared correlation."""
    if "identity" not in pair:
        return f"r2 {pair['r2']:.3f}"
    if pair["identity"] is None:
        return "not defined, as all weights are equal"
    others = (pair.get("others") or {}).get("identity")
    return f"identity R2 {pair['identity']:.3f}" + (
        "" if others is None else f" ({others:.3f} of other patterns alone)"
    )


def card(run: Result | SavedRun) -> str:
    """HTML for a notebook."""
    found = "".join(
        f"<li>{html.escape(line)}</li>" for line in headline(run.summary, run.provenance.get("model") or {})
    )
    notes = "".join(f"<li>{html.escape(str(one['text']))}</li>" for one in (run.summary.get("checks") or {}).values())
    return (
        f"<div><b>{html.escape(title(run.provenance))}</b><ul>{found}</ul>"
        + (f"<details><summary>notes of the run</summary><ul>{notes}</ul></details>" if notes else "")
        + "</div>"
    )


def to_pandas(run: Result | SavedRun) -> dict[str, pd.DataFrame]:
    """Tables of a run.

    Returns
    -------
    trials : a row a trial, `trial_table`: that of trials.csv, or, of a folder from before there was one, its columns
        of the main window, made anew
    spikes : a row a spike: population, cell, time (s)
    rates : a row a population, as in summary.json: mean_hz, and mean, sd, ... in the window of the last block
    records : a row a recorded value: record, quantity, unit (SI, of the value), population, cell, source, time (s) and
        value; `cell` of a weight is the target and `source` the other end; a mean rate has neither
    numbers : every number of summary.json: key, value
    """
    import pandas as pd

    trials = run.trial_table
    if trials is None:
        of_window = {f"{name}.{MAIN}": rate for name, rate in trial_rates(run).items()}
        trials = pd.DataFrame(described(run.trials) | of_window)
    spikes = [
        pd.DataFrame({"population": name, "cell": one.cell, "time": one.time}) for name, one in run.spikes.items()
    ]
    rates = [
        {"population": name, "mean_hz": one["mean_hz"], **one["window"]}
        for name, one in (run.summary.get("rates") or {}).items()
    ]
    return {
        "trials": trials,
        "spikes": pd.concat(spikes, ignore_index=True)
        if spikes
        else pd.DataFrame(columns=["population", "cell", "time"]),
        "rates": pd.DataFrame(rates),
        "records": _recorded(run.records),
        "numbers": pd.DataFrame(list(numbers_of(run.summary)), columns=["key", "value"]),
    }


def _recorded(records: Mapping[str, Recording]) -> pd.DataFrame:
    """All records as one long table."""
    import pandas as pd

    heads, parts = [], []
    for name, record in records.items():
        for quantity, values in record.values.items():
            samples, columns = values.shape
            heads.append((name, quantity, record.units[quantity], record.population))
            # -1: there is none, as the one column of a mean rate is of many cells.
            cells = record.cells if quantity != "rate" else np.full(columns, -1)
            sources = np.full(columns, -1) if record.sources is None else record.sources
            parts.append(
                (np.tile(cells, samples), np.tile(sources, samples), np.repeat(record.time, columns), values.ravel())
            )
    if not parts:
        return pd.DataFrame(columns=RECORD_COLUMNS)
    said = pd.DataFrame(heads, columns=RECORD_COLUMNS[:4]).astype("category")
    table = said.iloc[np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])].reset_index(drop=True)
    for column, found in zip(RECORD_COLUMNS[4:], zip(*parts, strict=True), strict=True):
        table[column] = np.concatenate(found)
    for end in ("cell", "source"):
        table[end] = table[end].astype("Int64").mask(table[end] < 0)
    return table


def trial_rates(run: Result | SavedRun) -> dict[str, Floats]:
    """Mean rate (Hz) of each population in the window of each trial, shape (trials,)."""
    seconds = np.array([trial.window[1] - trial.window[0] for trial in run.trials])
    out: dict[str, Floats] = {}
    for name in run.circuit.population:
        if name in run.spikes:
            cells = run.circuit.size(name)
            fired = [counts(run.spikes[name], cells, *trial.window).sum() for trial in run.trials]
            out[name] = np.array(fired) / seconds / cells
        elif name in run.rates:
            out[name] = np.array([run.rates[name].between(*trial.window) for trial in run.trials])
    return out


def to_xarray(run: Result | SavedRun) -> xr.Dataset:
    """Arrays of a run with named dimensions; variables that the run has nothing of are left out.

    Returns
    -------
    rate (population, time) : mean rate of a cell, Hz, in bins of 5 ms of the whole run; of the spikes, or else of the
        engine of rates; `time` is the middle of the bin, s
    trial_rate (population, trial) : Hz, in the trial's window, with block, start and stop of the trial
    weight (reader, cue, pattern), distance (cue, pattern) : of the last block that asks
    RECORD.QUANTITY (RECORD.time, RECORD.cell or RECORD.synapse) : of every record, in the SI unit of its `units`;
        `RECORD.target` and `RECORD.source` are the cells of the synapses; a mean rate has time alone

    Raises
    ------
    InputError
        If xarray is not installed.
    """
    try:
        import xarray as xr
    except ImportError as error:
        raise InputError("to_xarray wants the package xarray: pip install xarray") from error
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    if courses := _courses(run):
        of_trials = trial_rates(run)
        names = list(courses)
        variables["rate"] = (("population", "time"), np.stack([courses[name] for name in names]), {"units": "Hz"})
        variables["trial_rate"] = (("population", "trial"), np.stack([of_trials[n] for n in names]), {"units": "Hz"})
        bins = variables["rate"][1].shape[1]
        coordinates |= {
            "population": names,
            "time": ("time", (np.arange(bins) + 0.5) * BIN_WIDTH, {"units": "s"}),
            **{key: ("trial", [getattr(trial, key) for trial in run.trials]) for key in ("block", "start", "stop")},
        }
    kept = run.reader_weights
    if kept.readers:
        variables["weight"] = (("reader", "cue", "pattern"), np.stack(list(kept.readers.values())))
        coordinates["reader"] = list(kept.readers)
    if kept.distances is not None:
        variables["distance"] = (("cue", "pattern"), kept.distances, {"units": "address bits"})
    for name, record in run.records.items():
        _add_record(name, record, variables, coordinates)
    return xr.Dataset(variables, coordinates, {"title": title(run.provenance)})


def _add_record(name: str, record: Recording, variables: dict[str, Any], coordinates: dict[str, Any]) -> None:
    """Put the arrays of a record, whose dimensions are its own, to those of xarray."""
    time, column = f"{name}.time", f"{name}.cell" if record.sources is None else f"{name}.synapse"
    coordinates[time] = (time, record.time, {"units": "s"})
    for quantity, values in record.values.items():
        said = {"units": record.units[quantity], "population": record.population}
        if quantity == "rate":
            variables[f"{name}.rate"] = (time, values[:, 0], said)
            continue
        variables[f"{name}.{quantity}"] = ((time, column), values, said)
        coordinates[f"{name}.cell" if record.sources is None else f"{name}.target"] = (column, record.cells)
        if record.sources is not None:
            coordinates[f"{name}.source"] = (column, record.sources)


def _courses(run: Result | SavedRun) -> dict[str, Floats]:
    """Population -> mean rate (Hz) in whole bins of the run, shape (bins,)."""
    bins = int(run.trials[-1].stop / BIN_WIDTH + 1e-6)
    out: dict[str, Floats] = {}
    for name in run.circuit.population:
        if name in run.spikes:
            out[name] = psth(run.spikes[name], run.circuit.size(name), [0.0], 0.0, bins * BIN_WIDTH, BIN_WIDTH)
        elif name in run.rates:
            each = nearest(BIN_WIDTH, STEP)
            out[name] = run.rates[name].mean[: bins * each].reshape(-1, each).mean(axis=1).astype(float)
    return out
