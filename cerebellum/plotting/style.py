"""Colours and places of populations and readers, one for every figure."""

from __future__ import annotations

COLOURS = {
    "mossy_fiber": "#8c6d31", "glomerulus": "#bd9e39", "granule": "#d6616b", "golgi": "#3182bd", "stellate": "#6baed6",
    "basket": "#08519c", "purkinje": "#31a354", "nuclear": "#756bb1", "nucleo_olivary": "#9e9ac8",
    "inferior_olive": "#e6550d",
}  # fmt: skip


# Where a population stands in the diagram: input left, output right, as the signal flows.
PLACES = {
    "mossy_fiber": (0.0, 1.0), "glomerulus": (1.5, 1.0), "granule": (3.0, 1.0), "golgi": (2.2, 2.6),
    "stellate": (4.6, 2.6), "basket": (6.2, 2.6), "purkinje": (6.2, 1.0), "nuclear": (8.2, 1.0),
    "nucleo_olivary": (8.2, -0.6), "inferior_olive": (6.2, -0.6),
}  # fmt: skip


def words(name: str) -> str:
    """A name of the schema as a label."""
    return name.replace("_", " ")


READER_COLOURS = {
    "purkinje": "#31a354", "granule": "#d6616b", "rate": "#e6550d", "sdm": "#222222", "sdm_exact": "#888888",
    "attention": "#3182bd", "nuclear": "#756bb1",
}  # fmt: skip
