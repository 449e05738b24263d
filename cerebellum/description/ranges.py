"""Which numbers the time step and the kinds of cells allow, whether a file gives them or they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from math import erfc, hypot, inf, sqrt
from typing import TYPE_CHECKING

from cerebellum.cells import MODELS

if TYPE_CHECKING:
    from cerebellum.cells import CellModel
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.population import Population

SHORTEST_STEP, LONGEST_STEP = 1e-7, 5e-3  # s
COURSES = 5.0
"""Time constants that a step may hold. Decays are exact, so nothing blows up, but beyond it 99 % of a course is gone
within the step that it begins in, and no later step sees it."""
COUPLING = 0.5
"""Of dt g n / C_m for n gap junctions of g a cell. Their current is held over a step, which is stable below 1; half of
it is left to cells that have twice the mean number of partners."""
RARE = 0.05
"""Cells whose drawn parameter may lie outside its range, and is drawn again; more would be another distribution."""


def bounds(model: CellModel, dt: float = 0.0) -> dict[str, tuple[float, float]]:
    """Parameter -> the open range (SI) of its values at a time step (s), or at any.

    A membrane's time constant is a step at least: E-GLIF's leak runs away from twice the time constant on.
    """
    found = {}
    for name, dimension in model.parameters.items():
        low = 0.0 if name in (*model.positive, *model.nonnegative) or dimension == "time" else -inf
        if dimension == "time" and name in model.positive:
            low = dt
        found[name] = low, COURSES / dt if dt and dimension == "inverse time" else inf
    return found


def faults(circuit: Circuit) -> list[str]:
    """A line for every number that does not go with the time step, and for every spread that leaves the range."""
    dt = circuit.dt
    if not SHORTEST_STEP <= dt <= LONGEST_STEP:
        return [
            f"time_step: found {circuit.time_step}; wanted from {SHORTEST_STEP * 1e3:g} to {LONGEST_STEP * 1e3:g} ms: "
            "no cell follows a longer step, and no run ends with a shorter one"
        ]
    found = []
    for name, population in circuit.population.items():
        own = [*_too_fast(population, dt), *_too_wide(population, dt)]
        found += [f"population.{name}.{fault}" for fault in own]
    return found + list(_coupled(circuit))


def _too_fast(population: Population, dt: float) -> Iterator[str]:
    step = f"a time step of {dt * 1e3:g} ms"
    allowed = bounds(MODELS[population.cell], dt)
    for name, value in population.parameters.items():
        low, high = allowed[name]
        if value.dimension == "time" and 0 < low > value.si:
            yield f"parameters.{name}: found {value} at {step}; wanted at least a step, or a smaller time_step"
        elif value.dimension == "time" and 0 < value.si < dt / 2:
            yield f"parameters.{name}: found {value}, which {step} rounds to none; wanted 0, or a smaller time_step"
        elif value.si > high:
            most = f"at most {COURSES:g} a step"
            yield f"parameters.{name}: found {value} at {step}; wanted {most}, or a smaller time_step"
    for name, receptor in population.receptor.items():
        for key, value in receptor:
            if getattr(value, "dimension", None) == "time" and 0 < value.si < dt / COURSES:
                yield (
                    f"receptor.{name}.{key}: found {value} at {step}; wanted at least a step / {COURSES:g}, "
                    "or a smaller time_step"
                )


def outside(mean: float, deviation: float, low: float, high: float) -> tuple[float, float]:
    """Shares of a Gaussian below and above."""
    below, above = (low - mean) / deviation, (high - mean) / deviation
    return erfc(-below / sqrt(2)) / 2, erfc(above / sqrt(2)) / 2


def _too_wide(population: Population, dt: float) -> Iterator[str]:
    allowed, given = bounds(MODELS[population.cell], dt), population.parameters
    for name, deviation in population.spread.items():
        share = sum(outside(given[name].si, deviation.si, *allowed[name]))
        if share > RARE:
            yield _wide(name, f"{deviation} about {given[name]}", share, "of its range")
    for name, more in population.stripes.items():
        low, high = allowed[name]
        if not (low < given[name].si - more.si and given[name].si + more.si < high):
            yield f"stripes.{name}: found {more} about {given[name]}, one side out of its range; wanted less"
    ends = [population.spread[name].si for name in ("V_th", "V_reset") if name in population.spread]
    if ends and {"V_th", "V_reset"} <= given.keys():
        share = outside(given["V_th"].si - given["V_reset"].si, hypot(*ends), 0.0, inf)[0]
        if share > RARE:
            yield _wide("V_th", f"thresholds about {given['V_th']}", share, f"of V_th > V_reset = {given['V_reset']}")


def _wide(name: str, found: str, share: float, where: str) -> str:
    return (
        f"spread.{name}: found {found}, {share:.0%} of the cells outside {where}; wanted {RARE:.0%} at most: "
        "a smaller spread"
    )


def _coupled(circuit: Circuit) -> Iterator[str]:
    for name, junction in circuit.gap_junction.items():
        capacitance = circuit.population[junction.population].parameters["C_m"].si
        most = COUPLING * capacitance / circuit.dt / junction.partners.number
        if junction.conductance.si > most:
            yield (
                f"gap_junction.{name}.conductance: found {junction.conductance} with {junction.partners} partners at a "
                f"time step of {circuit.dt * 1e3:g} ms; wanted at most {most * 1e9:.3g} nS (beyond twice that coupled "
                "cells overshoot one another), or a smaller time_step"
            )
