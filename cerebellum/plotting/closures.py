"""Conditioned responses: the course of the closure in every block, and how often the eye closes along the session."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.description.eyelid import Eyelid
from cerebellum.plotting.style import CYCLE, words
from cerebellum.results import Result, eyelid, trials
from cerebellum.results.eyelid import Courses


def eyelid_figure(result: Result) -> Figure:
    """Left the mean closure of each block, right the share of conditioned responses."""
    described = result.protocol.eyelid
    assert described is not None
    name = result.circuit.find(described.population)
    assert name is not None
    source = result.spikes[name] if name in result.spikes else result.rates[name]
    found = eyelid.courses(described, result.trials, source, result.circuit.size(name))
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_closures(left, found, described)
    draw_shares(right, trials.columns(result))
    return figure


def draw_closures(ax: Axes, found: dict[str, Courses], described: Eyelid) -> Axes:
    """Mean closure over a block's trials; dashed where the unconditioned stimulus comes."""
    for colour, (block, one) in zip(cycle(CYCLE), found.items(), strict=False):
        # Trials that end with the unconditioned stimulus are shown until then.
        shown = one.time < np.min(one.stops)
        ax.plot(1e3 * one.time[shown], one.closure.mean(axis=0)[shown], lw=1.0, color=colour, label=words(block))
    ax.axvline(1e3 * described.interval.si, color="0.4", lw=0.8, ls="--")
    ax.axvline(0.0, color="0.8", lw=0.8)
    ax.axhline(described.closure.si, color="0.8", lw=0.8)
    ax.set(xlabel="time after the conditioned stimulus (ms)", ylabel="closure (1 is shut)")
    ax.legend(fontsize=7, frameon=False)
    return ax


def draw_shares(ax: Axes, table: Mapping[str, Any]) -> Axes:
    """Share of conditioned responses in tens of trials of a block, by both criteria; `table`: of trials.csv."""
    for marker, (key, label) in zip("os", eyelid.CRITERIA.items(), strict=True):
        found = eyelid.shares(table, key)
        x, y = (np.concatenate([one[part] for one in found.values()]) for part in (0, 1))
        ax.plot(x, 100 * y, f"{marker}-", ms=3, lw=0.8, label=label)
    for name in found:
        begin = [*table["block"]].index(name)
        ax.axvline(begin - 0.5, color="0.85", lw=0.6, zorder=0)
        ax.text(begin, 104, words(name), fontsize=7, rotation=30, color="0.4", clip_on=False)
    ax.set(xlabel="trial", ylabel="conditioned responses (%)", ylim=(-3, 103))
    ax.legend(fontsize=7, frameon=False, title="criterion", title_fontsize=7)
    return ax
