"""A circuit in numbers: where cells lie, who contacts whom and how strongly. Every engine reads these arrays."""

from cerebellum.connectome.connectome import Connectome, Edges, sample

__all__ = ["Connectome", "Edges", "sample"]
