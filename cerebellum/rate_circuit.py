"""The rate twin: every population of a circuit as the rates of its cells, expected or drawn, in torch, with gradients.

Time runs in steps of 0.5 ms. In a step, spikes and rates of source cells reach their targets through the same synapses,
contacts and delays as in the spiking engine; a port's mean conductance follows the alpha kernel exactly; it moves the
cell's membrane (`membrane`), told apart by the time since the last spike (`ages`), of which the rate is a function
measured on that cell (`transfer`). Populations that the protocol drives give their own spikes, not an expectation: the
mouse circuit has 117 mossy fibres, each on a thousand granule cells, and what these share moves the circuit. A basket
cell under constant rates equal to those of the circuit fires at 0.4 Hz, in the circuit at 12.

What expectations lose is the chance that cells share beyond what drives them, as granule cells do that hang on one
Golgi cell. With `draws`, the spikes of `cell_drive.DRAWN` populations are drawn by their rates in so many realizations
side by side; the cells after them, Purkinje cells and nuclei, stay expectations, one to each realization.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum import lesions
from cerebellum.ages import Ages
from cerebellum.balance import Balance
from cerebellum.cell_drive import BIN, DRAWN
from cerebellum.circuit import Circuit, ShortTerm
from cerebellum.connectome import Connectome
from cerebellum.drawn_cells import DrawnCells
from cerebellum.errors import ProtocolFileError
from cerebellum.membrane import Membrane
from cerebellum.rate_plasticity import PlasticSynapses
from cerebellum.rate_transfer import TransferSurface
from cerebellum.stimuli import Schedule
from cerebellum.streams import generator

Floats = NDArray[np.float64]


@dataclass
class Port:
    """Alpha conductances of a population's port: unit-weight decay and gain numbers, and the state (..., cells)."""

    tau: float
    g: Tensor
    h: Tensor

    def advance(self, rate: Tensor) -> Tensor:
        """Mean conductance over a step in which spikes of peak conductance (S) come at `rate` (S Hz)."""
        a = float(np.exp(-BIN / self.tau))
        h = a * self.h + math.e * (1 - a) * rate
        g = a * (self.g + BIN * self.h) + math.e * self.tau * (1 - a * (1 + BIN / self.tau)) * rate
        whole = math.e * BIN * rate - self.tau * (h - self.h)
        mean = self.tau * (whole - (g - self.g)) / BIN
        self.g, self.h = g, h
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


class Release:
    """Tsodyks-Markram state of a population's synapses of one projection, in expectation; exact for whole spikes.

    With rates the mean of u x at a spike is taken for the product of their means (Tsodyks et al. 1998, Neural Comput
    10:821): at 3 to 200 Hz, with the mouse's synapses, up to 6 % more than Poisson spikes release.
    """

    def __init__(self, rule: ShortTerm, cells: int, like: dict[str, Any]) -> None:
        self.rule = rule
        self.used, self.recovered = torch.zeros(cells, **like), torch.ones(cells, **like)

    def __call__(self, rate: Tensor) -> Tensor:
        """Rate times the share of the weight that each spike transmits; spikes of one step come one after another."""
        left, total = rate * BIN, torch.zeros_like(rate)
        self.used = self.used * float(np.exp(-BIN / self.rule.tau_fac.si))
        self.recovered = 1 + (self.recovered - 1) * float(np.exp(-BIN / self.rule.tau_rec.si))
        while True:
            spikes = left.clamp(max=1.0)
            then = self.used + self.rule.U.si * (1 - self.used)
            sent = spikes * then * self.recovered
            self.used = self.used + spikes * (then - self.used)
            self.recovered = self.recovered - sent
            left, total = left - spikes, total + sent
            if not bool((left > 0).any()):
                return total / BIN


class RateCircuit(torch.nn.Module):
    """A circuit's rates, stepped through time.

    With `draws` (realizations side by side; 0: expectations only) there are no gradients. Else these parameters of the
    module have them: `gain[projection]`, a factor on the projection's weight (1 as
    described); `tonic[population]`, an excitatory conductance beside the synapses (S, 0 as described); and
    `weight[projection]` of every plastic one, the weights at the begin (S, shape (synapses,)).

    Raises
    ------
    ProtocolFileError
        If a population's cells have no conductances, or gap junctions conduct, or draws are asked for and the circuit
        has none of the populations that are drawn.
    """

    def __init__(
        self,
        connectome: Connectome,
        balance: Balance,
        surfaces: dict[str, TransferSurface],
        lesion: tuple[str, ...] = (),
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        draws: int = 0,
    ) -> None:
        super().__init__()
        if draws < 0 or (draws and not set(DRAWN) & set(surfaces)):
            raise ProtocolFileError(f"draws: found {draws}; wanted 0, or 1 or more and one of {', '.join(DRAWN)} cells")
        self.draws = draws
        self.connectome, self.balance, self.circuit = connectome, balance, connectome.circuit
        self.like: dict[str, Any] = {"dtype": dtype, "device": torch.device(device)}
        circuit, cut = self.circuit, set(lesion)
        if set(connectome.gaps) - lesions.gap_junctions(cut, circuit):
            raise ProtocolFileError("gap junctions couple voltages, which the rate engine has none of: lesion them")
        self.alive = [name for name in circuit.population if name not in cut]
        blocked = lesions.projections(cut, circuit)
        self.names = [n for n in circuit.projection if n not in blocked and len(connectome.edges[n])]
        self.surfaces = torch.nn.ModuleDict(surfaces).to(self.like["device"])
        self.membranes = {
            name: Membrane(
                circuit.population[name].cell,
                connectome.parameters[name],
                {key: receptor.port for key, receptor in circuit.population[name].receptor.items()},
                self.like,
            )
            for name in surfaces
        }
        self.gain = torch.nn.ParameterDict({n: torch.nn.Parameter(torch.ones((), **self.like)) for n in self.names})
        self.tonic = torch.nn.ParameterDict(
            {n: torch.nn.Parameter(torch.zeros((), **self.like)) for n in self.alive if n in surfaces}
        )
        self.fans = {}
        for population in self.alive:
            own = [n for n in self.names if circuit.projection[n].source == population]
            fixed = [n for n in own if circuit.projection[n].plasticity is None]
            static = [n for n in fixed if circuit.projection[n].short_term is None]
            for names in [static] * bool(static) + [[n] for n in fixed if n not in static]:
                self.fans[tuple(names)] = Fan(connectome, names, self.like["dtype"], self.like["device"])
        self.weight = torch.nn.ParameterDict(
            {
                n: torch.nn.Parameter(torch.full((len(connectome.edges[n]),), balance.weight[n], **self.like))
                for n in self.names
                if circuit.projection[n].plasticity is not None
            }
        )
        self.delay = {n: max(1, round(circuit.projection[n].delay.si / BIN)) for n in self.names}
        self.requires_grad_(not draws)

    def driven(
        self, given: dict[str, list[tuple[Tensor, Tensor] | None]], step: int
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Rates (Hz) that `given_rates` has for a step: of source populations, and of others' outside fibres."""
        sources: dict[str, Tensor] = {}
        afferents: dict[str, Tensor] = {}
        for name, events in given.items():
            if name not in self.alive:
                continue
            described = self.circuit.population[name]
            is_source = described.afferent is None
            late = 0 if described.afferent is None else round(described.afferent.delay.si / BIN)
            now = events[step - late] if step >= late else None
            if is_source or now is not None:
                rate = torch.zeros(self.circuit.size(name), **self.like)
                if now is not None:
                    rate.index_add_(0, *now)
                (sources if is_source else afferents)[name] = rate
        return sources, afferents

    def begin(self, spans: Sequence[tuple[float, float]] = (), seed: int = 0) -> State:
        """State at time 0: nothing flows. Plasticity is on in `spans` (s); `seed` is that of draws."""
        return State(self, list(spans), seed)

    def forward(self, state: State, given: dict[str, Tensor], afferent: dict[str, Tensor]) -> dict[str, Tensor]:
        """One step.

        Parameters
        ----------
        state : changed in place
        given : rates (Hz) of the populations that the protocol drives, in this step, shape (cells,); one with a
            membrane can be given too, as a record of an earlier run
        afferent : the same of the outside fibres onto other populations

        Returns
        -------
        rates (Hz) of all populations in this step, shape (cells,), or (draws, cells) where draws reach
        """
        rates: dict[str, Tensor] = {}
        arriving = {name: state.pending[name].popleft() for name in self.names if name not in state.plastic}
        before = {name: state.emitted[name].popleft() for name in state.plastic}
        for name, synapses in state.plastic.items():
            arriving[name] = synapses.transmit(before[name][1])
        for population in self.alive:
            kind = self.circuit.population[population].cell
            if population in given:
                rates[population] = given[population]
            elif kind == "relay":
                rates[population] = sum(
                    (arriving[n] for n in self.names if self.circuit.projection[n].target == population),
                    torch.zeros(self.circuit.size(population), **self.like),
                )
            else:
                rates[population] = self._cells(population, state, arriving, afferent.get(population))
        for names, fan in self.fans.items():
            rate = rates[self.circuit.projection[names[0]].source]
            if names[0] in state.release:
                rate = state.release[names[0]](rate)
            for name, arrived in fan(rate).items():
                state.pending[name].append(arrived)
        for name, synapses in state.plastic.items():
            rate = rates[self.circuit.projection[name].source]
            state.emitted[name].append((rate, state.release[name](rate) if name in state.release else rate))
            teacher = synapses.rule.teacher
            if synapses.spans:
                taught = arriving[teacher] / self._contacts(teacher) if teacher in arriving else state.none(name)
                synapses.learn(state.step, before[name][0], taught)
        state.step += 1
        return rates

    def _contacts(self, projection: str) -> float:
        contacts = self.circuit.projection[projection].contacts
        return 1.0 if contacts is None else contacts.mean.number

    def _cells(self, population: str, state: State, arriving: dict[str, Tensor], afferent: Tensor | None) -> Tensor:
        ports, circuit = state.ports[population], self.circuit
        weighted: dict[str, Tensor] = {}
        for name, arrived in arriving.items():
            projection = circuit.projection[name]
            if projection.target != population:
                continue
            weight = 1.0 if name in state.plastic else self.balance.weight[name]
            _add(weighted, projection.receptor, arrived * (self.gain[name] * weight))
        outside = circuit.population[population].afferent
        if outside is not None:
            came = torch.zeros(circuit.size(population), **self.like) if afferent is None else afferent
            _add(weighted, outside.receptor, came * outside.weight.si)
        mean = {name: ports[name].advance(rate) for name, rate in weighted.items()}
        return state.cells[population].advance(self.surfaces[population], mean, self.tonic[population])


class State:
    """What a `RateCircuit` remembers from step to step."""

    def __init__(self, circuit: RateCircuit, spans: list[tuple[float, float]], seed: int) -> None:
        self.circuit, described, like = circuit, circuit.circuit, circuit.like
        self.step = 0

        def none(population: str) -> Tensor:
            return torch.zeros(described.size(population), **like)

        self.pending: dict[str, deque[Tensor]] = {}
        self.release: dict[str, Release] = {}
        self.plastic: dict[str, PlasticSynapses] = {}
        self.emitted: dict[str, deque[tuple[Tensor, Tensor]]] = {}
        for name in circuit.names:
            projection = described.projection[name]
            if projection.plasticity is None:
                self.pending[name] = deque([none(projection.target)] * circuit.delay[name])
            else:
                silent = none(projection.source)
                self.emitted[name] = deque([(silent, silent)] * circuit.delay[name])
                weight = circuit.weight[name]
                self.plastic[name] = PlasticSynapses(circuit.connectome, name, weight, spans, like)
            if projection.short_term is not None:
                cells = described.size(projection.source)
                self.release[name] = Release(projection.short_term, cells, like)
        self.ports = {
            name: {
                key: Port(r.tau.si, none(name), none(name)) for key, r in described.population[name].receptor.items()
            }
            for name in circuit.surfaces
        }
        self.cells: dict[str, Ages | DrawnCells] = {}
        for name, membrane in circuit.membranes.items():
            if circuit.draws and name in DRAWN:
                chance = torch.Generator(like["device"])
                chance.manual_seed(int(generator(seed, "rate draws", name).integers(2**62)))
                self.cells[name] = DrawnCells(membrane, described.size(name), circuit.draws, chance)
            else:
                self.cells[name] = Ages(membrane, described.size(name), circuit.draws)

    def none(self, projection: str) -> Tensor:
        """No spikes at the projection's target cells."""
        target = self.circuit.circuit.projection[projection].target
        return torch.zeros(self.circuit.circuit.size(target), **self.circuit.like)


def _add(table: dict[str, Tensor], key: str, value: Tensor) -> None:
    table[key] = table[key] + value if key in table else value


def given_rates(
    schedule: Schedule, circuit: Circuit, like: dict[str, Any]
) -> dict[str, list[tuple[Tensor, Tensor] | None]]:
    """Spikes of the driven populations in steps of `BIN`: for each step the cells and their rates (Hz), or None."""
    steps = round(schedule.duration / BIN)
    out: dict[str, list[tuple[Tensor, Tensor] | None]] = {}
    for name, events in schedule.events.items():
        place = np.minimum((events.step * circuit.dt / BIN + 1e-6).astype(np.int64), steps - 1)
        order = np.argsort(place, kind="stable")
        cells = torch.as_tensor(events.cell[order].astype(np.int64), device=like["device"])
        ends = np.searchsorted(place[order], np.arange(steps + 1))
        out[name] = [
            (cells[a:b], torch.full((b - a,), 1 / BIN, **like)) if b > a else None
            for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]
    return out
