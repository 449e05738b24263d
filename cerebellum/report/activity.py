"""Spikes and rates as the page draws them: thinned rasters, and histograms over the trials of each block."""

from __future__ import annotations

from typing import Any

import numpy as np

from cerebellum.activity.rates import STEP
from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import BIN_WIDTH, psth
from cerebellum.clock import nearest
from cerebellum.description.appearance import colours, words
from cerebellum.experiment.schedule import Trial
from cerebellum.report.parts import Activity, packed
from cerebellum.results import Run
from cerebellum.typing import Floats

SHOWN_CELLS = 120  # of a population; a row of the raster has no more pixels
SHOWN_SPIKES = 15_000  # of a population
LISTED_TRIALS = 1000
LISTED_BLOCKS = 40
MOST_BINS = 800  # of a histogram


def activity(run: Run) -> Activity:
    """Raster and PSTH of every population that has spikes or rates."""
    colour = colours(run.circuit)
    names = [name for name in run.circuit.population if name in run.spikes or name in run.rates]
    populations = [
        {
            "name": words(name),
            "colour": colour[name],
            "cells": run.circuit.size(name),
            **(_raster(run.spikes[name]) if name in run.spikes else {}),
        }
        for name in names
    ]
    kinds: dict[str, list[Trial]] = {}
    for trial in run.trials:
        kinds.setdefault(trial.block if trial.kind in ("", trial.block) else f"{trial.block}, {trial.kind}", []).append(
            trial
        )
    shown = list(kinds)[-LISTED_BLOCKS:]
    numbers = {
        "populations": populations,
        "trials": [
            {
                "label": f"{trial.block}, trial {number + 1}",
                "block": trial.block,
                "span": [trial.start, trial.stop],
                "window": trial.window,
            }
            for number, trial in enumerate(run.trials[:LISTED_TRIALS])
        ],
        "blocks": [_histograms(run, names, kind, kinds[kind]) for kind in shown],
    }
    return Activity(numbers, _note(run, len(kinds) - len(shown)))


def _note(run: Run, left_out: int) -> str:
    said = (
        f"Of a population at most {SHOWN_CELLS} cells that fire are shown, an even sample, fewer where they have more"
        f" than {SHOWN_SPIKES:,} spikes; histograms count all cells."
    )
    if left_out:
        said += f" Histograms are of the last {LISTED_BLOCKS} blocks; {left_out} earlier ones are not shown."
    if len(run.trials) > LISTED_TRIALS:
        said += f" The first {LISTED_TRIALS:,} of {len(run.trials):,} trials can be chosen by name."
    return said


def _raster(spikes: Spikes) -> dict[str, Any]:
    """Times (steps of 0.1 ms, or finer where the engine's is) and rows of the cells shown."""
    firing, spiked = np.unique(spikes.cell, return_counts=True)
    number = min(SHOWN_CELLS, len(firing))
    if len(firing):
        number = max(1, min(number, int(SHOWN_SPIKES / spiked.mean())))
    shown = firing[np.linspace(0, len(firing) - 1, number).astype(int)] if len(firing) else firing
    keep = np.flatnonzero(np.isin(spikes.cell, shown))[:SHOWN_SPIKES]
    return {
        "time": packed(np.rint(spikes.time[keep] / 1e-5), "u4"),
        "row": packed(np.searchsorted(shown, spikes.cell[keep]), "u2"),
        "cell": packed(shown, "u4"),
        "cut": float(spikes.time[keep[-1]]) if len(keep) == SHOWN_SPIKES else None,
    }


def _histograms(run: Run, names: list[str], block: str, own: list[Trial]) -> dict[str, Any]:
    """Mean rate (Hz) of a cell over the trials of one kind of a block, of spikes and of the rate engine."""
    length = own[0].stop - own[0].start
    width = BIN_WIDTH * max(1, int(np.ceil(length / BIN_WIDTH / MOST_BINS)))
    width = min(width, length)
    found: dict[str, Any] = {"name": block, "trials": len(own), "width": width, "spikes": {}, "rates": {}}
    for name in names:
        if name in run.spikes:
            onsets = [trial.start for trial in own]
            counted = psth(run.spikes[name], run.circuit.size(name), onsets, 0.0, length, width)
            found["spikes"][words(name)] = packed(counted, "f4")
        if name in run.rates:
            found["rates"][words(name)] = packed(_course(run.rates[name].mean, own, length, width), "f4")
    window = own[0].window
    found["window"] = [window[0] - own[0].start, window[1] - own[0].start]
    return found


def _course(mean: Any, own: list[Trial], length: float, width: float) -> Floats:
    each, steps = max(1, nearest(width, STEP)), nearest(length, STEP)
    bins = max(1, steps // each)
    parts = [mean[nearest(trial.start, STEP) :][: bins * each] for trial in own]
    whole = [part.reshape(bins, each).mean(axis=1) for part in parts if len(part) == bins * each]
    return np.asarray(np.mean(whole, axis=0) if whole else np.zeros(0))
