"""The synapses of the mean cell of a population: what decides, beside the cell, what `single_cell` measures.

Not part of what a measurement is hashed by, as its numbers are.
"""

from __future__ import annotations

from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome, expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.projection import Projection
from cerebellum.rate.single_cell import Input


def spike_weight(connectome: Connectome, projection: str) -> float:
    """Peak conductance (S) that one spike opens, all contacts together; of short-term plastic synapses when rested."""
    described = connectome.circuit.projection[projection]
    contacts = described.contacts.mean.number if described.contacts is not None else 1.0
    return connectome.weight[projection] * contacts * _released(connectome.circuit, described)


def _released(circuit: Circuit, described: Projection) -> float:
    """Share of its weight that a rested synapse transmits at a spike; of groups of fibres their mean, sites and all."""
    if described.groups is not None:
        share = circuit.population[described.groups.of].group
        return sum(
            share[name].fraction.si * group.sites.number * (group.short_term.U.si if group.short_term else 1.0)
            for name, group in described.groups.synapses.items()
        )
    return described.short_term.U.si if described.short_term is not None else 1.0


def inputs(connectome: Connectome, population: str, drawn: bool = False) -> dict[str, Input]:
    """Projections onto a population, and as '' its outside fibre, one a cell.

    Known are the spikes that the protocol gives, and those of cells with an outside fibre: the olive fires at that. If
    `drawn`, those of `sampled` populations, too.
    """
    circuit = connectome.circuit
    synapses, out = expected_synapses(circuit), {}
    afferent = circuit.population[population].afferent
    if afferent is not None:
        out[""] = Input(afferent.receptor, "", 1.0, afferent.weight.si, known=True)
    for name, projection in circuit.projection.items():
        if projection.target != population or not projection.receptor:
            continue
        source = circuit.population[projection.source]
        known = not MODELS[source.cell].has_membrane or source.afferent is not None
        known |= drawn and source.sampled
        # Two digits, so that circuits of different size, whose means differ by rounding, share what is measured.
        number = float(f"{synapses[name] / circuit.size(population):.2g}")
        weight = spike_weight(connectome, name)
        out[name] = Input(projection.receptor, projection.source, number, weight, known)
    return out
