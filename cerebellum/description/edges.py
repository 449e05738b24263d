"""Synapses as arrays, and the small steps of which wiring rules are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cerebellum.typing import Cells, Floats


@dataclass(frozen=True)
class Edges:
    """Synapses of one projection: cell numbers, both of shape (synapses,), ordered by `pre`, then `post`.

    A spike reaches all synapses of one `pre`: side by side in memory they are read several times faster. `contacts`
    are the synaptic contacts folded into each synapse, shape (synapses,); None is one.
    """

    pre: Cells
    post: Cells
    contacts: Floats | None = None

    def __len__(self) -> int:
        return len(self.pre)


def zone_of(cells: int, zones: int) -> Cells:
    """Microzone of each cell, shape (cells,): equal runs of neighbouring cells."""
    return (np.arange(cells) * zones // cells).astype(np.int32)


def ordered(pre: Cells, post: Cells, contacts: Floats | None = None) -> Edges:
    """Edges by `pre`, then `post`."""
    order = np.lexsort((post, pre))
    return Edges(
        pre[order].astype(np.int32), post[order].astype(np.int32), None if contacts is None else contacts[order]
    )


def by_source(sources: Cells) -> Edges:
    """Edges from the sources of every target, shape (targets, convergence)."""
    targets, convergence = sources.shape
    pre, post = sources.ravel(), np.repeat(np.arange(targets, dtype=np.int32), convergence)
    order = np.argsort(pre, kind="stable")
    return Edges(pre[order], post[order])


def popularity(things: int, cv: float, rng: np.random.Generator) -> Floats:
    """How much more often than others each thing is chosen: lognormal of mean 1 and this coefficient of variation."""
    spread = np.sqrt(np.log1p(cv**2))
    return np.asarray(np.exp(spread * rng.standard_normal(things) - spread**2 / 2))


def distinct(rows: int, things: int, chosen: int, rng: np.random.Generator, weight: Floats | None = None) -> Cells:
    """`chosen` different numbers below `things` in each of `rows` rows, sorted, shape (rows, chosen).

    With `weight`, shape (things,), one after another with probabilities in proportion to it: the smallest of
    exponential variates of these rates (Efraimidis PS, Spirakis PG 2006, Inf Process Lett 97:181).
    """
    if chosen == things:
        return np.tile(np.arange(things, dtype=np.int32), (rows, 1))
    out = np.empty((rows, chosen), dtype=np.int32)
    block = max(1, 4_000_000 // things)
    for first in range(0, rows, block):
        keys = rng.random((min(block, rows - first), things), dtype=np.float32)
        if weight is not None:
            keys = np.asarray(-np.log1p(-keys) / weight, np.float32)
        out[first : first + len(keys)] = np.argpartition(keys, chosen - 1, axis=1)[:, :chosen]
    return np.sort(out, axis=1)
