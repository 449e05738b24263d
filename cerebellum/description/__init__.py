"""What model and protocol files say, checked: circuits and experiments as immutable data, free of any engine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit as Circuit
    from cerebellum.description.circuit import load_model as load_model
    from cerebellum.description.protocol import Protocol as Protocol
    from cerebellum.description.protocol import load_protocol as load_protocol

# Loaded at first use, so that `cerebellum list` needs no pydantic.
_MODULE = {"Circuit": "circuit", "Protocol": "protocol", "load_model": "circuit", "load_protocol": "protocol"}
__all__ = ["Circuit", "Protocol", "load_model", "load_protocol"]


def __getattr__(name: str) -> Any:
    if name in _MODULE:
        return getattr(import_module(f"cerebellum.description.{_MODULE[name]}"), name)
    raise AttributeError(f"module 'cerebellum.description' has no attribute {name!r}")
