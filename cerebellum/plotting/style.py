"""The look of every figure: colours, places of the diagram, names as words."""

from __future__ import annotations

from cerebellum.description.appearance import APART, CYCLE, colours, places, words
from cerebellum.results.names import READER_COLOURS

__all__ = ["APART", "CYCLE", "READER_COLOURS", "colours", "places", "words"]
