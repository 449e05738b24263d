"""Attention heads: their keys, queries and values, encoded for a circuit and pushed through it."""
