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
from cerebellum.theory.optimal import (
    critical_distance,
    distance_after_read,
    memory_capacity,
    optimal_probability,
    optimal_radius,
    published_critical_distance,
    signal_to_noise,
)

__all__ = [
    "NeuronCount",
    "ball_volume",
    "cap_intersection",
    "cap_volume",
    "critical_distance",
    "distance_after_read",
    "empty_ball_probability",
    "expected_neurons",
    "intersection",
    "log_ball_volume",
    "log_intersection",
    "memory_capacity",
    "neuron_count",
    "optimal_probability",
    "optimal_radius",
    "published_critical_distance",
    "signal_to_noise",
]
