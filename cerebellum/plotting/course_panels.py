"""Panels of what goes on over time and differs from cell to cell: sessions, eyelid, records, engines, in-degrees.

Of each there may be several in a run: a panel draws one, `parts` lists all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from matplotlib.axes import Axes

from cerebellum.connectome.connectome import Degree, degrees
from cerebellum.description.appearance import colours, words
from cerebellum.description.eyelid import Eyelid
from cerebellum.errors import UnknownNameError
from cerebellum.plotting import closures, degree_histograms, engine_courses, learning, recordings
from cerebellum.plotting.panels import last_block, legend, nothing
from cerebellum.results import Run
from cerebellum.results import eyelid as eyelid_results

Panel = Callable[..., Axes]


def trials(run: Run, ax: Axes, population: str | None = None) -> Axes:
    """Rate of a population in each named window of every trial: windows by colour, kinds of trials by marker.

    Parameters
    ----------
    population : default the Purkinje cells, or the first that has rates
    """
    table = run.trial_table
    names = [] if table is None else learning.shown(run.circuit, table)
    if table is None or len(run.trials) < 3 or not names:
        raise nothing(run, "course of trials", "a protocol of three trials or more")
    name = _one("population with rates", population, learning.rated(run.circuit, table), names)
    learning.draw_curves(ax, table, name)
    ax.set_xlabel("trial")
    legend(ax)
    return ax


def eyelid(run: Run, ax: Axes) -> Axes:
    """Mean closure of the eyelid over the trials of each block; dashed where the unconditioned stimulus comes."""
    described, name = _conditioned(run)
    source = run.spikes[name] if name in run.spikes else run.rates[name]
    found = eyelid_results.courses(described, run.trials, source, run.circuit.size(name))
    return closures.draw_closures(ax, found, described)


def conditioned_responses(run: Run, ax: Axes) -> Axes:
    """Share of conditioned responses in tens of trials of a block, a line a criterion."""
    _conditioned(run)
    table = run.trial_table
    if table is None:
        raise nothing(run, "table of trials", "a folder of this version: run again")
    return closures.draw_shares(ax, table)


def records(run: Run, ax: Axes, record: str | None = None, quantity: str | None = None) -> Axes:
    """One quantity of a record: a few cells in its first second; weights and rates over the whole of it.

    Parameters
    ----------
    record : its name in the protocol; default the first
    quantity : as `voltage`, or `conductance.RECEPTOR`; default the record's first
    """
    found = run.records
    if not found:
        raise nothing(run, "records", "a protocol with [record.NAME]")
    name = _one("record", record, list(found), list(found))
    known = list(found[name].values)
    key = _one(f"quantity of record {name}", quantity, known, known)
    recordings.draw_record(ax, found[name], key, colours(run.circuit)[found[name].population])
    ax.set_title(f"{words(name)}: {words(found[name].projection or found[name].population)}")
    ax.set_xlabel("time (s)")
    return ax


def engines(run: Run, ax: Axes, population: str | None = None) -> Axes:
    """Mean time course over the last block's trials: of spikes filled, of the rate engine as a line.

    Parameters
    ----------
    population : default the first
    """
    known = [name for name in run.circuit.population if name in run.rates]
    if not known:
        raise nothing(run, "rates over time", "a run of the rate engine, or of both")
    name = _one("population with rates", population, known, known)
    spans = [(trial.start, trial.stop) for trial in last_block(run)]
    engine_courses.draw_courses(ax, run.spikes.get(name), run.rates[name], spans, colours(run.circuit)[name])
    ax.set_title(words(name))
    ax.set(xlabel="time in trial (ms)", ylabel="rate (Hz)")
    return ax


def in_degrees(run: Run, ax: Axes, projection: str | None = None) -> Axes:
    """Histogram of a projection's in-degrees, filled; black: as described, dotted its mean.

    Parameters
    ----------
    projection : default the first whose target cells differ
    """
    varied = _varied(run)
    if not varied:
        raise nothing(run, "in-degrees that differ", "a model whose target cells differ in them, as mouse")
    known = list(varied)
    return _in_degrees(run, ax, varied[_one("projection whose in-degrees differ", projection, known, known)])


def _in_degrees(run: Run, ax: Axes, degree: Degree) -> Axes:
    assert run.connectome is not None
    found = degree_histograms.in_degrees(run.connectome, degree)
    ax.stairs(found.counts, found.edges, fill=True, color=found.colour)
    if found.described is not None:
        ax.plot(*found.described, color="black", lw=0.8)
    if found.mean is not None:
        ax.axvline(found.mean, color="black", lw=0.8, ls=":")
    ax.set_title(found.heading, fontsize=7)
    ax.set(xlabel="in-degree", ylabel="target cells")
    ax.set_ylim(bottom=0)
    return ax


def parts(run: Run, name: str) -> list[Panel]:
    """A panel for each population, quantity or projection of the run that the figure has; none, if it has nothing."""
    if name == "trials":
        table = run.trial_table
        populations = [] if table is None else learning.shown(run.circuit, table)
        return [partial(trials, population=one) for one in populations]
    if name == "records":
        found = run.records.items()
        return [partial(records, record=one, quantity=key) for one, record in found for key in record.values]
    if name == "engines":
        return [partial(engines, population=one) for one in run.circuit.population if one in run.rates]
    return [partial(_in_degrees, degree=one) for one in _varied(run).values()]


def _varied(run: Run) -> dict[str, Degree]:
    assert run.connectome is not None
    return {one.projection: one for one in degrees(run.connectome) if one.realised_sd > 0}


def _conditioned(run: Run) -> tuple[Eyelid, str]:
    """The eyelid, and the population that closes it."""
    described = run.protocol.eyelid
    name = None if described is None else run.circuit.find(described.population)
    if described is None or name is None or not run.summary.get("eyelid"):
        raise nothing(run, "eyelid", "a protocol with [eyelid], as eyeblink")
    return described, name


def _one(what: str, wanted: str | None, known: list[str], usual: list[str]) -> str:
    """What is asked for, of those there are; else the first of the usual."""
    if wanted is not None and wanted not in known:
        raise UnknownNameError.of(what, wanted, known)
    return usual[0] if wanted is None else wanted
