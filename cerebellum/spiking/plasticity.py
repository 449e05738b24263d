"""Plasticity rules as text for Brian2 synapses. Part of the spiking engine."""

from __future__ import annotations

from cerebellum.clock import nearest
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.experiment.schedule import Schedule, plastic_ends, plastic_spans
from cerebellum.spiking.neurons import taught_at


def weight_after(number: int) -> str:
    """Name of the weight as it was at the end of a plastic block; that of the last one is `w`."""
    return f"w_after_{number}"


def weights(schedule: Schedule) -> list[str]:
    """Names of all weights that a synapse keeps: `w`, and one for every plastic block but the last."""
    return ["w", *(weight_after(number) for number in range(len(plastic_ends(schedule.trials)) - 1))]


def window(rule: PlasticityRule, dt: float) -> float:
    """The kernel's support, s, on the clock."""
    return nearest(rule.timing.support, dt) * dt


def learning(rule: PlasticityRule, schedule: Schedule, dt: float) -> str:
    """Weight change of one presynaptic spike, applied `window` after it reached the synapse.

    A spike that came before the end of an earlier plastic block changes also the weight kept from that end.
    """
    lags = [f"({taught_at(rule.teacher, i)}_post - t + window)" for i in range(rule.remembered)]
    change = rule.weight_change_text("w", " + ".join(rule.timing.text(lag, dt) for lag in lags))
    half = dt / 2  # spikes come on the time grid, edges lie between two of its points
    spans = [(a - half, b - half) for a, b in plastic_spans(schedule.trials)]
    on = " + ".join(f"int(t - window >= {a!r}*second and t - window < {b!r}*second)" for a, b in spans) or "0"
    lines = [f"w = clip(w + ({on}) * ({change}), w_min, w_max)"]
    for number, end in enumerate(list(plastic_ends(schedule.trials).values())[:-1]):
        kept = weight_after(number)
        lines.append(f"{kept} = {kept} + int(t - window < {end - half!r}*second) * (w - {kept})")
    return "\n".join(lines)
