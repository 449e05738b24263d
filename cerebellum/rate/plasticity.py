"""Plastic synapses of the rate circuit: `plasticity`'s rules in expectation.

A presynaptic spike changes its synapse by alone + paired * sum of K(lag) over the teacher's spikes. With rates, spikes
of the two that arrive in steps m and m + l come together with the product of their rates, so that over a step

    dw = a(m) dt (alone + paired sum_l k_l c(m + l) dt),   k_l the mean of K over lags between two such steps,

or what else the rule makes of that sum and the weight (`PlasticityRule.weight_change`),

clipped to [w_min, w_max], and applied as in the spiking engine one support of K late. What is lost: that a presynaptic
spike helps to fire the teacher's cell, and the clipping of single spikes' steps.
"""

from __future__ import annotations

import warnings
from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.rate.time_step import BIN

SUBSTEPS = 50  # points within a step, for the mean of K


def binned_kernel(rule: PlasticityRule) -> tuple[NDArray[np.float64], int]:
    """k_l for l = first, first + 1, ..., and first: K over the lags of two spikes spread evenly over their steps."""
    reach = int(np.ceil(rule.timing.support / BIN)) + 1
    within = (np.arange(SUBSTEPS) + 0.5) / SUBSTEPS
    apart = (within[:, None] - within[None, :]).ravel() * BIN
    lags = np.arange(-reach, reach + 1)
    values = np.array([float(np.mean(rule.timing(lag * BIN + apart))) for lag in lags])
    first = int(np.flatnonzero(values)[0]) if values.any() else reach
    return values[first:], int(lags[first])


class _Transmission(torch.autograd.Function):
    """Sparse matrix of the weights times a vector; the matrix alone has no gradient of its values in torch."""

    @staticmethod
    def forward(ctx: Any, synapses: PlasticSynapses, weight: Tensor, rate: Tensor) -> Tensor:
        ctx.synapses = synapses
        ctx.save_for_backward(weight, rate)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)  # torch calls it beta
            matrix = torch.sparse_csr_tensor(
                synapses.begins, synapses.pre, weight, size=(len(synapses.number), len(rate)), check_invariants=False
            )
        return matrix @ rate

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (weight, rate), synapses = ctx.saved_tensors, ctx.synapses
        arriving = grads[0].repeat_interleave(synapses.number)
        back = torch.zeros_like(rate).index_add(0, synapses.pre, weight * arriving)
        return None, rate.index_select(0, synapses.pre) * arriving, back


class PlasticSynapses:
    """Synapses of one plastic projection, with what they remember, in the order of their target cells.

    Attributes
    ----------
    pre : source cells, shape (synapses,)
    number : synapses of each target cell
    begins : of each target cell's synapses, shape (cells + 1,)
    """

    def __init__(
        self,
        connectome: Connectome,
        name: str,
        weight: Tensor,
        spans: list[tuple[float, float]],
        tensor_options: dict[str, Any],
    ) -> None:
        projection = connectome.circuit.projection[name]
        assert projection.plasticity is not None
        self.rule = projection.plasticity
        self.spans = [(nearest(start, BIN), nearest(stop, BIN)) for start, stop in spans]
        edges, cells = connectome.edges[name], connectome.circuit.size(projection.target)
        order = np.lexsort((edges.pre, edges.post))
        self.order = torch.as_tensor(order, device=tensor_options["device"])
        self.sorted = weight[self.order]
        contacts = None if edges.contacts is None else np.asarray(edges.contacts, float)[order]
        self.contacts = None if contacts is None else torch.as_tensor(contacts, **tensor_options)
        self.pre = torch.as_tensor(edges.pre[order].astype(np.int32), device=tensor_options["device"])
        number = np.bincount(edges.post, minlength=cells)
        self.number = torch.as_tensor(number, device=tensor_options["device"])
        begins = np.concatenate([[0], np.cumsum(number)]).astype(np.int32)
        self.begins = torch.as_tensor(begins, device=tensor_options["device"])
        kernel, self.first = binned_kernel(self.rule)
        self.kernel = torch.as_tensor(kernel, **tensor_options)
        self.late = max(0, self.first + len(kernel) - 1)
        self.active: deque[Tensor] = deque(maxlen=self.late + 1)
        self.taught: deque[Tensor] = deque(maxlen=len(kernel))

    @property
    def weight(self) -> Tensor:
        """Peak conductance (S) of one contact, in the order of the connectome's edges, shape (..., synapses)."""
        return torch.empty_like(self.sorted).index_copy(-1, self.order, self.sorted)

    def transmit(self, rate: Tensor) -> Tensor:
        """Weighted spikes a second (S Hz) at each target cell, of source rates (Hz), shape (..., cells)."""
        if rate.dim() == self.sorted.dim() == 1:
            return self._transmit(self.sorted, rate)
        draws = max(len(one) for one in (self.sorted, rate) if one.dim() > 1)
        each = zip(self.sorted.expand(draws, -1), rate.expand(draws, -1), strict=True)
        return torch.stack([self._transmit(*pair) for pair in each])

    def _transmit(self, weight: Tensor, rate: Tensor) -> Tensor:
        all_contacts = weight if self.contacts is None else weight * self.contacts
        return _Transmission.apply(self, all_contacts, rate)  # type: ignore[no-untyped-call]

    def learn(self, step: int, active: Tensor, taught: Tensor) -> None:
        """Take up this step's arriving spikes (Hz) of source cells and of each target's teacher; change the weights.

        The change is that of the presynaptic spikes `late` steps ago.
        """
        self.active.append(active)
        self.taught.append(taught)
        then = step - self.late
        if len(self.active) <= self.late or not any(first <= then < last for first, last in self.spans):
            return
        before = torch.stack(torch.broadcast_tensors(*self.taught))  # type: ignore[no-untyped-call]
        together = torch.tensordot(self.kernel[-len(before) :] * BIN, before, dims=1)
        if self.rule.remembered == 1:
            together = together.clamp(max=1.0)
        each = self.rule.weight_change(self.sorted, together.repeat_interleave(self.number, dim=-1))
        moved = self.sorted + (self.active[0] * BIN).index_select(-1, self.pre) * each
        self.sorted = moved.clamp(self.rule.w_min.si, self.rule.w_max.si)
