"""How much memory a run will take, asked before anything is built."""

from __future__ import annotations

from cerebellum.circuit import Circuit
from cerebellum.connectome import expected_synapses
from cerebellum.errors import ResourceError

# Bytes a synapse. With these the estimate is 1.1 to 2 times the peak resident memory of both processes together, as
# measured for recall on kanerva (2.18 GB, estimate 2.37) and jaeckel (0.93, 0.96) and background on mouse (0.32, 0.64).
SPIKING_STATIC, SPIKING_PLASTIC = 65, 120
RATE_PLASTIC = 24
RATE_CELL = 160  # bytes a cell, in each realization or age class; mouse with 64 draws peaks at 0.74 GB (estimate 0.96)
AGES = 7  # age classes of granule cells
BASE = 600e6  # interpreter, torch, brian2


def needed(circuit: Circuit, engine: str, draws: int = 0) -> float:
    """Bytes that a run of `engine` ('spiking', 'rate' or 'both') needs, roughly."""
    static, plastic = _synapses(circuit)
    spiking = SPIKING_STATIC * static + SPIKING_PLASTIC * plastic if engine != "rate" else 0
    return BASE + max(spiking, rate_needed(circuit, draws) if engine != "spiking" else 0)


def rate_needed(circuit: Circuit, draws: int = 0) -> float:
    """Bytes that the rate engine needs on its device, roughly."""
    static, plastic = _synapses(circuit)
    states = max(draws, AGES) * sum(circuit.size(name) for name in circuit.population)
    return RATE_PLASTIC * (max(draws, 1) * plastic + static) + RATE_CELL * states


def _synapses(circuit: Circuit) -> tuple[int, int]:
    """Numbers of static and of plastic ones."""
    expected = expected_synapses(circuit)
    plastic = sum(n for name, n in expected.items() if circuit.projection[name].plasticity is not None)
    return sum(expected.values()) - plastic, plastic


def check(circuit: Circuit, engine: str, draws: int = 0, card: float | None = None) -> None:
    """Refuse a run that would not fit.

    Parameters
    ----------
    card : bytes free on the rate engine's CUDA device; None: it runs on the CPU

    Raises
    ------
    ResourceError
        With the bytes needed, those free, and what to make smaller.
    """
    import psutil

    if card is not None and engine != "spiking" and rate_needed(circuit, draws) > card:
        need, have = rate_needed(circuit, draws) / 2**30, card / 2**30
        less = "make --draws smaller, " if draws > AGES else ""
        raise ResourceError(
            f"the rate engine needs about {need:.1f} GiB on the CUDA device and {have:.1f} GiB are free: {less}choose "
            "a smaller circuit with --set, or run with --device cpu"
        )
    wanted, free = needed(circuit, engine, draws), psutil.virtual_memory().available
    if wanted <= free:
        return
    said = f"this run needs about {wanted / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free; most of it is"
    if draws and needed(circuit, engine) <= free:
        raise ResourceError(f"{said} the state of {draws} draws: make --draws smaller")
    synapses = expected_synapses(circuit)
    largest = max(synapses, key=lambda name: synapses[name])
    source, target = circuit.projection[largest].source, circuit.projection[largest].target
    raise ResourceError(
        f"{said} the {synapses[largest]:,} synapses of {largest}: make population.{source}.count or "
        f"population.{target}.count smaller with --set"
    )
