"""Weights that readers give to stored patterns, as a run folder keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.typing import Floats, Ints


@dataclass(frozen=True)
class ReaderWeights:
    """Of the last block that asks.

    Attributes
    ----------
    readers : reader -> weight of each stored pattern in each read, (cues, patterns)
    distances : Hamming distances of the cues and the stored patterns, (cues, patterns); None where nothing is stored
    """

    readers: dict[str, Floats] = field(default_factory=dict)
    distances: Ints | None = None


def write(weights: ReaderWeights, path: Path) -> None:
    """Write all in one compressed file."""
    parts: dict[str, NDArray[Any]] = dict(weights.readers)
    if weights.distances is not None:
        parts["distances"] = weights.distances
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]


def read(path: Path) -> ReaderWeights:
    """What `write` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        readers = {key: kept[key] for key in kept.files if key != "distances"}
        return ReaderWeights(readers, kept["distances"] if "distances" in kept.files else None)


BIN = 8  # of Hamming distance, in which weights are averaged


def by_distance(weights: Floats, distances: Ints) -> tuple[Floats, Floats, Floats]:
    """Mean weight of the pairs in bins of Hamming distance; the cue's own address is a bin of its own.

    Parameters
    ----------
    weights, distances : shape (cues, patterns)

    Returns
    -------
    mean distance, mean weight and its standard error over pairs, each shape (bins,); bins without a pair are left out
    """
    edges = np.array([-1, *range(0, int(distances.max()) + BIN + 1, BIN)])
    place = np.digitize(distances, edges, right=True)
    inside = [place == number for number in np.unique(place)]
    spread = [weights[pairs].std() / np.sqrt(pairs.sum()) for pairs in inside]
    return (
        np.array([distances[pairs].mean() for pairs in inside]),
        np.array([weights[pairs].mean() for pairs in inside]),
        np.array(spread),
    )
