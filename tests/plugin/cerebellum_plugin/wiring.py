"""A wiring rule of another package."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cerebellum.description.edges import Edges, distinct
from cerebellum.description.schema import Count
from cerebellum.description.wiring import Ends, WiringRule


class Divergence(WiringRule):
    """Each source cell contacts `divergence` different target cells, drawn evenly."""

    kind: Literal["divergence"]
    divergence: Count

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Different targets for every source cell."""
        post = distinct(ends.sources, ends.targets, int(self.divergence.number), rng)
        return Edges(np.repeat(np.arange(ends.sources, dtype=np.int32), post.shape[1]), post.ravel())

    def expected(self, ends: Ends) -> int:
        """`divergence` a source cell."""
        return ends.sources * int(self.divergence.number)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """There are as many target cells."""
        if self.divergence.number <= ends.targets:
            return []
        return [f"{place}.divergence: found {self.divergence}; {ends.projection.target} has fewer cells"]
