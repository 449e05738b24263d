"""Figures of a run: one function a panel, one style, sizes of journals; only this folder imports matplotlib.

A panel takes a result or an opened run and axes, and returns the axes (`panels`); `figure` makes a whole one by name.
"""

from cerebellum.machine import cache

with cache.lent():
    import matplotlib.font_manager  # noqa: F401  which reads, or makes, the list of fonts

from cerebellum.plotting.course_panels import conditioned_responses, engines, eyelid, in_degrees, records, trials
from cerebellum.plotting.journal import figure, letters, save, size, styled
from cerebellum.plotting.panels import (
    agreement,
    circuit,
    connectivity,
    f_i,
    learning_curve,
    placement,
    plastic_weights,
    psth,
    raster,
    rates,
    weights,
)

__all__ = [
    "agreement", "circuit", "conditioned_responses", "connectivity", "engines", "eyelid", "f_i", "figure", "in_degrees",
    "learning_curve", "letters", "placement", "plastic_weights", "psth", "raster", "rates", "records", "save", "size",
    "styled", "trials", "weights",
]  # fmt: skip
