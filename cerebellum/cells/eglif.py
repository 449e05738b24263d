"""Extended generalised leaky integrate-and-fire cell (E-GLIF) of conductances with a stochastic threshold.

    C_m dV/dt      = (C_m / tau_m) (V - E_L) - I_adap + I_dep + I_e + sum_p g_p (E_p - V)
    dI_adap/dt     = k_adap (V - E_L) - k_2 I_adap
    dI_dep/dt      = -k_1 I_dep
    hazard lambda  = lambda_0 exp((V - V_th) / tau_V)
    at a spike     : V = V_reset for t_ref, I_dep = A1 (set), I_adap += A2

The leak's sign is plus, as published (Geminiani et al. 2018, Front Neuroinform 12:88, and the authors' NEST module):
stability comes from I_adap, and with a minus the published rates are not obtained.

One step is Crank-Nicolson on (V, I_adap) with the conductances replaced by their exact mean over the step; all other
decays are exact. Exponential Euler, as the papers use it, integrates short conductances at first order only and makes
the olive, stable by a hair, fire by itself (`analysis.circuit.eglif_integration`). The hazard is integrated against one
Exp(1) draw a spike, the same process as a draw every step: `H` is what is left of it, and also the refractory clock.
The draws come from a generator of each cell's own, so the same seed gives the same spikes on every target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import conductances
from cerebellum.cells.conductances import Conductances, Receptors
from cerebellum.cells.model import Arrivals, CellModel, Parameters, RateForm, Slow, State, rest_steps
from cerebellum.typing import Floats, Ints

HELD = 64.0
"""What a refractory step adds to H; a draw of 31 bits is at most 21.5."""
# Lehmer's generator: exact in float64, as 48271 * 2**31 < 2**53.
MULTIPLIER, PRIME = 48271.0, 2147483647.0
CEILING = 1.0  # V; only gives `clip` its second bound


def equations(receptors: Receptors) -> str:
    """State: voltage, two currents, the hazard left, the cell's last random number, and those of receptors."""
    names = ["v", "I_adap", "I_dep", "H", "draw", *conductances.states(receptors)]
    return "\n".join(f"{name} : 1" for name in names)


def update(receptors: Receptors, currents: str) -> str:
    """One step. No exp(), no random number, one division: compilers then turn the loop into vector code."""
    drive = conductances.drive(receptors, currents)
    lines = [
        *conductances.means(receptors),
        "free = int(H < HELD)",
        f"aim = (v * (above - G) - adap_sum * I_adap + dep_sum * I_dep + {drive}) / (below + G)",
        "w = clip(aim, V_min, CEILING) * free + V_reset * (1 - free)",
        "I_adap = adap_keep * I_adap + adap_gain * (v + w - twice_E_L)",
        "I_dep = dep_keep * I_dep",
        "v = w",
        *conductances.decays(receptors),
    ]
    # exp((V - V_th) / tau_V) within +-20 by squaring its 256th root eight times; on one line it would become pow.
    lines += ["x = clip((v - V_th) * steep, -0.078125, 0.078125)", "y1 = 1 + x * (1 + x * (0.5 + x / 6.0))"]
    lines += [f"y{k + 1} = y{k} * y{k}" for k in range(1, 9)]
    lines += ["H = H - free * hazard * y9 - HELD * (1 - free)"]
    return "\n".join(lines)


def constants(parameters: Parameters, receptors: Receptors, dt: float) -> dict[str, float | Floats]:
    """Numbers of `update`, `RESET` and the arrival, SI."""
    p = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
    twice, leak = 2 * p["C_m"] / dt, p["C_m"] / p["tau_m"]
    denominator = 1 + p["k_2"] * dt / 2
    gain = p["k_adap"] * dt / 2 / denominator
    keep = (1 - p["k_2"] * dt / 2) / denominator
    dep_keep = np.exp(-p["k_1"] * dt)
    numbers = {
        **{name: p[name] for name in ("V_reset", "V_th", "V_min", "A1", "A2")},
        "above": twice + leak - gain,
        "below": twice - leak + gain,
        "adap_keep": keep,
        "adap_gain": gain,
        "adap_sum": 1 + keep,
        "dep_keep": dep_keep,
        "dep_sum": 1 + dep_keep,
        "twice_E_L": 2 * p["E_L"],
        "drive": 2 * p["I_e"] + 2 * p["E_L"] * (gain - leak),
        "hazard": p["lambda_0"] * dt,
        "steep": 1 / (256 * p["tau_V"]),
        "clamp": HELD * rest_steps(p, dt),
    }
    plain = {"HELD": HELD, "MULTIPLIER": MULTIPLIER, "PRIME": PRIME, "CEILING": CEILING}
    given = {key: value if np.ndim(value) else float(value) for key, value in numbers.items()}
    return {**given, **plain, **conductances.constants(receptors, dt)}


def start(parameters: Parameters, cells: int, rng: np.random.Generator) -> dict[str, float | Floats]:
    """First random number of every cell and its first Exp(1) draw; no current flows yet."""
    draw = rng.integers(1, int(PRIME), cells).astype(float)
    return {"v": parameters["V_init"], "draw": draw, "H": -np.log(draw / PRIME)}


def respond(
    parameters: Parameters,
    receptors: Receptors,
    state: State,
    current: Floats,
    dt: float,
    arrivals: Arrivals | None = None,
) -> tuple[Ints, Ints]:
    """Spikes of uncoupled cells, step for step what the spiking engine does, in numpy.

    Parameters
    ----------
    parameters : SI; floats, or shape (cells,)
    state : from `start`
    current : A, beside I_e, held over each step, shape (steps, cells) or (steps, 1)
    dt : s

    Returns
    -------
    steps and cells of the spikes, both shape (spikes,), ordered by time
    """
    c = constants(parameters, receptors, dt)
    cells = np.size(state["draw"])
    v, draw, left = (np.broadcast_to(np.asarray(state[key], dtype=float), cells).copy() for key in ("v", "draw", "H"))
    I_adap, I_dep = np.zeros(cells), np.zeros(cells)
    conductance = Conductances(receptors, cells, dt)
    spiked: list[tuple[int, NDArray[np.int64]]] = []
    for step, injected in enumerate(current):
        total, reversal = conductance.advance(v)
        drive = c["drive"] + reversal + 2 * injected
        free = left < HELD
        aim = (v * (c["above"] - total) - c["adap_sum"] * I_adap + c["dep_sum"] * I_dep + drive) / (c["below"] + total)
        w = np.where(free, np.clip(aim, c["V_min"], CEILING), c["V_reset"])
        I_adap = c["adap_keep"] * I_adap + c["adap_gain"] * (v + w - c["twice_E_L"])
        I_dep, v = c["dep_keep"] * I_dep, w
        x = np.clip((v - c["V_th"]) * c["steep"], -0.078125, 0.078125)
        y = (1 + x * (1 + x * (0.5 + x / 6.0))) ** 256
        left = left - np.where(free, c["hazard"] * y, HELD)
        fired = left <= 0
        if fired.any():
            spiked.append((step, np.flatnonzero(fired)))
            draw[fired] = (MULTIPLIER * draw[fired]) % PRIME
            v = np.where(fired, c["V_reset"], v)
            I_dep = np.where(fired, c["A1"], I_dep)
            I_adap = np.where(fired, I_adap + c["A2"], I_adap)
            left = np.where(fired, c["clamp"] - np.log(draw / PRIME), left)
        for name, who, weights in (arrivals or {}).get(step, ()):
            conductance.arrive(name, who, weights)
    steps = np.repeat([step for step, _ in spiked], [len(who) for _, who in spiked]).astype(np.int64)
    return steps, np.concatenate([who for _, who in spiked] or [np.empty(0, np.int64)])


class AdaptingForm(RateForm):
    """The same Crank-Nicolson step; beside the voltage I_adap and I_dep (A)."""

    initial = "V_init"
    slow = 2

    def advance(self, n: Mapping[str, Any], v: Any, slow: Slow, drive: Any, total: Any, ops: Any) -> Any:
        """Voltage (V) after a step, V_min at least."""
        aim = ops.addcmul(drive, v, n["above"] - total) - n["adap_sum"] * slow[0] + n["dep_sum"] * slow[1]
        return ops.maximum(aim / (n["below"] + total), n["V_min"])

    def advance_slow(self, n: Mapping[str, Any], slow: Slow, v: Any, moved: Any) -> Slow:
        """Currents (A) after a step."""
        adaptation = n["adap_keep"] * slow[0] + n["adap_gain"] * (v + moved - n["twice_E_L"])
        return adaptation, n["dep_keep"] * slow[1]

    def spiked(self, n: Mapping[str, Any], slow: Slow, ops: Any) -> Slow:
        """I_adap grows by A2, I_dep becomes A1."""
        return slow[0] + n["A2"], ops.broadcast_to(n["A1"], slow[1].shape)


MODEL = CellModel(
    name="eglif",
    parameters={
        "C_m": "capacitance",
        "tau_m": "time",
        "E_L": "voltage",
        "t_ref": "time",
        "V_reset": "voltage",
        "V_th": "voltage",
        "V_init": "voltage",
        "V_min": "voltage",
        "I_e": "current",
        "k_adap": "current rate",
        "k_1": "inverse time",
        "k_2": "inverse time",
        "A1": "current",
        "A2": "current",
        "lambda_0": "inverse time",
        "tau_V": "voltage",
    },
    positive=("C_m", "tau_m", "tau_V", "k_1", "k_2", "lambda_0"),
    nonnegative=("k_adap",),
    takes="conductance",
    equations=equations,
    update=update,
    threshold="H <= 0",
    reset="v = V_reset\nI_dep = A1\nI_adap += A2\ndraw = (MULTIPLIER * draw) % PRIME\nH = clamp - log(draw / PRIME)",
    constants=constants,
    start=start,
    respond=respond,
    rate_form=AdaptingForm(),
    adaptation="I_adap",
)
