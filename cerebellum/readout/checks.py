"""What a run did other than its files say, or not at all: counted, each with a sentence for `summary.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel

from cerebellum.activity.outcome import Outcome
from cerebellum.clock import nearest, on_grid
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.rate_stimulus import SpikeTrains
from cerebellum.description.units import Value
from cerebellum.experiment.schedule import Schedule, plastic_spans
from cerebellum.typing import Floats

Check = tuple[int, str]
"""How many, and the sentence that says of what; the count is 0 where there is nothing to say."""
SHOWN = 3  # keys that a sentence names
# No times of anything that happens: decays, and the spread of a jitter, whose spikes are rounded one by one.
NO_INSTANTS = ("time_step", "jitter", "onset_jitter", "interval_jitter", "tau", "tau_m", "tau_rec", "tau_fac", "peak")


def timing(connectome: Connectome, schedule: Schedule, outcome: Outcome) -> dict[str, Check]:
    """All checks of this module, by name."""
    circuit = connectome.circuit
    found = {
        "rounded_times": rounded_times(circuit, schedule.protocol),
        "silent_stimuli": silent_stimuli(schedule),
        "unplayed_spikes": unplayed_spikes(schedule.protocol),
        "moved_spikes": moved_spikes(schedule),
        "lost_spikes": lost_spikes(schedule),
        "not_recorded": not_recorded(schedule, outcome),
    }
    if outcome.spikes:
        found["changes_still_due"] = changes_still_due(connectome, schedule, outcome)
        found["forgotten_teaching"] = forgotten_teaching(connectome, outcome)
    if outcome.rates:
        found["rounded_delays"] = rounded_delays(circuit)
    return found


def rounded_times(circuit: Circuit, protocol: Protocol | None) -> Check:
    """Described times that are no whole time steps."""
    tables = [("", circuit), *([("", protocol)] if protocol is not None else [])]
    off = [
        f"{place} = {value}"
        for path, table in tables
        for place, value in _times(table, path)
        if not on_grid(value.si, circuit.dt)
    ]
    return len(off), f"durations rounded to the nearest step of {circuit.time_step}: {_some(off)}"


def rounded_delays(circuit: Circuit) -> Check:
    """Delays that are no whole steps of the rate engine, which has a longer step of its own."""
    from cerebellum.rate.time_step import BIN, delay

    off = [
        f"projection.{name}.delay = {projection.delay}"
        for name, projection in circuit.projection.items()
        if not on_grid(projection.delay.si, BIN) or delay(projection.delay.si) != nearest(projection.delay.si, BIN)
    ]
    return len(off), f"delays rounded to the rate engine's step of {BIN * 1e3:g} ms, one at least: {_some(off)}"


def silent_stimuli(schedule: Schedule) -> Check:
    """Stimuli that brought no spike: they reach no cell, or have a rate of 0."""
    silent = [place for place, spikes in schedule.drawn.items() if not spikes]
    return len(silent), f"stimuli that brought no spike (no cell reached, or a rate next to 0): {_some(silent)}"


def unplayed_spikes(protocol: Protocol | None) -> Check:
    """Spikes of files behind the end of what is played of them, where the file names no duration."""
    left: dict[str, int] = {}
    for block, one, _, length in protocol.spent() if protocol is not None else ():
        for name, stimulus in one.stimulus.items():
            if isinstance(stimulus, SpikeTrains) and stimulus.duration is None:
                left[f"{block}.stimulus.{name}"] = stimulus.left_over(length)
    listed = _some([f"{count} of {place}" for place, count in left.items() if count])
    return sum(left.values()), f"spikes of files not played, as the trial ends before them: {listed}"


def moved_spikes(schedule: Schedule) -> Check:
    """Spikes of outside fibres drawn into a step in which the fibre fired already."""
    moved = {name: events.moved for name, events in schedule.events.items() if events.moved}
    listed = _some([f"{count} of {name}" for name, count in moved.items()])
    return sum(moved.values()), f"spikes given the next free time step, as a cell fires once a step: {listed}"


def lost_spikes(schedule: Schedule) -> Check:
    """Spikes of outside fibres for which their trial had no free step; of more than 1 % a run is refused."""
    lost = {name: events.lost for name, events in schedule.events.items() if events.lost}
    listed = _some([f"{count} of {name}" for name, count in lost.items()])
    return sum(lost.values()), f"spikes lost, as their trial had no free time step for them: {listed}"


def not_recorded(schedule: Schedule, outcome: Outcome) -> Check:
    """Quantities of records that the engine does not have, or that a lesion has taken out."""
    missing = []
    for name, plan in schedule.records.items():
        had = {key.split(".")[0] for key in outcome.records[name].values} if name in outcome.records else set()
        missing += [f"record.{name}.{quantity}" for quantity in plan.described.of if quantity not in had]
    engine = "spiking" if outcome.spikes else "rate"
    return len(missing), f"quantities that the {engine} engine has not recorded: {_some(missing)}"


def changes_still_due(connectome: Connectome, schedule: Schedule, outcome: Outcome) -> Check:
    """Plastic spikes too near the run's end for their change of weight, which waits for a teacher, to be made."""
    circuit, due = connectome.circuit, {}
    spans, end = plastic_spans(schedule.trials), nearest(schedule.duration, circuit.dt)
    for name, projection in circuit.projection.items():
        if projection.plasticity is None or name not in outcome.weights:
            continue
        arrived = _steps(outcome, projection.source, circuit) + nearest(projection.delay.si, circuit.dt)
        late = arrived + nearest(projection.plasticity.timing.support, circuit.dt) >= end
        on = sum(((arrived >= nearest(a, circuit.dt)) & (arrived < nearest(b, circuit.dt)) for a, b in spans), late & 0)
        if count := int((late & (on > 0)).sum()):
            due[name] = count
    listed = _some([f"{count} of {name}" for name, count in due.items()])
    return sum(due.values()), f"presynaptic spikes whose change of weight was still due when the run ended: {listed}"


def forgotten_teaching(connectome: Connectome, outcome: Outcome) -> Check:
    """Teacher's spikes that could still count when more came than a rule remembers."""
    circuit, forgotten = connectome.circuit, {}
    for name, projection in circuit.projection.items():
        rule = projection.plasticity
        if rule is None or name not in outcome.weights or rule.forgets_on_purpose:
            continue
        edges, teacher = connectome.edges[rule.teacher], circuit.projection[rule.teacher]
        spikes = outcome.spikes[teacher.source]
        order = np.argsort(edges.pre, kind="stable")
        first, last = np.searchsorted(edges.pre[order], [spikes.cell, spikes.cell + 1])
        each = np.repeat(np.arange(len(spikes)), last - first)
        place = np.arange(len(each)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        cell = edges.post[order][first[each] + place]
        step = _steps(outcome, teacher.source, circuit)[each]
        ordered = np.lexsort((step, cell))
        cell, step, kept = cell[ordered], step[ordered], rule.remembered
        window = nearest(rule.timing.support, circuit.dt) * (2 if rule.timing.symmetric else 1)
        again = (cell[kept:] == cell[:-kept]) & (step[kept:] - step[:-kept] < window)
        if count := int(again.sum()):
            forgotten[name] = count
    listed = _some([f"{count} of {name}" for name, count in forgotten.items()])
    return sum(forgotten.values()), f"teacher's spikes forgotten while they could count, one a target cell: {listed}"


def _steps(outcome: Outcome, population: str, circuit: Circuit) -> Any:
    time: Floats = outcome.spikes[population].time
    return nearest(time, circuit.dt)


def _times(table: Any, path: str) -> Iterator[tuple[str, Value]]:
    """Described times with their dotted keys, but for `NO_INSTANTS`."""
    if isinstance(table, Value):
        if table.dimension == "time" and path.rsplit(".", 1)[-1] not in NO_INSTANTS:
            yield path, table
        return
    items: Any = ()
    if isinstance(table, BaseModel):
        items = ((key, getattr(table, key)) for key in type(table).model_fields)
    elif isinstance(table, dict):
        items = table.items()
    elif isinstance(table, list | tuple):
        items = enumerate(table)
    for key, value in items:
        if key != "spread":  # drawn cell by cell
            yield from _times(value, f"{path}.{key}" if path else str(key))


def _some(found: list[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
