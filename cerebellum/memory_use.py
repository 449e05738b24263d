"""How much memory a run will take, asked before anything is built."""

from __future__ import annotations

from cerebellum.circuit import Circuit
from cerebellum.connectome import expected_synapses
from cerebellum.errors import ResourceError

# Bytes a synapse. With these the estimate is 1.1 to 2 times the peak resident memory of both processes together, as
# measured for recall on kanerva (2.18 GB, estimate 2.37) and jaeckel (0.93, 0.96) and background on mouse (0.32, 0.64).
SPIKING_STATIC, SPIKING_PLASTIC = 65, 120
RATE_PLASTIC = 24
RATE_CELL = 100  # bytes of a cell's state and of what a step makes of it, in each realization or age class
AGES = 7  # age classes of granule cells
BASE = 600e6  # interpreter, torch, brian2


def needed(circuit: Circuit, engine: str, draws: int = 0) -> float:
    """Bytes that a run of `engine` ('spiking', 'rate' or 'both') needs, roughly."""
    static = plastic = 0
    for name, synapses in expected_synapses(circuit).items():
        if circuit.projection[name].plasticity is None:
            static += synapses
        else:
            plastic += synapses
    spiking = SPIKING_STATIC * static + SPIKING_PLASTIC * plastic if engine != "rate" else 0
    states = max(draws, AGES) * sum(circuit.size(name) for name in circuit.population)
    rate = RATE_PLASTIC * (max(draws, 1) * plastic + static) + RATE_CELL * states if engine != "spiking" else 0
    return BASE + max(spiking, rate)


def check(circuit: Circuit, engine: str, draws: int = 0) -> None:
    """Refuse a run that would not fit.

    Raises
    ------
    ResourceError
        With the bytes needed, those free, and the largest projection.
    """
    import psutil

    wanted, free = needed(circuit, engine, draws), psutil.virtual_memory().available
    if wanted > free:
        synapses = expected_synapses(circuit)
        largest = max(synapses, key=lambda name: synapses[name])
        source, target = circuit.projection[largest].source, circuit.projection[largest].target
        need, have = wanted / 2**30, free / 2**30
        raise ResourceError(
            f"this run needs about {need:.1f} GiB of memory and {have:.1f} GiB are free; most of it is the "
            f"{synapses[largest]:,} synapses of {largest}: make population.{source}.count or "
            f"population.{target}.count smaller with --set"
        )
