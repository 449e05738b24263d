"""What a protocol can block: projections, whole populations, or a kind of synapse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cerebellum.errors import brief

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit

WORDS = {
    "gabazine": "every inhibitory synapse",
    "gap_junctions": "every gap junction",
    "synapses": "every projection and gap junction: cells alone",
}


def faults(lesion: Iterable[str], circuit: Circuit) -> list[str]:
    """A line for every name that the circuit does not have."""
    known = [*WORDS, *circuit.population, *circuit.projection]
    return [
        f"lesion: found {brief(name)}; there is nothing of this name to block; there is: {', '.join(known)}"
        for name in lesion
        if name not in known
    ]


def projections(lesion: Iterable[str], circuit: Circuit) -> set[str]:
    """Names of the projections that a lesion blocks."""
    cut = set(lesion)
    blocked = set()
    for name, projection in circuit.projection.items():
        receptor = circuit.population[projection.target].receptor.get(projection.receptor)
        inhibits = receptor is not None and receptor.effect == "inhibitory"
        touched = {name, projection.source, projection.target, "synapses"} | ({"gabazine"} if inhibits else set())
        if cut & touched:
            blocked.add(name)
    return blocked


def gap_junctions(lesion: Iterable[str], circuit: Circuit) -> set[str]:
    """Names of the gap junctions that a lesion blocks."""
    cut = set(lesion)
    return {n for n, j in circuit.gap_junction.items() if cut & {"gap_junctions", "synapses", j.population}}
