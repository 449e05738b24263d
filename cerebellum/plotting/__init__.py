"""Figures. Every draw_ function takes and returns axes; only this folder imports matplotlib."""

from cerebellum.machine import cache

with cache.lent():
    import matplotlib.font_manager  # noqa: F401  which reads, or makes, the list of fonts
