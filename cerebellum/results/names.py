"""Readers of a memory as people call and see them."""

from __future__ import annotations

READER_NAMES = {
    "purkinje": "Purkinje spikes",
    "nuclear": "nuclear spikes",
    "granule": "granule spikes",
    "rate": "rate engine",
    "sdm": "SDM, expected",
    "sdm_exact": "SDM, this connectome",
    "attention": "softmax attention",
}

READER_COLOURS = {
    "purkinje": "#117733",
    "nuclear": "#882255",
    "granule": "#cc6677",
    "rate": "#d55e00",
    "sdm": "#000000",
    "sdm_exact": "#888888",
    "attention": "#0072b2",
}
"""Of readers: spikes as their populations are in the shipped models."""
