"""Whether a protocol can run on a circuit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from cerebellum.clock import nearest
from cerebellum.description import lesions, library, overlays
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import values
from cerebellum.description.trial import MAIN, Window, windows_by_name
from cerebellum.description.units import Value, steps
from cerebellum.errors import InputError, ProtocolFileError, brief

SETTLED = 1e-3  # s; beside the delay and the support of a rule, for times on the grids of either engine
MOST_STEPS = 1e9  # of a run; at 0.1 ms a day of biological time


def check_together(protocol: Protocol, circuit: Circuit) -> None:
    """Whether this protocol can run on this circuit.

    Raises
    ------
    ProtocolFileError
        Every mismatch: a stimulated population that the circuit lacks or that makes its own spikes, more patterns than
        the pointer bits can resolve, times off the circuit's grid.
    """
    faults = lesions.faults(protocol.lesion, circuit)
    if protocol.loop is not None:
        faults += protocol.loop.faults(circuit, list(protocol.block))
    if protocol.eyelid is not None and circuit.find(protocol.eyelid.population) is None:
        faults.append(f"eyelid.population: the model has no {brief(protocol.eyelid.population)}")
    for place, stimulus in protocol.stimuli.items():
        faults += stimulus.faults(place, circuit)
        faults += [
            f"{place}.{inner}: found {value}, more than a spike a time step of {circuit.time_step}; "
            f"wanted at most {1 / circuit.dt:g} Hz, or a smaller time_step"
            for inner, value in values(stimulus)
            if value.dimension == "rate" and value.si * circuit.dt > 1
        ]
    for name, record in protocol.record.items():
        faults += record.faults(f"record.{name}", circuit)
    for key, time in _lengths(protocol):
        try:
            steps(time.si, circuit.dt)
        except InputError as error:
            faults.append(f"{key}: {error}")
    faults += [
        f"{key}: from {window.onset} on for {window.duration}, no time step of {circuit.time_step}; wanted one at least"
        for key, window in _windows(protocol)
        if nearest(window.onset.si + window.duration.si, circuit.dt) <= nearest(window.onset.si, circuit.dt)
    ]
    faults += _still_learning(protocol, circuit)
    if (steps_in_all := protocol.duration / circuit.dt) > MOST_STEPS:
        faults.append(
            f"block: {protocol.duration:g} s are {steps_in_all:.3g} time steps of {circuit.time_step}; wanted at most "
            f"{MOST_STEPS:.0e}: shorter or fewer trials"
        )
    weighed = protocol.weights and protocol.block_of("read") is not None
    if weighed and 2 * protocol.pattern_count > circuit.zones:
        faults.append(
            f"patterns.count: found {protocol.pattern_count}; with {circuit.zones} pointer bits (microzones) the "
            f"weights of at most {circuit.zones // 2} patterns can be told apart; store fewer, set more microzones, "
            "or weights = false"
        )
    if faults:
        raise ProtocolFileError("\n".join(faults))


def _still_learning(protocol: Protocol, circuit: Circuit) -> Iterator[str]:
    """Independent trials that begin before all is learned of the spikes of an earlier block."""
    late = max(
        (p.delay.si + p.plasticity.timing.support + SETTLED for p in circuit.projection.values() if p.plasticity),
        default=0.0,
    )
    since = math.inf
    for name, block in protocol.block.items():
        if block.independent:
            if since < late:
                yield (
                    f"block.{name}.independent: begins {since * 1e3:g} ms after a trial that learns; weights change "
                    f"for {late * 1e3:g} ms after it; wanted a block without plasticity and so long before it"
                )
            continue
        kinds = protocol.kinds_of(name).values()
        if any(one.plasticity for one, _ in kinds):
            since = 0.0
        else:
            jitter = block.interval_jitter.si if block.interval_jitter else 0.0
            pause = (block.interval.si if block.interval else 0.0) - jitter
            rounds = int(block.repeats.number) if block.repeats and block.over == "kinds" else 1
            since += sum(rounds * count * (one.duration + pause) for one, count in kinds)


def _windows(protocol: Protocol) -> Iterator[tuple[str, Window]]:
    """All windows with their keys."""
    for place, tables in (("block", protocol.block), ("trial", protocol.trial)):
        for name, table in tables.items():
            for key, window in windows_by_name(table.window, table.windows).items():
                yield f"{place}.{name}.{key if key == MAIN else f'windows.{key}'}", window


def _lengths(protocol: Protocol) -> Iterator[tuple[str, Value]]:
    """Times that move all that comes after, with their keys."""
    for name, kind in protocol.trial.items():
        yield f"trial.{name}.duration", kind.duration
    for name, block in protocol.block.items():
        for key in ("trial_duration", "interval"):
            if (time := getattr(block, key)) is not None:
                yield f"block.{name}.{key}", time


def other_model(protocol: str | Protocol, model: str) -> str:
    """A sentence if the model of this name or path is none that the protocol is made for; else empty."""
    if isinstance(protocol, str):
        tables = library.read_extended("protocols", protocol)[0]
        title, named = tables.get("title"), tables.get("models")
    else:
        title, named = protocol.title, protocol.models
    lineage = [layer.path.stem for layer in overlays.layers(model)]
    if not isinstance(named, list) or not named or any(name in named for name in lineage):
        return ""
    return f"the protocol {title!r} is made for {', '.join(map(str, named))}, and not for {overlays.stem(model)}"
