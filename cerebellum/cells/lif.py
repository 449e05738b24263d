"""Leaky integrate-and-fire cell with exponential synaptic currents.

    dv/dt = (E_L - v) / tau_m + (I_e + I_synaptic) / C_m,   spike at v > V_th, then v = V_reset for t_ref

Its equations are linear, so both engines can be exact: Brian2 integrates them exactly between events, and the
rate of a cell under constant current has the closed form of `rate`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells.model import CellModel

Floats = NDArray[np.float64]

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
    equations="dv/dt = (E_L - v) / tau_m + (I_e + I_synaptic) / C_m : volt (unless refractory)",
    threshold="v > V_th",
    reset="v = V_reset",
    refractory="t_ref",
)


def rate(parameters: Mapping[str, float | Floats], current: float | Floats) -> Floats:
    """Firing rate (Hz) under a constant current (A) added to I_e; parameters in SI units.

    f = 1 / (t_ref + tau_m ln((V_inf - V_reset) / (V_inf - V_th))), V_inf = E_L + tau_m (I_e + I) / C_m; 0 below
    rheobase. (Standard result, e.g. Gerstner et al. 2014, Neuronal Dynamics, section 1.3.)
    """
    p = parameters
    v_inf = np.asarray(p["E_L"] + p["tau_m"] * (p["I_e"] + current) / p["C_m"], dtype=float)
    fires = v_inf > p["V_th"]
    above = np.where(fires, v_inf - p["V_th"], 1.0)
    period = p["t_ref"] + p["tau_m"] * np.log1p((p["V_th"] - p["V_reset"]) / above)
    return np.where(fires, 1.0 / period, 0.0)


def psp(parameters: Mapping[str, float], tau_syn: float, time: Floats) -> Floats:
    """Depolarisation (V per A) at `time` (s) after a synaptic current exp(-t / tau_syn) of 1 A starts at 0."""
    tau_m, c_m = parameters["tau_m"], parameters["C_m"]
    time = np.maximum(time, 0.0)
    if np.isclose(tau_m, tau_syn, rtol=1e-6):
        return time / c_m * np.exp(-time / tau_m)
    gap = 1.0 / tau_syn - 1.0 / tau_m
    return (np.exp(-time / tau_m) - np.exp(-time / tau_syn)) / (c_m * gap)


def psp_peak(parameters: Mapping[str, float], tau_syn: float) -> float:
    """Greatest value of `psp` (V per A), at t = ln(tau_m / tau_syn) / (1/tau_syn - 1/tau_m)."""
    tau_m = parameters["tau_m"]
    gap = 1.0 / tau_syn - 1.0 / tau_m
    at = tau_m if abs(gap) * tau_m < 1e-6 else np.log(tau_m / tau_syn) / gap
    return float(psp(parameters, tau_syn, np.array([at]))[0])


def spikes_after(
    parameters: Mapping[str, float],
    tau_syn: float,
    amplitude: Floats,
    *,
    held: float = 0.0,
    start: Floats | float | None = None,
    duration: float = 0.02,
    dt: float = 1e-5,
) -> Floats:
    """Spikes in `duration` (s) of cells that get one synaptic current `amplitude` (A, any shape) at time 0.

    `held` is a constant current (A) beside I_e, `start` the voltage at time 0 (default: the resting voltage under
    I_e + held). Exact between steps of `dt`; the spike itself is put on the grid.
    """
    p = parameters
    rest = p["E_L"] + p["tau_m"] * (p["I_e"] + held) / p["C_m"]
    amplitude = np.asarray(amplitude, dtype=float)
    v = np.broadcast_to(np.asarray(rest if start is None else start, dtype=float), amplitude.shape).copy()
    current, count = amplitude.copy(), np.zeros(amplitude.shape)
    refractory = np.zeros(amplitude.shape)
    decay_m, decay_s = np.exp(-dt / p["tau_m"]), np.exp(-dt / tau_syn)
    kick = float(psp(p, tau_syn, np.array([dt]))[0])
    for _ in range(round(duration / dt)):
        free = refractory <= 0
        v = np.where(free, rest + (v - rest) * decay_m + current * kick, v)
        current *= decay_s
        refractory -= dt
        fired = free & (v > p["V_th"])
        count += fired
        v = np.where(fired, p["V_reset"], v)
        refractory = np.where(fired, p["t_ref"], refractory)
    return count
