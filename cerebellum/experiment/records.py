"""Records of a protocol in numbers: which cells or synapses, in which steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.protocol import Protocol
from cerebellum.description.record import Record
from cerebellum.description.where import Scene, Where
from cerebellum.errors import ProtocolFileError
from cerebellum.typing import Ints

if TYPE_CHECKING:
    from cerebellum.experiment.schedule import Trial

Span = tuple[int, int, int]
"""First time step, the one after the last, and of how many steps one is recorded."""


@dataclass(frozen=True)
class Planned:
    """A record, ready for any engine.

    Attributes
    ----------
    population : whose cells; of weights the target
    elements : cells, or synapses in the order of the connectome's edges, shape (n,)
    spans : in time steps of the circuit, in order, apart
    """

    described: Record
    population: str
    elements: Ints
    spans: tuple[Span, ...]

    @property
    def steps(self) -> Ints:
        """The steps of the samples, shape (samples,)."""
        return np.concatenate([np.empty(0, np.int64), *(np.arange(*span) for span in self.spans)])


def planned(protocol: Protocol, connectome: Connectome, trials: Sequence[Trial], seed: int) -> dict[str, Planned]:
    """All records of a protocol, by name.

    Raises
    ------
    ProtocolFileError
        If a record's `where` or `sources` choose nothing.
    """
    circuit, out = connectome.circuit, {}
    for name, record in protocol.record.items():
        every = nearest(record.interval.si, circuit.dt) if record.interval is not None else 1
        spans = _spans(trials, record.blocks or tuple(protocol.block), every, circuit.dt)
        if record.projection is not None:
            projection, edges = circuit.projection[record.projection], connectome.edges[record.projection]
            onto = np.isin(edges.post, _cells(record.where, connectome, projection.target, seed))
            kept = np.flatnonzero(
                onto & np.isin(edges.pre, _cells(record.sources, connectome, projection.source, seed))
            )
            out[name] = Planned(record, projection.target, kept.astype(np.int64), spans)
        else:
            population = circuit.find(record.population or "")
            assert population is not None  # checked with the circuit
            cells = _cells(record.where, connectome, population, seed).astype(np.int64)
            out[name] = Planned(record, population, cells, spans)
        if (record.where or record.sources) and not len(out[name].elements):
            what = f"synapse of {record.projection}" if record.projection else f"{out[name].population} cell"
            raise ProtocolFileError(f"record.{name}.where: no {what} is chosen; wanted one at least")
    return out


def _cells(where: Where | None, connectome: Connectome, population: str, seed: int) -> Ints:
    if where is None:
        return np.arange(connectome.size(population), dtype=np.int64)
    scene = Scene(connectome.circuit, population, connectome.positions.get(population), seed=seed)
    return where.cells_in(scene).astype(np.int64)


def _spans(trials: Sequence[Trial], blocks: Sequence[str], every: int, dt: float) -> tuple[Span, ...]:
    """Blocks one after another as one span; samples count from the begin of each span."""
    spans: list[list[int]] = []
    for trial in trials:
        if trial.block in blocks:
            first, last = nearest(trial.start, dt), nearest(trial.until, dt)
            if spans and spans[-1][1] == first:
                spans[-1][1] = last
            else:
                spans.append([first, last])
    return tuple((first, last, every) for first, last in spans)
