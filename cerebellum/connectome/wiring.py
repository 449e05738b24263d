"""Drawing the synapses of one projection: its rule draws who contacts whom, and contacts are drawn on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cerebellum.description.edges import Edges
from cerebellum.description.wiring import Ends

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit


def draw(ends: Ends, rng: np.random.Generator) -> Edges:
    """Synapses of a projection."""
    projection = ends.projection
    edges = projection.rule.draw(ends, rng)
    if projection.contacts is not None:
        mean, sd = projection.contacts.mean.number, projection.contacts.sd.number
        contacts = np.maximum(np.rint(mean + sd * rng.standard_normal(len(edges))), 1.0)
        edges = Edges(edges.pre, edges.post, contacts if edges.contacts is None else contacts * edges.contacts)
    return edges


def expected_synapses(circuit: Circuit) -> dict[str, int]:
    """Number of synapses of each projection, before sampling."""
    return {name: p.rule.expected(Ends(circuit, p)) for name, p in circuit.projection.items()}
