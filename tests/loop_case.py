"""A small circuit that a loop is closed around, the loop, and callables that fail: for several files of tests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.errors import InputError
from cerebellum.loop import Loop
from cerebellum.results.result import Result
from cerebellum.simulation.run import run
from cerebellum.typing import Floats

DT, INTERVAL, SEED = 5e-4, 1e-3, 3
FIBERS, CELLS = 6, 4


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: case"]


def circuit(fibers: int = FIBERS, cells: bool = True) -> Circuit:
    """Fibres onto a relay, and onto four cells with an afferent each."""
    membrane = {
        "C_m": value(100, "pF"), "tau_m": value(10, "ms"), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
        "V_reset": value(-70, "mV"), "I_e": value(180, "pA"), "t_ref": value(1.5, "ms"),
    }  # fmt: skip
    synapse = {"kind": "alpha", "effect": "excitatory", "tau": value(2, "ms"), "reversal": value(0, "mV")}
    tables: dict[str, Any] = {
        "title": "case",
        "description": "case",
        "time_step": value(DT * 1e3, "ms"),
        "microzones": value(1, "1"),
        "population": {
            "mossy_fiber": {"cell": "source", "count": value(fibers, "1")},
            "inferior_olive": {"cell": "source", "count": value(1, "1")},
            "glomerulus": {"cell": "relay", "count": value(1, "1"), "role": "relay_cell"},
        },
        "projection": {
            "relayed_to_glomerulus": {
                "from": "mossy_fiber", "to": "glomerulus", "delay": value(1, "ms"), "rule": {"kind": "all_to_all"},
            },
        },
    }  # fmt: skip
    if cells:
        tables["population"]["nuclear"] = {
            "cell": "conductance_lif", "count": value(CELLS, "1"), "parameters": membrane,
            "receptor": {"ampa": synapse},
            "afferent": {"receptor": "ampa", "weight": value(2, "nS"), "delay": value(1, "ms")},
        }  # fmt: skip
        tables["projection"]["mossy_fiber_to_nuclear"] = {
            "from": "mossy_fiber", "to": "nuclear", "delay": value(1, "ms"), "rule": {"kind": "all_to_all"},
            "receptor": "ampa", "weight": value(1, "nS"),
        }  # fmt: skip
    return Circuit.model_validate(tables)


def plan(seconds: float, times: list[float] | None = None) -> Protocol:
    """One trial; `times` (ms) of spikes that the protocol gives all fibres."""
    stimulus = {
        "given": {
            "kind": "burst", "population": "mossy_fiber", "onset": value(0, "ms"),
            "times": [times, "ms", "assumed: case"],
        }
    }  # fmt: skip
    block = {
        "over": "trials",
        "trials": value(1, "1"),
        "trial_duration": value(seconds * 1e3, "ms"),
        "stimulus": stimulus if times else {},
    }
    return Protocol.model_validate({"title": "case", "description": "case", "block": {"only": block}})


def controller(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    """Drives each fibre, afferent and cell by what the cells did: an error of an interval or a cell changes all."""
    nuclear = seen["nuclear"]
    return {
        "mossy_fiber": 100 + 0.3 * nuclear.sum() + 20 * np.arange(FIBERS),
        "nuclear": 1e-11 * np.arange(CELLS) - 1e-13 * nuclear,
        "mean": nuclear.mean(),
    }


CLOSED = Loop(
    controller, ["nuclear", "glomerulus"], {"mossy_fiber": "rate", "nuclear": "current"}, INTERVAL, ["mean"], None
)


def closed(target: str, seconds: float = 1.0, loop: Loop = CLOSED, **more: Any) -> Result:
    return run(plan(seconds), circuit(), loop=loop, target=target, seed=SEED, **more)


def hang(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    time.sleep(60)
    return {}


def fail(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    raise InputError("no such thing")  # what the package raises is as much an error of the callable as any other


BAD: dict[str, tuple[Any, str]] = {
    "raises": (fail, "raised InputError: no such thing"),
    "hangs": (hang, r"no answer within 0\.2 s"),
    "shape": (lambda now, seen: {"mossy_fiber": np.zeros(FIBERS + 1)}, r"mossy_fiber: found shape \(7,\); .*\(6,\)"),
    "nan": (lambda now, seen: {"mossy_fiber": [1, 2, np.nan, 4, 5, 6]}, "mossy_fiber: found nan Hz"),
    "negative": (lambda now, seen: {"mossy_fiber": -1.0}, "found -1 Hz; wanted 0 to 2000 Hz"),
    "too fast": (lambda now, seen: {"mossy_fiber": 2001.0}, "found 2001 Hz"),
    "infinite": (lambda now, seen: {"nuclear": np.inf}, "nuclear: found inf A; wanted a finite number"),
    "words": (lambda now, seen: {"mossy_fiber": "fast"}, "mossy_fiber: found 'fast'; wanted numbers"),
    "name": (lambda now, seen: {"mossy": 1.0}, "found 'mossy'; wanted names"),
    "none": (lambda now, seen: None, "found None; wanted a dict"),
}
