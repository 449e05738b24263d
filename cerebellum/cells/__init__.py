"""Cell models and receptor kinds, one small file each: all that the engines know of either.

Other packages add to both by entry points: a `CellModel` of the group `cerebellum.cells`, a subclass of
`CurrentReceptor` or `ConductanceReceptor` of `cerebellum.receptors`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cerebellum.cells.model import CellModel, RateForm, Receptors
from cerebellum.cells.receptor import ConductanceReceptor, CurrentReceptor, ReceptorModel
from cerebellum.plugins import Registry

MODELS: Mapping[str, CellModel] = Registry(
    "cell model",
    "cerebellum.cells",
    {
        "source": "cerebellum.cells.source:MODEL",
        "relay": "cerebellum.cells.relay:MODEL",
        "lif": "cerebellum.cells.lif:MODEL",
        "eglif": "cerebellum.cells.eglif:MODEL",
        "eglif_multirec": "cerebellum.cells.eglif_multirec:MODEL",
        "conductance_lif": "cerebellum.cells.conductance_lif:MODEL",
    },
)
RECEPTORS: Mapping[str, type[ReceptorModel]] = Registry(
    "receptor kind",
    "cerebellum.receptors",
    {
        "exponential": "cerebellum.cells.exponential:ExponentialCurrent",
        "alpha": "cerebellum.cells.alpha:AlphaConductance",
        "two_decays": "cerebellum.cells.two_decays:TwoDecays",
        "two_decays_magnesium": "cerebellum.cells.two_decays:BlockedTwoDecays",
    },
)

__all__ = [
    "MODELS",
    "RECEPTORS",
    "CellModel",
    "ConductanceReceptor",
    "CurrentReceptor",
    "RateForm",
    "ReceptorModel",
    "Receptors",
]
