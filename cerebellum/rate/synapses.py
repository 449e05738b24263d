"""Static synapses of the rate circuit: conductances, sparse products, short-term plasticity."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.cells import ConductanceReceptor
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.projection import Release
from cerebellum.rate.time_step import BIN
from cerebellum.typing import Floats


class PortConductance:
    """Mean conductance of one receptor of a population's cells; `none` is 0, shape (cells,)."""

    def __init__(self, receptor: ConductanceReceptor, none: Tensor) -> None:
        self.receptor, self.state = receptor, receptor.begin(none)

    def advance(self, rate: Tensor) -> Tensor:
        """Mean conductance (S) over a step in which weights arrive at `rate` (S Hz), shape (..., cells)."""
        self.state, mean = self.receptor.advance(self.state, rate, BIN)
        return mean


class _Product(torch.autograd.Function):
    """Sparse matrix times the last axis of a vector or matrix, with the transpose kept for its gradient."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, vector: Tensor) -> Tensor:
        ctx.transpose = transpose
        return _times(matrix, vector)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, None, _times(ctx.transpose, grads[0])


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.movedim(-1, 0).contiguous()).movedim(0, -1).contiguous()


class Fan:
    """All static synapses of one population, as one sparse product a step."""

    def __init__(self, connectome: Connectome, names: list[str], dtype: torch.dtype, device: torch.device) -> None:
        circuit = connectome.circuit
        self.names = names
        self.sizes = [circuit.size(circuit.projection[name].target) for name in names]
        source = circuit.size(circuit.projection[names[0]].source)
        rows: list[NDArray[np.int64]] = []
        columns: list[NDArray[np.int64]] = []
        values: list[Floats] = []
        first = 0
        for name, size in zip(names, self.sizes, strict=True):
            edges = connectome.edges[name]
            rows.append(edges.post.astype(np.int64) + first)
            columns.append(edges.pre.astype(np.int64))
            values.append(np.ones(len(edges)) if edges.contacts is None else np.asarray(edges.contacts, float))
            first += size
        shape = (first, source)
        row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
        self.matrix = _csr(row, column, value, shape, dtype, device)
        self.transpose = _csr(column, row, value, shape[::-1], dtype, device)

    def __call__(self, rate: Tensor) -> dict[str, Tensor]:
        """Arriving spikes a second, times contacts, at every target cell of every projection, shape (..., cells)."""
        return dict(
            zip(
                self.names,
                _Product.apply(self.matrix, self.transpose, rate).split(  # type: ignore[no-untyped-call]
                    self.sizes, dim=-1
                ),
                strict=True,
            )
        )


def _csr(
    row: NDArray[Any], column: NDArray[Any], value: Floats, shape: tuple[int, ...], dtype: torch.dtype,
    device: torch.device,
) -> Tensor:  # fmt: skip
    from scipy.sparse import csr_matrix

    made = csr_matrix((value, (row, column)), shape=shape)  # sorts, and adds synapses of one pair
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)  # torch calls it beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(made.indptr.astype(np.int32)),
            torch.from_numpy(made.indices.astype(np.int32)),
            torch.as_tensor(made.data, dtype=dtype),
            size=shape,
            check_invariants=False,
        ).to(device)


def kept(tau: float | Floats) -> Floats:
    """What a time step leaves of states with these time constants (s); 0: nothing."""
    with np.errstate(divide="ignore"):
        return np.exp(-BIN / np.asarray(tau, float))


class TsodyksMarkram:
    """Tsodyks-Markram state of a population's synapses of one projection, in expectation; exact for whole spikes.

    With rates the mean of u x at a spike is taken for the product of their means (Tsodyks et al. 1998, Neural Comput
    10:821): at 3 to 200 Hz, with the mouse's synapses, up to 6 % more than Poisson spikes release.
    """

    def __init__(self, rule: Release, cells: int, tensor_options: dict[str, Any]) -> None:
        self.U = torch.as_tensor(rule.U, **tensor_options)
        self.kept_facilitation = torch.as_tensor(kept(rule.tau_fac), **tensor_options)
        self.kept_depression = torch.as_tensor(kept(rule.tau_rec), **tensor_options)
        self.used, self.recovered = torch.zeros(cells, **tensor_options), torch.ones(cells, **tensor_options)

    def __call__(self, rate: Tensor) -> Tensor:
        """Rate times the share of the weight that each spike transmits; spikes of one step come one after another."""
        left, total = rate * BIN, torch.zeros_like(rate)
        self.used = self.used * self.kept_facilitation
        self.recovered = 1 + (self.recovered - 1) * self.kept_depression
        while True:
            spikes = left.clamp(max=1.0)
            then = self.used + self.U * (1 - self.used)
            sent = spikes * then * self.recovered
            self.used = self.used + spikes * (then - self.used)
            self.recovered = self.recovered - sent
            left, total = left - spikes, total + sent
            if not bool((left > 0).any()):
                return total / BIN
