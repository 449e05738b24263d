"""Sparse distributed memory's geometry on one page: the functions other modules call."""

from cerebellum.theory.circles import (
    NeuronCount,
    ball_volume,
    empty_ball_probability,
    expected_neurons,
    intersection,
    log_ball_volume,
    log_intersection,
    neuron_count,
)
from cerebellum.theory.continuous import cap_intersection, cap_volume

__all__ = [
    "NeuronCount",
    "ball_volume",
    "cap_intersection",
    "cap_volume",
    "empty_ball_probability",
    "expected_neurons",
    "intersection",
    "log_ball_volume",
    "log_intersection",
    "neuron_count",
]
