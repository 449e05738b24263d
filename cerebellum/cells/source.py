"""Cells whose spikes the protocol gives: mossy fibres, and climbing fibres driven as patterns."""

from __future__ import annotations

from cerebellum.cells.model import CellModel

MODEL = CellModel(name="source")
