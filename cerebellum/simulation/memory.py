"""How much memory a run will take, asked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.record import Record
from cerebellum.errors import ResourceError
from cerebellum.simulation.engines import Engine

BASE = 600e6  # bytes; interpreter, torch, brian2
GIVEN, FIRED = 80, 48  # bytes a spike: of the protocol while its spikes are put on the grid, of a cell with its copies
MEAN_RATE = 10.0  # Hz, over all cells; a run's own rates are not known before it
SNAPSHOT = 24  # bytes of a plastic synapse's weight at the end of a block: the engine's, the result's, the file's
SAMPLE = 32  # bytes of a recorded number: the program's file, the array, the quantities made of it, the NWB file
BIT = 12  # bytes of a pattern's or cue's bit while it is drawn


def needed(circuit: Circuit, chosen: Sequence[tuple[Engine, Any]], protocol: Protocol | None = None) -> float:
    """Bytes that a run of these engines, each with its options, one after the other, needs, roughly.

    With the protocol also what it gives and what is kept of the run.
    """
    kept = sum(recorded(circuit, protocol).values()) if protocol else 0.0
    return BASE + max(engine.memory(circuit, options) for engine, options in chosen) + kept


def recorded(circuit: Circuit, protocol: Protocol) -> dict[str, float]:
    """What grows with the protocol -> bytes, roughly."""
    given, ends = 0.0, sum(block.plasticity for block in protocol.block.values())
    for _, one, trials, length in protocol.spent():
        for stimulus in one.stimulus.values():
            name = circuit.find(stimulus.population)
            given += trials * stimulus.expected(circuit.size(name), length) if name and not stimulus.injects else 0.0
    cells = sum(circuit.size(name) for name in circuit.population)
    synapses = expected_synapses(circuit)
    plastic = sum(n for name, n in synapses.items() if circuit.projection[name].plasticity is not None)
    samples = {
        f"record.{name}": protocol.recorded_seconds(record) * _numbers(record, circuit, synapses)
        for name, record in protocol.record.items()
    }
    patterns, fibers = protocol.pattern_count, circuit.with_role("mossy_fiber")
    cues = sum(protocol.trials_in(block) for block in protocol.block.values() if block.over == "cues")
    bits = (circuit.size(fibers) if fibers else 0) + circuit.zones
    return {
        "the spikes that the protocol gives": GIVEN * given,
        f"the spikes of {protocol.duration:g} s": FIRED * cells * MEAN_RATE * protocol.duration,
        f"the weights kept at the ends of {ends} plastic blocks": float(SNAPSHOT * plastic * max(ends - 1, 0)),
        **{name: SAMPLE * number for name, number in samples.items()},
        f"{patterns:,} patterns and {cues:,} cues": float(BIT * bits * (patterns + cues) + bits * patterns * cues),
    }


def _numbers(record: Record, circuit: Circuit, synapses: Mapping[str, float]) -> float:
    """Numbers that a record makes a second."""
    if record.projection is not None:
        width = synapses[record.projection] * record.share(circuit)
    else:
        name = circuit.find(record.population or "")
        receptors = len(circuit.population[name].receptor) if name else 0
        kinds = sum(receptors if of in ("conductance", "current") else 1 for of in record.of)
        width = circuit.size(name) * record.share(circuit) * kinds if name else 0.0
    return width * record.samples(1.0, circuit.dt)


def check(circuit: Circuit, chosen: Sequence[tuple[Engine, Any]], protocol: Protocol | None = None) -> None:
    """Refuse a run that would not fit.

    Raises
    ------
    ResourceError
        With the bytes needed, those free, and what to make smaller.
    """
    import psutil

    wanted, free = needed(circuit, chosen, protocol), psutil.virtual_memory().available
    if wanted <= free:
        return
    said = f"this run needs about {wanted / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free; most of it is"
    draws = max(getattr(options, "draws", 0) for _, options in chosen)
    if draws and needed(circuit, [(engine, engine.options()) for engine, _ in chosen]) <= free:
        raise ResourceError(f"{said} the state of {draws} draws: make --draws smaller")
    parts = recorded(circuit, protocol) if protocol else {}
    if parts and 2 * max(parts.values()) > wanted:
        raise ResourceError(
            f"{said} {max(parts, key=lambda part: parts[part])}: make the protocol or the circuit smaller"
        )
    synapses = expected_synapses(circuit)
    largest = max(synapses, key=lambda name: synapses[name])
    source, target = circuit.projection[largest].source, circuit.projection[largest].target
    raise ResourceError(
        f"{said} the {synapses[largest]:,} synapses of {largest}: make population.{source}.count or "
        f"population.{target}.count smaller with --set"
    )
