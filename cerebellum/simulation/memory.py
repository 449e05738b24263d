"""How much memory a run will take, asked before anything is built."""

from __future__ import annotations

from cerebellum.connectome.connectome import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ResourceError

# Bytes a synapse. With these the estimate is 1.1 to 2 times the peak resident memory of both processes together, as
# measured for recall on kanerva (2.18 GB, estimate 2.37) and jaeckel (0.93, 0.96) and background on mouse (0.32, 0.64).
SPIKING_STATIC, SPIKING_PLASTIC = 65, 120
RATE_PLASTIC = 24
RATE_CELL = 160  # bytes a cell in each realization or age class; mouse with 64 draws peaks at 0.74 GB
AGES, FINE_AGES, FEW = 7, 73, 5_000  # age classes of large populations, of others, and the size that divides them
PAST = 4 / 5e-4  # bytes a second of presynaptic spikes that plasticity remembers, of a cell and realization
MEASURING = 1e9  # beside the interpreter, of measuring a transfer function for the first time: a peak of 1.46 GB
BASE = 600e6  # interpreter, torch, brian2


def needed(circuit: Circuit, engine: str, draws: int = 0) -> float:
    """Bytes that a run of `engine` ('spiking', 'rate' or 'both') needs, roughly."""
    static, plastic = _synapses(circuit)
    spiking = SPIKING_STATIC * static + SPIKING_PLASTIC * plastic if engine != "rate" else 0
    rate = rate_needed(circuit, draws) if engine != "spiking" else 0
    measured = any(one.cell in ("eglif", "conductance_lif") for one in circuit.population.values())
    return BASE + max(spiking, rate, MEASURING if measured and engine != "spiking" else 0)


def rate_needed(circuit: Circuit, draws: int = 0) -> float:
    """Bytes that the rate engine needs on its device, in single precision, roughly."""
    static, plastic = _synapses(circuit)
    sizes = [circuit.size(name) for name, one in circuit.population.items() if one.cell not in ("source", "relay")]
    states = sum(size * max(draws, AGES) if size > FEW else size * FINE_AGES * max(draws, 1) for size in sizes)
    past: dict[str, float] = {}
    for projection in circuit.projection.values():
        if projection.plasticity is not None:
            seconds = max(past.get(projection.source, 0.0), projection.plasticity.timing.support)
            past[projection.source] = seconds
    remembered = PAST * sum(seconds * circuit.size(source) for source, seconds in past.items())
    return RATE_PLASTIC * static + max(draws, 1) * (RATE_PLASTIC * plastic + remembered) + RATE_CELL * states


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
    wanted, free = needed(circuit, engine, draws if card is None else 0), psutil.virtual_memory().available
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
