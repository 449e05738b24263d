"""Single cells of the mouse circuit: autorhythms, current-frequency slopes and the time step.

Claim: each E-GLIF cell alone fires as published (Geminiani et al. 2019, doi:10.3389/fncom.2019.00035). Targets:
cerebellar-models 4.2, tests/test_cell_models.py (10 cells, 10 s of rest, then steps of 1 s; slope of the rate of the
first two intervals on current). Run time: about two minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Alone, every cell type of the mouse circuit fires at its published rate within 2%, its rate rises with current"
    " at the published slope within 15%, and a time step ten times smaller changes its rate by less than 2%."
)
CAPTION = (
    "Rate of the first two interspike intervals against injected current, mean of 20 cells without synapses; dashed:"
    " the published slope through the first point. Titles: rate without current, measured (published)."
)

CELLS = 20
DT = 1e-4
REST = 2.0  # s before a step, and before rates are counted
# Hz; pA; Hz/pA
PUBLISHED: dict[str, tuple[float, tuple[float, ...], float | None]] = {
    "granule": (0.0, (16, 20, 24), 3.70),
    "golgi": (12.8, (100, 200, 300, 400, 500, 600), 0.20),
    "purkinje, mouse": (83.2, (500, 1000, 2400), 0.095),
    "purkinje, mouse_vitro": (45.6, (500, 1000, 2400), 0.08),
    "basket": (9.51, (12, 24, 36), 2.16),
    "nuclear, mouse": (61.78, (142, 284, 426), 0.256),
    "nuclear, mouse_vitro": (32.9, (142, 284, 426), 0.28),
    "nucleo_olivary": (14.1, (56, 112, 168), 0.40),
    "inferior_olive": (0.0, (), None),
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Autorhythm at two time steps and slope of every cell type."""
    import numpy as np

    measured = {}
    for name, (_, steps, _) in PUBLISHED.items():
        rest = _rates(name, 8.0, DT, seed)
        fine = _rates(name, 4.0, DT / 10, seed)
        coarse = _rates(name, 4.0, DT, seed)
        first = [_first_rate(name, pA * 1e-12, seed + 1 + i) for i, pA in enumerate(steps)]
        known = [(step, rate) for step, rate in zip(steps, first, strict=True) if rate is not None]
        x, y = [step for step, _ in known], [rate for _, rate in known]
        slope = float(np.polyfit(x, y, 1)[0]) if len(known) > 1 else None
        measured[name] = {
            "autorhythm": float(rest.mean()),
            "standard_error": float(rest.std(ddof=1) / CELLS**0.5),
            "at_coarse_step": float(coarse.mean()),
            "at_fine_step": float(fine.mean()),
            "currents": list(steps),
            "first_rates": first,
            "slope": slope,
        }
    return {
        "cells": measured,
        "published": {
            "targets": PUBLISHED,
            "source": "cerebellar-models 4.2, tests/test_cell_models.py: autorhythm (Hz), steps (pA), slope (Hz/pA)",
        },
    }


def _respond(name: str, current: Any, dt: float, seed: int) -> tuple[Any, Any]:
    import numpy as np

    from cerebellum.cells import eglif
    from cerebellum.description.circuit import load_model

    population, _, model = name.partition(", ")
    parameters = load_model(model or "mouse").population[population].si()
    state = eglif.start(parameters, CELLS, np.random.default_rng(seed))
    return eglif.respond(parameters, {}, state, current, dt)


def _rates(name: str, seconds: float, dt: float, seed: int) -> Any:
    """Rate of each cell after the rest, Hz."""
    import numpy as np

    steps, cells = _respond(name, np.zeros((round((REST + seconds) / dt), 1)), dt, seed)
    return np.bincount(cells[steps * dt >= REST], minlength=CELLS) / seconds


def _first_rate(name: str, current: float, seed: int) -> float | None:
    """Inverse of the mean of the first two intervals after a current step, mean over cells, Hz."""
    import numpy as np

    injected = np.zeros((round((REST + 0.4) / DT), 1))
    injected[round(REST / DT) :] = current
    steps, cells = _respond(name, injected, DT, seed)
    trains = [DT * steps[(cells == cell) & (steps * DT >= REST)] for cell in range(CELLS)]
    rates = [2 / (train[2] - train[0]) for train in trains if len(train) > 2]
    return float(np.mean(rates)) if rates else None


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether each cell type's rhythm, slope and time step are as claimed."""
    out = {}
    for name, (rhythm, _, slope) in PUBLISHED.items():
        measured = numbers["cells"][name]
        out[f"{name}: autorhythm within 2% of {rhythm:g} Hz"] = abs(measured["autorhythm"] - rhythm) <= 0.02 * rhythm
        if slope is not None:
            out[f"{name}: slope within 15% of {slope:g} Hz/pA"] = abs(measured["slope"] - slope) <= 0.15 * slope
        change = abs(measured["at_fine_step"] - measured["at_coarse_step"])
        out[f"{name}: 0.01 ms changes the rate by less than 2%"] = change <= 0.02 * measured["at_coarse_step"]
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Current-frequency curves."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    shown = {name: measured for name, measured in numbers["cells"].items() if measured["currents"]}
    for axes, (name, measured) in zip(figure.subplots(2, 4).flat, shown.items(), strict=True):
        current = np.array(measured["currents"], dtype=float)
        rate = np.array([np.nan if r is None else r for r in measured["first_rates"]], dtype=float)
        axes.plot(current, rate, "o-", color="tab:blue", ms=4, label=f"here: {measured['slope']:.3g} Hz/pA")
        published = PUBLISHED[name][2]
        line = rate[0] + published * (current - current[0])
        axes.plot(current, line, "--", color="0.5", label=f"published: {published:g}")
        axes.set(xlabel="current (pA)", ylabel="rate (Hz)")
        axes.set_title(f"{name}: {measured['autorhythm']:.1f} ({PUBLISHED[name][0]:g}) Hz", fontsize=8)
        axes.legend(fontsize=6)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
