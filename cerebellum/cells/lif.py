"""Leaky integrate-and-fire cell with exponential synaptic currents.

    dv/dt = (E_L - v) / tau_m + (I_e + I_synaptic) / C_m,   spike at v > V_th, then v = V_reset for t_ref

Its equations are linear, so both engines can be exact: a step is the equations' propagator, and the rate of a cell
under constant current has the closed form of `rate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells.model import CellModel, Parameters, rest_steps
from cerebellum.cells.receptor import CurrentReceptor
from cerebellum.typing import Floats

Currents = Mapping[str, CurrentReceptor]


def equations(receptors: Currents) -> str:
    """State: voltage, what is left of the refractory time in steps, and those of receptors."""
    states = [state for name, receptor in receptors.items() for state in receptor.states(name)]
    return "\n".join(f"{name} : 1" for name in ("v", "held", *states))


def update(receptors: Currents, currents: str) -> str:
    """One exact time step: the linear equations' propagator, so the step's only error is the spike time's grid.

    `currents` are held over the step.
    """
    drive = "".join(f" {'+' if one.sign > 0 else '-'} {one.depolarisation(name)}" for name, one in receptors.items())
    beside = f" + ({currents}) * gain" if currents else ""
    lines = [
        "free = int(held < 0.5)",
        f"v = v + free * ((V_inf{beside} - v) * leak{drive})",
        "held = held - (1 - free)",
    ]
    return "\n".join([*lines, *(line for name, receptor in receptors.items() for line in receptor.decays(name))])


def constants(parameters: Parameters, receptors: Currents, dt: float) -> dict[str, float | Floats]:
    """Numbers of `update` and the reset, SI, and those of each receptor."""
    p = parameters
    numbers: dict[str, float | Floats] = {
        **{name: p[name] for name in ("V_reset", "V_th")},
        "V_inf": p["E_L"] + p["tau_m"] * p["I_e"] / p["C_m"],
        "gain": p["tau_m"] / p["C_m"],
        "leak": -np.expm1(-dt / p["tau_m"]),
        "rest_steps": rest_steps(p, dt),
    }
    for name, receptor in receptors.items():
        numbers |= receptor.membrane_constants(name, p, dt)
        numbers |= receptor.constants(name, dt)
    return {key: number if np.ndim(number) else float(number) for key, number in numbers.items()}


def rate(parameters: Mapping[str, Any], current: Any, ops: Any = np) -> Any:
    """Firing rate (Hz) under a constant current (A) added to I_e; parameters in SI units, arrays of the library `ops`.

    f = 1 / (t_ref + tau_m ln((V_inf - V_reset) / (V_inf - V_th))), V_inf = E_L + tau_m (I_e + I) / C_m; 0 below
    rheobase. (Standard result, e.g. Gerstner et al. 2014, Neuronal Dynamics, section 1.3.)
    """
    p = parameters
    v_inf = p["E_L"] + p["tau_m"] * (p["I_e"] + current) / p["C_m"]
    above = v_inf - p["V_th"]
    fires = above > 0
    period = p["t_ref"] + p["tau_m"] * ops.log1p((p["V_th"] - p["V_reset"]) / ops.where(fires, above, 1.0))
    return ops.where(fires, 1.0 / period, 0.0)


def psp(parameters: Parameters, tau_syn: float, time: Floats | float) -> Floats:
    """Depolarisation (V per A) at `time` (s) after a synaptic current exp(-t / tau_syn) of 1 A starts at 0."""
    tau_m, c_m = np.asarray(parameters["tau_m"], dtype=float), parameters["C_m"]
    time = np.maximum(time, 0.0)
    gap = 1.0 / tau_syn - 1.0 / tau_m
    # As gap -> 0 the difference of exponentials over gap tends to t exp(-t / tau_m).
    near = np.abs(gap) * tau_m < 1e-6
    safe = np.where(near, 1.0, gap)
    general = (np.exp(-time / tau_m) - np.exp(-time / tau_syn)) / safe
    return np.where(near, time * np.exp(-time / tau_m), general) / c_m


def psp_peak(parameters: Mapping[str, float], tau_syn: float) -> float:
    """Greatest value of `psp` (V per A), at t = ln(tau_m / tau_syn) / (1/tau_syn - 1/tau_m)."""
    tau_m = parameters["tau_m"]
    gap = 1.0 / tau_syn - 1.0 / tau_m
    at = tau_m if abs(gap) * tau_m < 1e-6 else np.log(tau_m / tau_syn) / gap
    return float(psp(parameters, tau_syn, at))


def respond(parameters: Parameters, current: Floats, start: Floats | float, dt: float) -> NDArray[np.bool_]:
    """Spikes of cells under a given current, without any other engine.

    Parameters
    ----------
    parameters : SI; floats, or shape (cells,)
    current : A, beside I_e, held over each step, shape (steps, cells) or (steps, 1)
    start : voltage at time 0, V, shape (cells,) or a float
    dt : s

    Returns
    -------
    shape (steps, cells)
    """
    p = parameters
    shape = np.broadcast_shapes(current.shape[1:], np.shape(start), *(np.shape(value) for value in p.values()))
    v = np.broadcast_to(np.asarray(start, dtype=float), shape).copy()
    free_at, spikes = np.zeros(shape), np.zeros((len(current), *shape), dtype=bool)
    rest, gain = p["E_L"] + p["tau_m"] * p["I_e"] / p["C_m"], p["tau_m"] / p["C_m"]
    leak = -np.expm1(-dt / p["tau_m"])
    held = np.broadcast_to(rest_steps(p, dt), shape)
    for step, now in enumerate(current):
        v += np.where(free_at <= step, (rest + gain * now - v) * leak, 0.0)
        fired = (free_at <= step) & (v > p["V_th"])
        spikes[step] = fired
        np.copyto(v, p["V_reset"], where=fired)
        np.copyto(free_at, step + 1 + held, where=fired)
    return spikes


MODEL = CellModel(
    name="lif",
    parameters={
        "C_m": "capacitance",
        "tau_m": "time",
        "E_L": "voltage",
        "V_th": "voltage",
        "V_reset": "voltage",
        "t_ref": "time",
        "I_e": "current",
    },
    positive=("C_m", "tau_m"),
    takes="current",
    equations=equations,
    update=update,
    threshold="v > V_th",
    reset="v = V_reset\nheld = rest_steps",
    constants=constants,
    rate=rate,
)
