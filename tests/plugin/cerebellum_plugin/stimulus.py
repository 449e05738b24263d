"""A stimulus of another package."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cerebellum.description.schema import Fraction, Rate
from cerebellum.description.stimulus import Lasting, SomeCells
from cerebellum.description.where import Scene
from cerebellum.typing import Cells, Floats


class SinusoidalPoisson(Lasting, SomeCells):
    """Poisson spikes at rate (1 + depth sin(2 pi frequency t)), t from the onset; a depth of at most 1 stays whole."""

    kind: Literal["sinusoidal_poisson"]
    rate: Rate
    depth: Fraction
    frequency: Rate

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """By thinning of spikes at the highest rate."""
        chosen, highest, lasts = self.chosen(scene), self.rate.si * (1 + self.depth.si), self.lasts(scene.length)
        cells = np.repeat(chosen, rng.poisson(highest * lasts, len(chosen)))
        when = lasts * rng.random(len(cells))
        share = (1 + self.depth.si * np.sin(2 * np.pi * self.frequency.si * when)) / (1 + self.depth.si)
        kept = rng.random(len(cells)) < share
        return self.onset.si + when[kept], cells[kept]
