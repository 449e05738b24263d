"""Cell models, one small file each: parameters with dimensions, equations as text, single-cell responses in numpy.

To add a model, add a file with a `MODEL` and name it in `MODELS`.
"""

from __future__ import annotations

from cerebellum.cells import conductance_lif, eglif, lif, relay, source
from cerebellum.cells.model import CellModel, Port, Ports

_EVERY = (source.MODEL, relay.MODEL, lif.MODEL, conductance_lif.MODEL, eglif.MODEL)
MODELS: dict[str, CellModel] = {model.name: model for model in _EVERY}

__all__ = ["MODELS", "CellModel", "Port", "Ports"]
