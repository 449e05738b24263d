"""Figures of a run, one function a panel: each takes a result or an opened run, draws into axes, and returns them.

    import matplotlib.pyplot as plt
    from cerebellum import open_run, plotting

    with plotting.styled():
        figure, (left, right) = plt.subplots(1, 2, figsize=plotting.size(columns=2), layout="constrained")
        plotting.raster(open_run("runs/demo"), left)
        plotting.rates(open_run("runs/demo"), right)
        plotting.letters((left, right))
        figure.savefig("figure.pdf")

Every function raises an `InputError`, one line, where the run has nothing to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cerebellum.activity.statistics import BIN_WIDTH
from cerebellum.activity.statistics import psth as histogram
from cerebellum.description.appearance import colours, words
from cerebellum.errors import InputError, UnknownNameError
from cerebellum.experiment.schedule import Trial
from cerebellum.plotting import learning, network
from cerebellum.results import Run, current_frequency, trials
from cerebellum.results.names import READER_COLOURS, READER_NAMES
from cerebellum.results.readings import by_distance

ROWS = 100  # cells of a population in a raster
SHOWN = 1.0  # s of a trial


def raster(
    run: Run, ax: Axes, populations: Sequence[str] | None = None, start: float | None = None, stop: float | None = None
) -> Axes:
    """Spikes of populations, one band each, first on top; of a large one an even sample of the cells that fire.

    Parameters
    ----------
    start, stop : s; default the first second of the last block's first trial
    """
    names = _chosen(run, populations, run.spikes, "spikes")
    first = last_block(run)[0]
    start = first.start if start is None else start
    stop = min(first.stop, start + SHOWN) if stop is None else stop
    colour = colours(run.circuit)
    for place, name in enumerate(names):
        spikes = run.spikes[name]
        inside = spikes.within(start, stop)
        time, cell = spikes.time[inside], spikes.cell[inside]
        firing = np.unique(cell)
        shown = firing[np.linspace(0, len(firing) - 1, min(ROWS, len(firing))).astype(int)] if len(firing) else firing
        keep = np.isin(cell, shown)
        height = (np.searchsorted(shown, cell[keep]) + 0.5) / max(1, len(shown))
        size = min(5.0, max(0.8, 40 / max(1, len(shown))))
        ax.plot(
            (time[keep] - start) * 1e3, 0.9 * height - place, "|", ms=size, mew=0.5, color=colour[name], rasterized=True
        )
    labels = [f"{words(name)}\n({run.circuit.size(name):,})" for name in names]
    ax.set_yticks([0.45 - place for place in range(len(names))], labels)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, (stop - start) * 1e3), ylim=(1 - len(names) - 0.05, 1.0), xlabel="time (ms)")
    return ax


def psth(
    run: Run, ax: Axes, populations: Sequence[str] | None = None, block: str | None = None, kind: str | None = None
) -> Axes:
    """Mean rate of a cell over the trials of a block, in bins of 5 ms, a line a population.

    Parameters
    ----------
    block : default the last
    kind : of its trials, where it has several; default all
    """
    names = _chosen(run, populations, run.spikes, "spikes")
    own = last_block(run) if block is None else [trial for trial in run.trials if trial.block == block]
    if not own:
        raise UnknownNameError.of("block", str(block), list(run.protocol.block))
    own = _of_kind(own, kind)
    length = min(trial.stop - trial.start for trial in own)
    colour = colours(run.circuit)
    for name in names:
        rate = histogram(run.spikes[name], run.circuit.size(name), [t.start for t in own], 0.0, length, BIN_WIDTH)
        ax.plot((np.arange(len(rate)) + 0.5) * BIN_WIDTH * 1e3, rate, color=colour[name], label=words(name), lw=1)
    number = f", {len(own)} trials" if len(own) > 1 else ""
    ax.set(xlabel=f"time in trial (ms{number})", ylabel="rate of a cell (Hz)", xlim=(0, length * 1e3))
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def rates(run: Run, ax: Axes, populations: Sequence[str] | None = None) -> Axes:
    """Mean rate and its standard deviation over cells, in the window of the last block; diamonds: published at rest."""
    found = run.summary.get("rates") or {}
    names = _chosen(run, populations, found, "rates")
    colour = colours(run.circuit)
    for place, name in enumerate(names):
        window = found[name]["window"]
        ax.barh(
            place, window["mean"], 0.7, xerr=window["sd"], color=colour[name], error_kw={"lw": 0.8, "ecolor": "0.3"}
        )
    told = {name: run.circuit.population[name].published_rate for name in names}
    published = [(place, told[name]) for place, name in enumerate(names)]
    known = [(place, value.si) for place, value in published if value is not None]
    if known:
        y, x = zip(*known, strict=True)
        ax.plot(x, y, "D", ms=4, mfc="white", mec="black", mew=0.9, label="published, at rest")
        ax.legend(loc="lower right")
    ax.set_yticks(range(len(names)), [words(name) for name in names])
    ax.invert_yaxis()
    ax.set(xlabel="rate (Hz)")
    ax.set_xlim(left=0)
    return ax


def weights(run: Run, ax: Axes) -> Axes:
    """Mean weight that readers give to a stored pattern, by its cosine with the cue, or by its distance from it."""
    if curves := run.summary.get("curve"):
        for name, curve in curves.items():
            _course(ax, name, curve["cosines"], curve["mean"], curve.get("error"))
        ax.axhline(0, color="0.7", lw=0.6, zorder=0)
        ax.set(xlabel="cosine of cue and stored pattern", ylabel="weight (of a cue, sum 1)")
    else:
        kept = run.reader_weights
        if kept.distances is None or not kept.readers:
            raise nothing(run, "weights of stored patterns", "a protocol that reads, as recall")
        for name, values in kept.readers.items():
            _course(ax, name, *by_distance(values, kept.distances))
        ax.set(xlabel="distance of cue and pattern (bits)", ylabel="weight (of a cue, sum 1)")
    legend(ax)
    return ax


def _course(ax: Axes, reader: str, x: Any, y: Any, error: Any) -> None:
    style: dict[str, Any] = {"color": READER_COLOURS[reader], "label": READER_NAMES[reader]}
    if reader in ("sdm", "attention"):
        ax.plot(x, y, "-" if reader == "sdm" else "--", **style)
    else:
        spread = None if error is None else np.nan_to_num(np.array(error, dtype=float))
        ax.errorbar(x, y, spread, fmt="o", ms=3, lw=0.8, alpha=0.85, **style)


def f_i(run: Run, ax: Axes, populations: Sequence[str] | None = None) -> Axes:
    """Rate of cells against the current injected into them, a line a population."""
    found = current_frequency.table(run.spikes, run.circuit, run.protocol, run.trials)
    names = _chosen(run, populations, found, "current steps")
    colour = colours(run.circuit)
    for name in names:
        current, rate = (np.array(found[name][key], dtype=float) for key in ("current", "rate"))
        order = np.argsort(current, kind="stable")
        ax.plot(current[order] * 1e12, rate[order], "o-", ms=3, color=colour[name], label=words(name))
    ax.set(xlabel="injected current (pA)", ylabel="rate (Hz)")
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def learning_curve(run: Run, ax: Axes, population: str | None = None, kind: str | None = None) -> Axes:
    """Rate of a population in each named window of every trial, a line a window, blocks parted by lines.

    Parameters
    ----------
    population : default the Purkinje cells, or the first that has rates
    kind : of trials; default all
    """
    table = run.trial_table
    rated = [] if table is None else trials.rated(table)
    if table is None or len(run.trials) < 3 or not rated:
        raise nothing(run, "course of trials", "a protocol of three trials or more")
    names = list(dict.fromkeys(key.split(".")[0] for key in rated))
    name = population or run.circuit.with_role("purkinje") or names[0]
    if name not in names:
        raise UnknownNameError.of("population with rates", name, names)
    windows = trials.rate_columns(table, name)
    named = {window: key for window, key in windows.items() if window != trials.WHOLE} or windows
    shown = [run.trials.index(trial) for trial in _of_kind(run.trials, kind)]
    for window, key in named.items():
        rate = np.array(table[key], dtype=float)[shown]
        ax.plot(np.array(shown) + 1, rate, "o-", ms=2.5, lw=0.8, label=words(window))
    for number, (trial, next_one) in enumerate(zip(run.trials[:-1], run.trials[1:], strict=True), start=1):
        if trial.block != next_one.block:
            ax.axvline(number + 0.5, color="0.8", lw=0.6, zorder=0)
    ax.set(xlabel="trial", ylabel=f"rate of {words(name)} cells (Hz)")
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def plastic_weights(run: Run, ax: Axes, projection: str | None = None) -> Axes:
    """Weights of a plastic projection at the begin (filled) and after the last block that learns.

    Parameters
    ----------
    projection : default the first that learned
    """
    found = run.summary.get("learning") or {}
    if not found:
        raise nothing(run, "learned weights", "a protocol with plasticity on a model that learns, as mouse_plastic")
    name = projection or next(iter(found))
    if name not in found:
        raise UnknownNameError.of("projection that learned", name, list(found))
    learning.draw_histograms(ax, found[name], *learning.unit_of(run.circuit, name)).set_title(words(name))
    legend(ax)
    return ax


def connectivity(run: Run, ax: Axes) -> Axes:
    """Mean convergence of every pair of populations."""
    assert run.connectome is not None
    network.draw_convergence(ax, run.connectome).set_title("synapses on a target cell, mean")
    return ax


def placement(run: Run, ax: Axes) -> Axes:
    """Somata in the volume, on axes with three dimensions (`projection="3d"`)."""
    if run.circuit.volume is None:
        raise nothing(run, "places of cells", "a model with a [volume], as mouse")
    if ax.name != "3d":
        raise InputError(f"placement: found axes of the kind {ax.name!r}; wanted projection='3d'")
    assert run.connectome is not None
    return network.draw_placement(ax, run.connectome)


def circuit(run: Run, ax: Axes) -> Axes:
    """Populations with their cells, connections with their synapses."""
    network.draw_circuit(ax, run.circuit, points=7)
    ax.set_title("")
    return ax


def agreement(run: Run, ax: Axes) -> Axes:
    """Identity R2 of one reader's weights about another's, all pairs filled, other patterns' alone open."""
    found = run.summary.get("agreement") or {}
    rows = [
        (a, b, one)
        for key, one in found.items()
        for a, between, b in [key.partition("_vs_")]
        if between and b in READER_NAMES and one.get("identity", one.get("r2")) is not None
    ]
    if not rows:
        raise nothing(run, "agreement of readers", "a protocol that reads, as recall")
    measure = "identity" if "identity" in rows[0][2] else "r2"
    for place, (a, _, one) in enumerate(rows):
        ax.plot(one[measure], place, "o", ms=4, color=READER_COLOURS[a], label="all pairs" if place == 0 else None)
        if measure in (others := one.get("others", {})) and others[measure] is not None:
            label = "other patterns" if place == 0 else None
            ax.plot(others[measure], place, "o", ms=4, mfc="none", color=READER_COLOURS[a], label=label)
    ax.set_yticks(range(len(rows)), [f"{READER_NAMES[a]} /\n{READER_NAMES[b]}" for a, b, _ in rows])
    ax.invert_yaxis()
    ax.axvline(1, color="0.7", lw=0.6, zorder=0)
    ax.set(xlabel="identity R2" if measure == "identity" else "squared correlation")
    ax.legend(loc="center left")
    ax.set_xlim(left=min(0.0, *(one[measure] for _, _, one in rows)), right=1.03)
    return ax


def _chosen(run: Run, wanted: Sequence[str] | None, there: Any, what: str) -> list[str]:
    """Populations asked for, or all that have it, in the order of the model."""
    known = [name for name in run.circuit.population if name in there]
    if not known:
        raise nothing(run, what, "a run of the spiking engine" if what == "spikes" else "another protocol")
    for name in wanted or ():
        if name not in known:
            raise UnknownNameError.of(f"population with {what}", name, known)
    return known if wanted is None else [name for name in known if name in wanted]


def _of_kind(listed: list[Trial], kind: str | None) -> list[Trial]:
    """Trials of a kind; all, if none is asked for."""
    found = [trial for trial in listed if kind in (None, trial.kind)]
    if not found:
        raise UnknownNameError.of("kind of trial", str(kind), sorted({trial.kind for trial in listed if trial.kind}))
    return found


def last_block(run: Run) -> list[Trial]:
    """Its trials."""
    return [trial for trial in run.trials if trial.block == run.trials[-1].block]


def nothing(run: Run, what: str, wanted: str) -> InputError:
    """The one line of what a run has nothing of."""
    return InputError(f"{run!r} has no {what} to draw; wanted {wanted}")


def legend(ax: Axes) -> None:
    """Beside the axes, so that it hides nothing."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
