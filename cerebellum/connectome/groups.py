"""Groups of fibres, and what the synapses of each do: release sites, and short-term plasticity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.description.edges import Edges
from cerebellum.description.projection import Release, ShortTerm, SynapseGroups
from cerebellum.machine.streams import generator
from cerebellum.typing import Cells

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit


def of_cells(circuit: Circuit, population: str, seed: int) -> Cells:
    """Number of the group that each cell is in, shape (cells,).

    The order of cells is that of random selections of stimuli, so that `fiber_groups` of the same shares are the same
    fibres.
    """
    cells = circuit.size(population)
    sizes = list(circuit.population[population].group_sizes(cells).values())
    found = np.empty(cells, np.int32)
    found[generator(seed, "where", population, "one").permutation(cells)] = np.repeat(np.arange(len(sizes)), sizes)
    return found


def _of_sources(circuit: Circuit, groups: SynapseGroups, drawn: Mapping[str, Edges], seed: int) -> Cells:
    """Place in `groups.synapses` of each source cell of a projection, shape (sources,)."""
    names = list(groups.synapses)
    place = np.array([names.index(name) for name in circuit.population[groups.of].group], np.int32)
    fibers = place[of_cells(circuit, groups.of, seed)]
    if groups.through is None:
        return fibers
    feed = drawn[groups.through]
    found = np.zeros(circuit.size(circuit.projection[groups.through].target), np.int32)
    found[feed.post] = fibers[feed.pre]  # one fibre a cell
    return found


def with_sites(circuit: Circuit, name: str, edges: Edges, drawn: Mapping[str, Edges], seed: int) -> Edges:
    """The synapses of a projection with each group's release sites; those of groups with none are left out."""
    groups = circuit.projection[name].groups
    if groups is None:
        return edges
    each = np.array([group.sites.number for group in groups.synapses.values()])
    sites = each[_of_sources(circuit, groups, drawn, seed)][edges.pre]
    contacts, kept = sites if edges.contacts is None else sites * edges.contacts, sites > 0
    return Edges(edges.pre[kept], edges.post[kept], contacts[kept])


def release(circuit: Circuit, name: str, drawn: Mapping[str, Edges], seed: int) -> Release | None:
    """Short-term plasticity of a projection, if any; a group without it transmits its whole weight at every spike."""
    projection = circuit.projection[name]
    if projection.short_term is not None:
        return projection.short_term.si
    if projection.groups is None or not projection.release:
        return None
    table = np.array([_numbers(group.short_term) for group in projection.groups.synapses.values()])
    return Release(*table[_of_sources(circuit, projection.groups, drawn, seed)].T)


def _numbers(rule: ShortTerm | None) -> tuple[float, float, float]:
    return (1.0, 0.0, 0.0) if rule is None else (rule.U.si, rule.tau_rec.si, rule.tau_fac.si)
