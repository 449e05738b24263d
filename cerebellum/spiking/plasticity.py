"""Plasticity rules as text for Brian2 synapses. Part of the spiking engine."""

from __future__ import annotations

from cerebellum.clock import nearest
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.experiment.schedule import Schedule, plastic_ends
from cerebellum.spiking.neurons import taught_at


def window(rule: PlasticityRule, dt: float) -> float:
    """The kernel's support, s, on the clock."""
    return nearest(rule.timing.support, dt) * dt


def learning(rule: PlasticityRule, dt: float) -> str:
    """Weight change of one presynaptic spike, applied `window` after it came, if plasticity was on then."""
    lags = [f"({taught_at(rule.teacher, i)}_post - t + window)" for i in range(rule.remembered)]
    change = rule.weight_change_text("w", " + ".join(rule.timing.text(lag, dt) for lag in lags))
    return f"w = clip(w + learns(t - window) * ({change}), w_min, w_max)"


def kept_at(schedule: Schedule, rule: PlasticityRule, dt: float) -> dict[str, int]:
    """Plastic blocks that end early enough, and the step at whose start the weights are those that each has left.

    A change is made one window late, so at the start of the step one window after the block's end all of its own are
    made and none of what comes after. Where the run ends before, no other is made either: the last weights are it.
    """
    late, end = nearest(window(rule, dt), dt), nearest(schedule.duration, dt)
    steps = {block: nearest(stop, dt) + late for block, stop in plastic_ends(schedule.trials).items()}
    return {block: step for block, step in steps.items() if step < end}
