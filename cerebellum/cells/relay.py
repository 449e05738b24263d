"""Cells that pass on every spike they get: glomeruli, where a mossy fibre meets its granule cells."""

from __future__ import annotations

from cerebellum.cells.model import CellModel, Receptors


def equations(receptors: Receptors) -> str:
    """One number: spikes that have arrived and are still to be passed on."""
    return "arrived : 1"


MODEL = CellModel(
    name="relay", equations=equations, arrival="arrived_post += 1", threshold="arrived > 0", reset="arrived -= 1"
)
