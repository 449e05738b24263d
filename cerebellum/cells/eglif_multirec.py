"""E-GLIF cell with a fixed threshold, as of De Grazia et al. 2026 (bioRxiv, doi:10.64898/2026.05.12.724100).

The membrane and its currents are those of `eglif`, plus sign of the leak included; but the cell fires at V >= V_th, and
nothing is drawn after the voltage at time 0, which lies evenly between E_L and V_th. The name is the published one: the
receptors that go with it, AMPA, NMDA and GABA, are `two_decays`.

A spike falls on the step at whose end V has reached V_th, so rates converge at first order in the time step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import conductances, eglif
from cerebellum.cells.conductances import Conductances, Receptors
from cerebellum.cells.eglif import CEILING, AdaptingForm
from cerebellum.cells.model import Arrivals, CellModel, Parameters, State, rest_steps
from cerebellum.typing import Floats, Ints

OF_HAZARD = ("lambda_0", "tau_V")
NOT_HERE = ("hazard", "steep", "clamp", "HELD", "MULTIPLIER", "PRIME")


def equations(receptors: Receptors) -> str:
    """State: voltage, two currents, steps of refractoriness left, and those of receptors."""
    return "\n".join(f"{name} : 1" for name in ["v", "I_adap", "I_dep", "held", *conductances.states(receptors)])


def update(receptors: Receptors, currents: str) -> str:
    """One step."""
    drive = conductances.drive(receptors, currents)
    lines = [
        *conductances.means(receptors),
        "free = int(held < 0.5)",
        f"aim = (v * (above - G) - adap_sum * I_adap + dep_sum * I_dep + {drive}) / (below + G)",
        "w = clip(aim, V_min, CEILING) * free + V_reset * (1 - free)",
        "I_adap = adap_keep * I_adap + adap_gain * (v + w - twice_E_L)",
        "I_dep = dep_keep * I_dep",
        "v = w",
        "held = held - (1 - free)",
        *conductances.decays(receptors),
    ]
    return "\n".join(lines)


def constants(parameters: Parameters, receptors: Receptors, dt: float) -> dict[str, float | Floats]:
    """Numbers of `update`, the threshold, the reset and the arrival, SI."""
    numbers = eglif.constants({**parameters, **dict.fromkeys(OF_HAZARD, 1.0)}, receptors, dt)
    rest = rest_steps(parameters, dt)
    kept = {name: value for name, value in numbers.items() if name not in NOT_HERE}
    return {**kept, "CEILING": CEILING, "rest_steps": rest if rest.ndim else float(rest)}


def start(parameters: Parameters, cells: int, rng: np.random.Generator) -> State:
    """Voltages spread evenly between leak and threshold; no current flows yet."""
    return {"v": rng.uniform(parameters["E_L"], parameters["V_th"], cells)}


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
    v = np.array(begin, dtype=float)
    I_adap, I_dep, held = (np.zeros(len(v)) for _ in range(3))
    course, spikes = np.empty((len(current), len(v))), np.zeros((len(current), len(v)), dtype=bool)
    for step, injected in enumerate(current):
        total, reversal = conductance.advance(v)
        drive = c["drive"] + reversal + 2 * injected
        free = held < 0.5
        aim = (v * (c["above"] - total) - c["adap_sum"] * I_adap + c["dep_sum"] * I_dep + drive) / (c["below"] + total)
        w = np.where(free, np.clip(aim, c["V_min"], CEILING), c["V_reset"])
        I_adap = c["adap_keep"] * I_adap + c["adap_gain"] * (v + w - c["twice_E_L"])
        I_dep, held = c["dep_keep"] * I_dep, held - ~free
        fired = spikes[step] = w >= c["V_th"]
        v = np.where(fired, c["V_reset"], w)
        I_dep = np.where(fired, c["A1"], I_dep)
        I_adap = np.where(fired, I_adap + c["A2"], I_adap)
        held = np.where(fired, c["rest_steps"], held)
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


class FixedThresholdForm(AdaptingForm):
    """The same step; begins at the leak's voltage."""

    initial = "E_L"


MODEL = CellModel(
    name="eglif_multirec",
    parameters={
        name: dimension for name, dimension in eglif.MODEL.parameters.items() if name not in ("V_init", *OF_HAZARD)
    },
    positive=tuple(name for name in eglif.MODEL.positive if name not in OF_HAZARD),
    nonnegative=eglif.MODEL.nonnegative,
    takes="conductance",
    equations=equations,
    update=update,
    threshold="v >= V_th",
    reset="v = V_reset\nI_dep = A1\nI_adap += A2\nheld = rest_steps",
    constants=constants,
    start=start,
    respond=respond,
    rate_form=FixedThresholdForm(),
    adaptation="I_adap",
)
