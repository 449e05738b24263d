"""Trial by trial: how rates change over a session, and the weights that its blocks leave."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cerebellum.description.circuit import Circuit
from cerebellum.plotting.style import CYCLE, words
from cerebellum.results import trials
from cerebellum.results.result import Result

SHOWN = ("purkinje", "nuclear")  # roles whose populations a session is about
MARKERS = "osv^Dx+*"


def has_curves(result: Result) -> bool:
    """Whether there are rates of a session to draw: of several kinds of trials, with windows of their own."""
    if not any(outcome.spikes or outcome.rates for outcome in result.outcomes.values()):
        return False  # a memory of volleys has no course of time
    listed = result.schedule.trials
    several = len({(trial.block, trial.kind) for trial in listed}) > 1 or len(listed) >= 10
    return several and any(set(trial.windows) - {trials.WHOLE, trials.MAIN} for trial in listed)


def curves_figure(result: Result) -> Figure:
    """Rate of Purkinje and nuclear cells in the named windows of every trial, kinds by marker, blocks side by side."""
    table = trials.columns(result)
    populations = shown(result.circuit, table)
    figure = Figure(figsize=(7.0, 2.2 * len(populations) + 0.6), layout="constrained")
    axes = figure.subplots(len(populations), 1, squeeze=False, sharex=True)[:, 0]
    for ax, population in zip(axes, populations, strict=True):
        draw_curves(ax, table, population)
    axes[0].legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlabel("trial")
    return figure


def rated(circuit: Circuit, table: Mapping[str, Any]) -> list[str]:
    """Populations whose rates the table of trials has."""
    return [name for name in circuit.population if f"{name}.{trials.WHOLE}" in table]


def shown(circuit: Circuit, table: Mapping[str, Any]) -> list[str]:
    """Those of them that a session is about, or all."""
    there = rated(circuit, table)
    return [name for role in SHOWN if (name := circuit.with_role(role)) in there] or there


def draw_curves(ax: Axes, table: Mapping[str, Any], population: str) -> Axes:
    """One population's rates against the trial's number."""
    number = np.array(table["trial"])
    block, kind = (np.array(table[key], dtype=str) for key in ("block", "kind"))
    windows = trials.rate_columns(table, population)
    named = {one: key for one, key in windows.items() if one != trials.WHOLE} or windows
    for colour, (window, key) in zip(cycle(CYCLE), named.items(), strict=False):
        rate = np.array(table[key], dtype=float)
        for marker, of in zip(cycle(MARKERS), dict.fromkeys(kind.tolist()), strict=False):
            mine = (kind == of) & ~np.isnan(rate)
            if mine.any():
                ax.plot(number[mine], rate[mine], marker, ms=3, color=colour, label=f"{words(window)}, {words(of)}")
    begins = np.flatnonzero(np.concatenate([[True], block[1:] != block[:-1]]))
    for begin in begins:
        ax.axvline(begin - 0.5, color="0.8", lw=0.6, zorder=0)
        ax.text(begin, 1.0, words(str(block[begin])), fontsize=7, color="0.4", transform=ax.get_xaxis_transform())
    ax.set_ylabel(f"{words(population)} (Hz)")
    return ax


def weights_after_figure(result: Result) -> Figure:
    """Of each plastic projection the mean weight at the end of every plastic block, and its distribution."""
    learning = result.summary["learning"]
    figure = Figure(figsize=(7.0, 1.9 * len(learning) + 0.5), layout="constrained")
    axes = figure.subplots(len(learning), 2, squeeze=False)
    for (left, right), (name, found) in zip(axes, learning.items(), strict=True):
        unit, scale = unit_of(result.circuit, name)
        draw_means(left, found, scale)
        draw_histograms(right, found, unit, scale)
        left.set_ylabel(f"{words(name)}\nmean (sd), {unit}", fontsize=7)
    axes[0, 1].legend(fontsize=7, frameon=False)
    return figure


def unit_of(circuit: Circuit, projection: str) -> tuple[str, float]:
    """Unit of a plastic projection's weights, and how many of it are one in SI."""
    rule = circuit.projection[projection].plasticity
    conducts = rule is not None and rule.w_max.dimension == "conductance"
    return ("nS", 1e9) if conducts else ("pA", 1e12)


def draw_means(ax: Axes, found: dict[str, Any], scale: float) -> Axes:
    """Mean and standard deviation over synapses at the begin and after every block."""
    blocks = found["blocks"]
    mean, sd = (scale * np.array([one[key] for one in blocks.values()], dtype=float) for key in ("mean", "sd"))
    ax.errorbar(np.arange(len(blocks)), mean, sd, fmt="o-", ms=3, lw=0.8, color=CYCLE[0])
    ax.set_ylim(bottom=0)
    shown = np.unique(np.linspace(0, len(blocks) - 1, min(len(blocks), 6)).astype(int))
    ax.set_xticks(shown, [words([*blocks][place]) for place in shown], fontsize=7, rotation=20)
    return ax


def draw_histograms(ax: Axes, found: dict[str, Any], unit: str, scale: float) -> Axes:
    """Distribution of the weights at the begin and at the end."""
    blocks, edges = found["blocks"], scale * np.array(found["edges"])
    for colour, name in zip(("0.6", CYCLE[1]), dict.fromkeys((next(iter(blocks)), [*blocks][-1])), strict=False):
        ax.stairs(blocks[name]["histogram"], edges, color=colour, fill=colour == "0.6", label=words(name))
    ax.set(xlabel=f"weight ({unit})", ylabel="share of synapses")
    return ax
