"""Adaptive exponential integrate-and-fire cell (AdEx) of conductances, as another package would add it.

    C_m dV/dt   = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) - w + I_e + sum_p g_p (E_p - V)
    tau_w dw/dt = a (V - E_L) - w
    at V > V_peak : V = V_reset for t_ref, w += b

Brette and Gerstner 2005, J Neurophysiol 94:3637. A step is Crank-Nicolson in the leak and the conductances, with the
exponential and w as they are at its begin; w decays exactly towards its aim at the step's mean voltage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cerebellum.cells import CellModel, RateForm, conductances
from cerebellum.cells.conductances import Conductances, Receptors
from cerebellum.cells.model import Arrivals, Parameters, Slow, State
from cerebellum.typing import Floats, Ints


def equations(receptors: Receptors) -> str:
    """State."""
    return "\n".join(f"{name} : 1" for name in ["v", "w", "held", *conductances.states(receptors)])


def update(receptors: Receptors, currents: str) -> str:
    """One step; SI numbers."""
    lines = [
        *conductances.means(receptors),
        "free = int(held < 0.5)",
        "upswing = twice_slope * exp((v - V_T) * steepness)",
        f"aim = (v * (above - G) + upswing - 2 * w + {conductances.drive(receptors, currents)}) / (below + G)",
        "moved = aim * free + V_reset * (1 - free)",
        "w = w_keep * w + w_gain * (v + moved - twice_E_L)",
        "v = moved",
        "held = held - (1 - free)",
        *conductances.decays(receptors),
    ]
    return "\n".join(lines)


def constants(parameters: Parameters, receptors: Receptors, dt: float) -> dict[str, float | Floats]:
    """Numbers of `update`, the threshold and the reset, SI."""
    p = parameters
    keep = np.exp(-dt / p["tau_w"])
    own = {
        **{name: p[name] for name in ("V_T", "V_reset", "V_peak", "b")},
        "above": 2 * p["C_m"] / dt - p["g_L"],
        "below": 2 * p["C_m"] / dt + p["g_L"],
        "drive": 2 * (p["I_e"] + p["g_L"] * p["E_L"]),
        "twice_slope": 2 * p["g_L"] * p["Delta_T"],
        "steepness": 1 / p["Delta_T"],
        "twice_E_L": 2 * p["E_L"],
        "w_keep": keep,
        "w_gain": (1 - keep) * p["a"] / 2,
        "rest_steps": np.rint(p["t_ref"] / dt),
    }
    return {
        **{key: number if np.ndim(number) else float(number) for key, number in own.items()},
        **conductances.constants(receptors, dt),
    }


def start(parameters: Parameters, cells: int, rng: np.random.Generator) -> State:
    """At rest."""
    return {"v": np.full(cells, parameters["E_L"])}


def out_of_phase(parameters: Parameters, cells: int, rng: np.random.Generator) -> State:
    """Anywhere below the upswing."""
    return {"v": rng.uniform(parameters["V_reset"], parameters["V_T"], cells)}


def respond(
    parameters: Parameters,
    receptors: Receptors,
    state: State,
    current: Floats,
    dt: float,
    arrivals: Arrivals | None = None,
) -> tuple[Ints, Ints]:
    """Spikes of uncoupled cells in numpy, written apart from the text above."""
    c, v = constants(parameters, receptors, dt), np.array(state["v"], dtype=float)
    w, held, fired = np.zeros(len(v)), np.zeros(len(v)), np.zeros((len(current), len(v)), dtype=bool)
    conductance = Conductances(receptors, len(v), dt)
    for step, injected in enumerate(current):
        total, reversal = conductance.advance(v)
        free = held < 0.5
        upswing = 2 * parameters["g_L"] * parameters["Delta_T"] * np.exp((v - c["V_T"]) / parameters["Delta_T"])
        aim = (v * (c["above"] - total) + upswing - 2 * w + c["drive"] + reversal + 2 * injected) / (c["below"] + total)
        moved = np.where(free, aim, c["V_reset"])
        w, held = c["w_keep"] * w + c["w_gain"] * (v + moved - c["twice_E_L"]), held - ~free
        fired[step] = moved > c["V_peak"]
        v = np.where(fired[step], c["V_reset"], moved)
        w, held = np.where(fired[step], w + c["b"], w), np.where(fired[step], c["rest_steps"], held)
        for name, who, weights in (arrivals or {}).get(step, ()):
            conductance.arrive(name, who, weights)
    return np.nonzero(fired)  # type: ignore[return-value]


class AdaptingExponential(RateForm):
    """The same step in the rate engine; a voltage on its upswing waits at V_peak for the hazard. Beside it w (A)."""

    threshold = "V_T"
    slow = 1

    def advance(self, n: Mapping[str, Any], v: Any, slow: Slow, drive: Any, total: Any, ops: Any) -> Any:
        """Voltage (V) after a step."""
        upswing = n["twice_slope"] * ops.exp((v - n["V_T"]) * n["steepness"])
        aim = v * (n["above"] - total) + upswing - 2 * slow[0] + drive
        return ops.minimum(aim / (n["below"] + total), n["V_peak"])

    def advance_slow(self, n: Mapping[str, Any], slow: Slow, v: Any, moved: Any) -> Slow:
        """w after a step."""
        return (n["w_keep"] * slow[0] + n["w_gain"] * (v + moved - n["twice_E_L"]),)

    def spiked(self, n: Mapping[str, Any], slow: Slow, ops: Any) -> Slow:
        """w grows by b."""
        return (slow[0] + n["b"],)


MODEL = CellModel(
    name="adex",
    parameters={
        "C_m": "capacitance",
        "g_L": "conductance",
        "E_L": "voltage",
        "V_T": "voltage",
        "Delta_T": "voltage",
        "V_peak": "voltage",
        "V_reset": "voltage",
        "t_ref": "time",
        "tau_w": "time",
        "a": "conductance",
        "b": "current",
        "I_e": "current",
    },
    positive=("C_m", "g_L", "Delta_T", "tau_w"),
    takes="conductance",
    equations=equations,
    update=update,
    threshold="v > V_peak",
    reset="v = V_reset\nw += b\nheld = rest_steps",
    constants=constants,
    start=start,
    out_of_phase=out_of_phase,
    respond=respond,
    rate_form=AdaptingExponential(),
)
