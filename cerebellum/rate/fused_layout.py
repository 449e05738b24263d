"""A rate circuit's numbers laid out for the compiled step: the structures of fused_step.c, and what fills them.

Every array is kept alive by the `Layout` that made it, as C has only its address.
"""

from __future__ import annotations

import ctypes
from ctypes import c_double, c_int64, c_uint64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import RateForm
from cerebellum.cells.eglif import AdaptingForm
from cerebellum.cells.receptor import ConductanceReceptor
from cerebellum.connectome.connectome import Edges
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer import FLOOR, SCALE
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.typing import Floats

LANES = 16
LINE = 64  # bytes of a line of a cache
RUN = 64  # synapses of a target that are added up in one place, at most
GIVEN, RELAYED, EXPECTED, DRAWN = range(4)
NUMBERS = (
    "above", "below", "drive", "adap_sum", "dep_sum", "V_min", "adap_keep", "adap_gain", "twice_E_L", "dep_keep",
    "threshold", "reset", "A1", "A2", "beside",
)  # fmt: skip
UNBOUNDED = -1e3  # V; the least voltage of a cell without one


def _fields(words: str, kind: Any) -> list[tuple[str, Any]]:
    return [(word, kind) for word in words.split()]


class Events(ctypes.Structure):
    """Given spikes; as in C."""

    _fields_ = [*_fields("begins lane value into now past", c_void_p), ("outside", c_int64)]


class Input(ctypes.Structure):
    """What arrives through a projection; as in C."""

    _fields_ = [
        *_fields("arriving filled", c_void_p), *_fields("delay lanes", c_int64), *_fields("weight", c_double),
    ]  # fmt: skip


class Port(ctypes.Structure):
    """A receptor; as in C."""

    _fields_ = [
        ("input", c_void_p),
        ("inputs", c_int64),
        *_fields("first second step", c_void_p),
    ]


class Population(ctypes.Structure):
    """A population; as in C."""

    _fields_ = [
        *_fields("kind cells lanes blocks classes hold period ports inputs wide per windows", c_int64),
        *_fields("rates rate state numbers leaves table", c_void_p),
        ("columns", c_int64),
        ("axes", c_void_p),
        ("key", c_uint64),
        *_fields("port input active", c_void_p), ("actives", c_int64), *_fields("mean kept within counts", c_void_p),
    ]  # fmt: skip


class Projection(ctypes.Structure):
    """A static projection; as in C."""

    _fields_ = [
        ("arrive", Input),
        *_fields("source target", c_void_p), ("blocks", c_int64),
        *_fields("run first column value begin row onto used recovered sent", c_void_p),
        *_fields("U keep_used keep_recovered", c_void_p),
    ]  # fmt: skip


class Circuit(ctypes.Structure):
    """All of them; as in C."""

    _fields_ = [
        *_fields("populations projections events width chunk behind", c_int64), ("bin", c_double),
        *_fields("population projection event", c_void_p),
    ]  # fmt: skip


def padded(lanes: int) -> int:
    """Lanes with those that fill the last block."""
    return -(-lanes // LANES) * LANES


def linear(receptor: ConductanceReceptor) -> NDArray[np.float64] | None:
    """The receptor's step as a matrix: first, second state and mean, from both states and the rate, shape (3, 3).

    None if it has a voltage gate, other than two states, or is not linear.
    """
    if receptor.voltage_gate or len(receptor.begin(0.0)) != 2:
        return None

    def step(first: float, second: float, rate: float) -> NDArray[np.float64]:
        states, mean = receptor.advance((first, second), rate, BIN)
        return np.array([*states, mean], dtype=float)

    matrix = np.stack([step(*unit) for unit in np.eye(3)], axis=1)
    there = np.array([3e-9, 2e-6, 4e-8])
    return matrix if np.allclose(step(*there), matrix @ there, rtol=1e-9, atol=0) else None


def numbers(membrane: Membrane, beside: float) -> dict[str, Floats] | None:
    """The numbers of a membrane's step, scalars or shape (cells,); None of a form that C does not know."""
    if type(membrane.form) not in (RateForm, AdaptingForm):
        return None
    out: dict[str, Floats] = {name: np.zeros(()) for name in NUMBERS}
    out |= {"V_min": np.array(UNBOUNDED), "beside": np.array(beside)}
    given = {**membrane.numbers, "threshold": membrane.threshold, "reset": membrane.reset}
    return out | {name: one.double().cpu().numpy() for name, one in given.items() if name in NUMBERS}


def quiet(surface: TransferSurface) -> tuple[float, float]:
    """Voltage above threshold (V) up to which the rate (Hz) is one number, whatever the change; and that number."""
    found = surface.transfer
    if not found.spikes:
        return np.inf, 0.0
    table = surface.table[0, 0].double().cpu().numpy()
    rows = int(np.argmin(np.append((table == table[0, 0]).all(axis=1), False)))
    if table[0, 0] > np.log(FLOOR) + 1e-6 or rows < 2:
        return -np.inf, 0.0
    end = found.low[0] + (rows - 1.5) / (len(table) - 1) * (found.high[0] - found.low[0])
    return float(np.sinh(end) * SCALE), float(np.exp(table[0, 0]))


class Layout:
    """Arrays at fixed addresses, in one precision."""

    def __init__(self, real: Any, width: int) -> None:
        self.real, self.width, self.kept, self.states = real, width, list[Any](), list[NDArray[Any]]()

    def array(self, values: Any, kind: Any = None) -> NDArray[Any]:
        """A copy of `values`, kept alive, that begins with a cache line; of the circuit's precision if not said."""
        given = np.asarray(values, dtype=self.real if kind is None else kind)
        room = np.empty(given.nbytes + LINE, np.uint8)
        begin = -room.ctypes.data % LINE
        made = room[begin : begin + given.nbytes].view(given.dtype).reshape(given.shape)
        made[...] = given
        self.kept.append(made)
        return made

    def none(self, *shape: int, kind: Any = None) -> NDArray[Any]:
        """Zeros."""
        return self.array(np.zeros(shape), kind)

    def state(self, values: Any, kind: Any = None) -> NDArray[Any]:
        """The same of what changes from step to step, and is the circuit's state."""
        self.states.append(self.array(values, kind))
        return self.states[-1]

    def still(self, *shape: int, kind: Any = None) -> NDArray[Any]:
        """Such zeros."""
        return self.state(np.zeros(shape), kind)

    def hold(self, structure: Any) -> Any:
        """Keep a structure alive."""
        self.kept.append(structure)
        return structure

    def broadcast(self, values: Any) -> NDArray[Any]:
        """Numbers, each in every lane of a block."""
        return self.array(np.repeat(np.asarray(values, dtype=float), LANES))

    def lanes(self, values: float | Floats, cells: int) -> int:
        """Address of numbers of all cells or of each, one for every lane."""
        return self.array(np.repeat(np.broadcast_to(values, cells), self.width)).ctypes.data

    def pointers(self, structures: list[Any]) -> int:
        """Address of an array of their addresses."""
        return self.array([ctypes.addressof(one) for one in structures], np.int64).ctypes.data

    def spread(self, values: dict[str, Floats], cells: int) -> tuple[NDArray[Any], bool]:
        """Numbers by block and lane; one block for all where cells do not differ."""
        if not any(one.ndim for one in values.values()):
            return self.array(np.repeat(np.stack([values[name] for name in NUMBERS]), LANES)), False
        lanes = cells * self.width
        rows = [np.repeat(np.broadcast_to(values[name], cells), self.width) for name in NUMBERS]
        whole = np.pad(np.stack(rows), ((0, 0), (0, padded(lanes) - lanes)), mode="edge")
        return self.array(whole.reshape(len(NUMBERS), -1, LANES).transpose(1, 0, 2)), True

    def by_target(self, edges: Edges, targets: int) -> tuple[NDArray[Any], NDArray[Any], Any]:
        """Where each target's synapses begin, their source cells, and contacts if there are several of any."""
        order = np.lexsort((edges.pre, edges.post))
        contacts = None if edges.contacts is None else np.asarray(edges.contacts, float)[order]
        return self._begins(edges.post, targets), self.array(edges.pre[order], np.int32), contacts

    def by_runs(self, edges: Edges, beyond: int) -> tuple[NDArray[Any], NDArray[Any], Any, NDArray[Any]]:
        """The same of runs of at most `RUN` synapses of one target, `LANES` runs of nearly one length side by side.

        Where each block of runs begins, in rows; the rows' sources, and `beyond`, the place of a number that is 0,
        where a run has ended; contacts; and the runs' targets. Long runs come first, by their sources' places, so that
        the rates that a block wants lie close together.
        """
        order = np.lexsort((edges.pre, edges.post))
        post, pre = edges.post[order], edges.pre[order]
        within = np.arange(len(post)) - np.searchsorted(post, post)
        heads = np.flatnonzero(within % RUN == 0)
        length = np.diff(np.append(heads, len(post)))
        heads = heads[(by := np.lexsort((pre[heads], -length)))]
        length = np.pad(length[by], (0, padded(len(heads)) - len(heads)))
        first = np.concatenate([[0], np.cumsum(length[::LANES])])
        column = np.full((first[-1], LANES), beyond)
        value = None if edges.contacts is None else np.zeros(column.shape)
        run = np.repeat(np.arange(len(heads)), length[: len(heads)])
        place = np.arange(len(run)) - np.repeat(np.cumsum(length) - length, length)
        synapse = heads[run] + place
        at = first[run // LANES] + place, run % LANES
        column[at] = pre[synapse]
        if value is not None:
            value[at] = np.asarray(edges.contacts, float)[order][synapse]
        target = np.pad(post[heads], (0, len(length) - len(heads)))
        return self.array(first, np.int64), self.array(column, np.int32), value, self.array(target, np.int32)

    def by_source(self, edges: Edges, sources: int) -> tuple[NDArray[Any], NDArray[Any], Any]:
        """Where each source's synapses begin, their target cells, and contacts if there are several of any."""
        order = np.lexsort((edges.post, edges.pre))
        contacts = None if edges.contacts is None else np.asarray(edges.contacts, float)[order]
        return self._begins(edges.pre, sources), self.array(edges.post[order], np.int32), contacts

    def _begins(self, cell: NDArray[Any], cells: int) -> NDArray[Any]:
        return self.array(np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))]), np.int64)
