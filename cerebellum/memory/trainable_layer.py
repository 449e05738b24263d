"""Sparse distributed memory as a trainable layer: Top-k granule cells with the GABA switch.

Bricken, Davies, Singh, Krotov and Kreiman (2023), "Sparse Distributed Memory is a Continual Learner", ICLR,
doi:10.48550/arXiv.2303.11934. Their map to the cerebellum: input = mossy fibres, units = granule cells with their
addresses as input weights, Top-k inhibition = Golgi cells, output = Purkinje cells. No biases, weights and input not
negative, addresses and input of length one, plain stochastic gradient descent (momentum goes on moving units that are
silent). Both parts of `SDMLayer` are learned by backpropagation, which is not a claim about the biology.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cerebellum.errors import ArgumentError


class GolgiInhibition(nn.Module):
    """Top-k by subtraction, with an inhibition that is excitatory at first (the GABA switch).

    For ReLU activity x of a unit: y = ReLU(x - g I), where I is the (k+1)-th largest activity of the layer, g =
    clip(2 c / N - 1, -1, 1), and c the number of inputs for which this unit was active in training so far. At c = 0,
    g = -1 and the unit is excited, so that every unit learns; at c >= N, g = 1, and once all units are there only the k
    above I stay active. No gradient passes through I or g.

    Parameters
    ----------
    units : number of units, more than `k`
    k : units left active once all have switched, at least 1
    switch : N, active inputs after which a unit's inhibition is fully inhibitory; 0 for plain Top-k from the start

    Attributes
    ----------
    counts : c of each unit, shape (units,). The authors' code counts during evaluation too; here only training counts.
    """

    counts: Tensor

    def __init__(self, units: int, k: int, switch: int) -> None:
        super().__init__()
        if units < 2:
            raise ArgumentError("units", units, "must be at least 2")
        if not 1 <= k < units:
            raise ArgumentError("k", k, f"must be at least 1 and below units = {units}")
        if switch < 0:
            raise ArgumentError("switch", switch, "must not be negative")
        self.units, self.k, self.switch = units, k, switch
        self.register_buffer("counts", torch.zeros(units))

    def strength(self) -> Tensor:
        """g of each unit, shape (units,), from -1 (excites) to 1 (inhibits)."""
        if self.switch == 0:
            return torch.ones_like(self.counts)
        return (2.0 * self.counts / self.switch - 1.0).clamp(-1.0, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: (..., units) to the same."""
        if x.shape[-1] != self.units:
            raise ArgumentError("x", tuple(x.shape), f"its last axis must have {self.units} units")
        x = functional.relu(x)
        inhibition = x.detach().topk(self.k + 1, dim=-1).values[..., -1:]
        y = functional.relu(x - self.strength() * inhibition)
        if self.training:
            self.counts += (y.detach() > 0).reshape(-1, self.units).sum(0)
        return y


class SDMLayer(nn.Module):
    """Granule cells with learned addresses, Top-k inhibition, and Purkinje cells that sum over the active ones.

    `project` must be called after every optimiser step: it makes the weights not negative and the addresses unit
    vectors again.

    Parameters
    ----------
    inputs, units, outputs : numbers of mossy fibres, granule cells and Purkinje cells
    k, switch : of `GolgiInhibition`
    generator : draws the weights, uniform within 1/sqrt(fan-in) of zero and then projected, so that half of them
        start at zero, as the authors' do

    Attributes
    ----------
    addresses : shape (units, inputs), rows of length one
    values : shape (outputs, units)
    """

    def __init__(
        self, inputs: int, units: int, outputs: int, k: int, switch: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        for name, number in (("inputs", inputs), ("outputs", outputs)):
            if number < 1:
                raise ArgumentError(name, number, "must be at least 1")
        self.inhibition = GolgiInhibition(units, k, switch)
        self.addresses = nn.Parameter(_uniform(units, inputs, generator))
        self.values = nn.Parameter(_uniform(outputs, units, generator))
        self.project()

    @torch.no_grad()
    def project(self) -> None:
        """Set negative weights to zero and every address to length one (an address of zeros stays)."""
        self.addresses.clamp_(min=0.0)
        self.values.clamp_(min=0.0)
        self.addresses.copy_(functional.normalize(self.addresses, dim=1))

    def activity(self, x: Tensor) -> Tensor:
        """Granule-cell activity (batch, units) for input (batch, inputs); negative input counts as zero."""
        if x.shape[-1] != (inputs := self.addresses.shape[1]):
            raise ArgumentError("x", tuple(x.shape), f"its last axis must have {inputs} inputs")
        cosines = functional.normalize(functional.relu(x), dim=-1) @ self.addresses.T
        active: Tensor = self.inhibition(cosines)
        return active

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: (batch, inputs) to (batch, outputs)."""
        sums: Tensor = self.activity(x) @ self.values.T
        return sums


def _uniform(rows: int, columns: int, generator: torch.Generator | None) -> Tensor:
    return torch.empty(rows, columns).uniform_(-(columns**-0.5), columns**-0.5, generator=generator)
