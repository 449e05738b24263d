"""A cerebellar network simulator: spiking (Brian2) and rate (torch) engines on one circuit description."""

__version__ = "0.1.0"
