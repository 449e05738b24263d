"""Sparse distributed memories as objects, from a few hundred cells to 1e9."""
