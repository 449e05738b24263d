"""How much memory a run will take, asked before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cerebellum.connectome.connectome import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ResourceError
from cerebellum.simulation.engines import Engine

BASE = 600e6  # bytes; interpreter, torch, brian2


def needed(circuit: Circuit, chosen: Sequence[tuple[Engine, Any]]) -> float:
    """Bytes that a run of these engines, each with its options, one after the other, needs, roughly."""
    return BASE + max(engine.memory(circuit, options) for engine, options in chosen)


def check(circuit: Circuit, chosen: Sequence[tuple[Engine, Any]]) -> None:
    """Refuse a run that would not fit.

    Raises
    ------
    ResourceError
        With the bytes needed, those free, and what to make smaller.
    """
    import psutil

    wanted, free = needed(circuit, chosen), psutil.virtual_memory().available
    if wanted <= free:
        return
    said = f"this run needs about {wanted / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free; most of it is"
    draws = max(getattr(options, "draws", 0) for _, options in chosen)
    if draws and needed(circuit, [(engine, engine.options()) for engine, _ in chosen]) <= free:
        raise ResourceError(f"{said} the state of {draws} draws: make --draws smaller")
    synapses = expected_synapses(circuit)
    largest = max(synapses, key=lambda name: synapses[name])
    source, target = circuit.projection[largest].source, circuit.projection[largest].target
    raise ResourceError(
        f"{said} the {synapses[largest]:,} synapses of {largest}: make population.{source}.count or "
        f"population.{target}.count smaller with --set"
    )
