"""Inhibition that balances: the solved weight against mean conductances in closed form, and files that do not fit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.optimize import brentq

from cerebellum.connectome import weights
from cerebellum.description.circuit import Circuit
from cerebellum.description.schema import parse
from cerebellum.errors import ModelFileError

C, TAU, REST, THRESHOLD, RESET, HELD = 100e-12, 10e-3, -70e-3, -50e-3, -70e-3, 2e-3
OPEN = math.e * 2e-3  # s: an alpha conductance of 2 ms that peaks at 1
SOURCES, CELLS, ONTO_BASKET, ONTO_PURKINJE = 400, 20, 0.02e-9, 0.05e-9
INJECTED = {"basket": 220e-12, "purkinje": 500e-12}


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: case"]


def circuit(**weight: Any) -> Circuit:
    """Granule cells excite basket and Purkinje cells, basket cells inhibit Purkinje cells."""
    cell = {
        "C_m": value(100, "pF"), "tau_m": value(10, "ms"), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
        "V_reset": value(-70, "mV"), "t_ref": value(2, "ms"),
    }  # fmt: skip
    receptors = {
        "ampa": {"kind": "alpha", "effect": "excitatory", "tau": value(2, "ms"), "reversal": value(0, "mV")},
        "gaba": {"kind": "alpha", "effect": "inhibitory", "tau": value(2, "ms"), "reversal": value(-80, "mV")},
    }

    def population(name: str) -> dict[str, Any]:
        own = {**cell, "I_e": value(INJECTED[name] * 1e12, "pA")}
        return {"cell": "conductance_lif", "count": value(CELLS, "1"), "parameters": own, "receptor": receptors}

    def projection(source: str, target: str, receptor: str, weight: Any) -> dict[str, Any]:
        return {
            "from": source, "to": target, "receptor": receptor, "delay": value(1, "ms"), "weight": weight,
            "rule": {"kind": "all_to_all"},
        }  # fmt: skip

    balance = {
        "kind": "balance", "of": "parallel_fiber_to_purkinje", "rest": value(2, "Hz"), "driven": value(10, "Hz"),
    } | weight  # fmt: skip
    tables = {
        "title": "case", "description": "case", "time_step": value(0.1, "ms"), "microzones": value(1, "1"),
        "population": {
            "granule": {"cell": "source", "count": value(SOURCES, "1")},
            "basket": population("basket"), "purkinje": population("purkinje"),
        },
        "projection": {
            "parallel_fiber_to_basket": projection("granule", "basket", "ampa", value(ONTO_BASKET * 1e9, "nS")),
            "parallel_fiber_to_purkinje": projection("granule", "purkinje", "ampa", value(ONTO_PURKINJE * 1e9, "nS")),
            "basket_to_purkinje": projection("basket", "purkinje", "gaba", balance),
        },
    }  # fmt: skip
    return parse(Circuit, tables, "case", ModelFileError)


def rate(injected: float, excited: float, inhibited: float = 0.0) -> float:
    """Hz, of a leaky cell under constant conductances (S)."""
    total = C / TAU + excited + inhibited
    aim = (C / TAU * REST + inhibited * -80e-3 + injected) / total
    return 0.0 if aim <= THRESHOLD else 1 / (HELD + C / total * math.log((aim - RESET) / (aim - THRESHOLD)))


def test_the_weight_is_that_of_mean_conductances() -> None:
    """With hundreds of small inputs fluctuations hardly count; a spike is seen at the end of its step."""
    basket = [rate(INJECTED["basket"], SOURCES * r * ONTO_BASKET * OPEN) for r in (2, 10)]
    assert basket[1] > basket[0] > 0

    def gained(weight: float) -> float:
        rest, driven = (
            rate(INJECTED["purkinje"], SOURCES * r * ONTO_PURKINJE * OPEN, CELLS * b * weight * OPEN)
            for r, b in zip((2, 10), basket, strict=True)
        )
        return driven - rest

    exact = brentq(gained, 1e-12, 2e-9)  # at 3 nS both are silent
    assert weights.solve(circuit()).weight["basket_to_purkinje"] == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"of": "granule_to_golgi"}, "no projection 'granule_to_golgi' to purkinje"),
        ({"of": "basket_to_purkinje"}, "nothing excites basket from basket"),
        ({"rest": value(10, "Hz")}, "wanted more than the rest of 10 Hz"),
    ],
)
def test_what_cannot_be_balanced_is_a_fault(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        weights.solve(circuit(**changed))
