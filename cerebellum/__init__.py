"""A cerebellar network simulator: spiking (Brian2) and rate (torch) engines on one circuit description."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit as Circuit
    from cerebellum.description.circuit import load_model as load_model
    from cerebellum.description.protocol import Protocol as Protocol
    from cerebellum.description.protocol import load_protocol as load_protocol
    from cerebellum.readout.comparison import compare as compare
    from cerebellum.results.result import Result as Result
    from cerebellum.results.saved import open_run as open_run
    from cerebellum.simulation.prepare import Experiment as Experiment
    from cerebellum.simulation.prepare import prepare as prepare
    from cerebellum.simulation.run import run as run

__version__ = "0.1.0"

# Public name -> module; loaded at first use, so that `import cerebellum` needs neither torch nor brian2.
_PUBLIC = {
    "Circuit": "description.circuit",
    "Experiment": "simulation.prepare",
    "Protocol": "description.protocol",
    "Result": "results.result",
    "compare": "readout.comparison",
    "load_model": "description.circuit",
    "load_protocol": "description.protocol",
    "open_run": "results.saved",
    "prepare": "simulation.prepare",
    "run": "simulation.run",
}
_FOLDERS = ("loop", "theory")
__all__ = [*_PUBLIC, *_FOLDERS]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"cerebellum.{_PUBLIC[name]}"), name)
    if name in _FOLDERS:
        return import_module(f"cerebellum.{name}")
    raise AttributeError(f"module 'cerebellum' has no attribute {name!r}")
