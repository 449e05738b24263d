"""Leaky integrate-and-fire cell of conductances, the plain alternative to E-GLIF: no noise, no adaptation.

    C_m dV/dt = -(C_m / tau_m) (V - E_L) + I_e + sum_p g_p (E_p - V),   spike at V > V_th, then V = V_reset for t_ref

The leak has the standard minus sign, against E-GLIF's plus: without I_e the cell rests at E_L, so the I_e of an E-GLIF
table does not carry over. One step is Crank-Nicolson in V with the conductances replaced by their exact mean over the
step. Without conductance the rate is `lif.rate`, but that the grid rounds the time to threshold up to a step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import conductances, lif
from cerebellum.cells.conductances import Conductances, Receptors
from cerebellum.cells.model import Arrivals, CellModel, Parameters, RateForm, State, rest_steps
from cerebellum.typing import Floats, Ints


def equations(receptors: Receptors) -> str:
    """State: voltage, steps of refractoriness left, and those of receptors."""
    return "\n".join(f"{name} : 1" for name in ["v", "held", *conductances.states(receptors)])


def update(receptors: Receptors, currents: str) -> str:
    """One step."""
    lines = [
        *conductances.means(receptors),
        "free = int(held < 0.5)",
        f"aim = (v * (above - G) + {conductances.drive(receptors, currents)}) / (below + G)",
        "v = aim * free + V_reset * (1 - free)",
        "held = held - (1 - free)",
        *conductances.decays(receptors),
    ]
    return "\n".join(lines)


def constants(parameters: Parameters, receptors: Receptors, dt: float) -> dict[str, float | Floats]:
    """Numbers of `update`, the threshold, the reset and the arrival, SI."""
    p = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
    twice, leak = 2 * p["C_m"] / dt, p["C_m"] / p["tau_m"]
    numbers = {
        **{name: p[name] for name in ("V_reset", "V_th")},
        "above": twice - leak,
        "below": twice + leak,
        "drive": 2 * (p["I_e"] + leak * p["E_L"]),
        "rest_steps": rest_steps(p, dt),
    }
    return {
        **{key: value if value.ndim else float(value) for key, value in numbers.items()},
        **conductances.constants(receptors, dt),
    }


def start(parameters: Parameters, cells: int, rng: np.random.Generator) -> dict[str, float | Floats]:
    """At the leak's voltage, no conductance; nothing is drawn."""
    return {"v": parameters["E_L"]}


def out_of_phase(parameters: Parameters, cells: int, rng: np.random.Generator) -> dict[str, float | Floats]:
    """Voltages spread evenly between reset and threshold: without noise, cells that begin together stay together."""
    return {"v": rng.uniform(parameters["V_reset"], parameters["V_th"], cells)}


def trace(
    parameters: Parameters,
    receptors: Receptors,
    begin: Floats,
    current: Floats,
    dt: float,
    arrivals: Arrivals | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Uncoupled cells, step for step what the spiking engine does, in numpy.

    Parameters
    ----------
    parameters : SI; floats, or shape (cells,)
    begin : voltage at time 0, V, shape (cells,)
    current : A, beside I_e, held over each step, shape (steps, cells) or (steps, 1)
    dt : s

    Returns
    -------
    voltage (V) at the end of each step, after a reset, and whether the cell spiked, both shape (steps, cells)
    """
    c, conductance = constants(parameters, receptors, dt), Conductances(receptors, len(begin), dt)
    v, held = np.array(begin, dtype=float), np.zeros(len(begin))
    course, spikes = np.empty((len(current), len(v))), np.zeros((len(current), len(v)), dtype=bool)
    for step, injected in enumerate(current):
        total, reversal = conductance.advance(v)
        free = held < 0.5
        aim = (v * (c["above"] - total) + c["drive"] + reversal + 2 * injected) / (c["below"] + total)
        v, held = np.where(free, aim, c["V_reset"]), held - ~free
        spikes[step] = v > c["V_th"]
        v, held = np.where(spikes[step], c["V_reset"], v), np.where(spikes[step], c["rest_steps"], held)
        course[step] = v
        for name, who, weights in (arrivals or {}).get(step, ()):
            conductance.arrive(name, who, weights)
    return course, spikes


def respond(
    parameters: Parameters,
    receptors: Receptors,
    state: State,
    current: Floats,
    dt: float,
    arrivals: Arrivals | None = None,
) -> tuple[Ints, Ints]:
    """Spikes alone, as `CellModel.respond`."""
    step, cell = np.nonzero(trace(parameters, receptors, np.atleast_1d(state["v"]), current, dt, arrivals)[1])
    return step, cell


MODEL = CellModel(
    name="conductance_lif",
    parameters=lif.MODEL.parameters,
    positive=lif.MODEL.positive,
    takes="conductance",
    equations=equations,
    update=update,
    threshold="v > V_th",
    reset="v = V_reset\nheld = rest_steps",
    constants=constants,
    start=start,
    out_of_phase=out_of_phase,
    respond=respond,
    rate_form=RateForm(),
)
