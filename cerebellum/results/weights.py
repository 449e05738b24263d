"""Weights of a run in one file: what readers give to stored patterns, and the plastic synapses at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.typing import Floats, Ints


@dataclass(frozen=True)
class Weights:
    """Weights as the folder keeps them.

    Attributes
    ----------
    readers : reader -> weight of each stored pattern in each read of the last block that asks, (cues, patterns)
    distances : Hamming distances of the cues and the stored patterns, (cues, patterns); None where nothing is stored
    plastic : plastic projection -> weights at the end, A or S, (synapses,), in the order of the edges; to float32
    """

    readers: dict[str, Floats] = field(default_factory=dict)
    distances: Ints | None = None
    plastic: dict[str, Floats] = field(default_factory=dict)


def write(weights: Weights, path: Path) -> None:
    """Write all in one compressed file."""
    parts: dict[str, NDArray[Any]] = {f"reader.{name}": values for name, values in weights.readers.items()}
    if weights.distances is not None:
        parts["distances"] = weights.distances
    parts |= {f"plastic.{name}": values.astype(np.float32) for name, values in weights.plastic.items()}
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]


def read(path: Path) -> Weights:
    """What `write` wrote."""
    with np.load(path) as kept:
        of = {
            kind: {key.removeprefix(f"{kind}."): kept[key] for key in kept.files if key.startswith(f"{kind}.")}
            for kind in ("reader", "plastic")
        }
        return Weights(of["reader"], kept["distances"] if "distances" in kept.files else None, of["plastic"])


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
