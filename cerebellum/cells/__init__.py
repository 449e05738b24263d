"""Cell models, one small file each: parameters with dimensions, equations as text, single-cell responses in numpy.

To add a model, add a file with a `MODEL` and name it in `MODELS`.
"""

from __future__ import annotations

from cerebellum.cells import lif, source
from cerebellum.cells.model import CellModel

MODELS: dict[str, CellModel] = {model.name: model for model in (source.MODEL, lif.MODEL)}

__all__ = ["MODELS", "CellModel"]
