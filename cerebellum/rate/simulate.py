"""Run a schedule on the rate circuit, and keep what a comparison with spikes needs: little of it, at every scale.

Kept are the mean rate of every population in every step of 1 ms, and the rates of single cells in bins as fine as a
few million numbers a population allow. What a readout needs exactly is asked for: each cell's expected spikes in
windows.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.schedule import Schedule, plastic_ends, plastic_spans
from cerebellum.machine.progress import Progress, silent
from cerebellum.rate import records, time_step, transfer
from cerebellum.rate.loop import RateLoop, check_interval
from cerebellum.rate.network import RateCircuit, given_rates
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.recording import Keeper, Tally, over_draws
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.typing import Floats


def build(
    connectome: Connectome,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    draws: int = 0,
    progress: Progress = silent,
) -> RateCircuit:
    """The circuit with its cells' transfer functions measured, or taken from the cache; `draws` as `RateCircuit`.

    Raises
    ------
    ProtocolFileError
        If the protocol injects currents: the transfer functions are of conductances.
    ArgumentError
        If the circuit's time step is no whole part of the rate circuit's.
    """
    circuit = connectome.circuit
    time_step.steps_within(circuit.dt)
    if schedule.currents:
        raise ProtocolFileError("the rate engine knows cells by their conductances and cannot inject currents")
    surfaces = {}
    for name, population in circuit.population.items():
        if MODELS[population.cell].has_membrane and name not in schedule.lesion:
            progress(f"transfer function of {name} cells", None)
            surfaces[name] = TransferSurface(transfer.of(connectome, name, draws > 0), dtype)
    return RateCircuit(connectome, surfaces, schedule.lesion, device, dtype, draws)


def simulate(
    connectome: Connectome,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    draws: int = 0,
    progress: Progress = silent,
) -> Outcome:
    """Run a schedule, without gradients.

    Parameters
    ----------
    draws : realizations of drawn spikes to average, all different by the connectome's seed; 0: expectations only
    """
    clock = time.perf_counter()
    if schedule.loop is not None:
        check_interval(schedule.loop)
    precision: torch.dtype = getattr(torch, dtype)
    module = build(connectome, schedule, device=device, dtype=precision, draws=draws, progress=progress)
    seconds = {"build": time.perf_counter() - clock}
    clock = time.perf_counter()
    circuit, steps = connectome.circuit, nearest(schedule.duration, BIN)
    keepers = {name: Keeper(circuit, name, steps) for name in circuit.population}
    tallies = {name: Tally(circuit.size(name), windows, steps) for name, windows in schedule.counted.items()}
    given = given_rates(schedule, circuit, module.tensor_options)
    closed = RateLoop(module, schedule.loop, schedule) if schedule.loop is not None else None
    with torch.no_grad():
        state = module.begin(plastic_spans(schedule.trials), connectome.seed)
        due = _kept_after(schedule, state.plastic)
        recorded = records.recorders(schedule.records, connectome, state.plastic)
        of_rates, of_weights = _by_kind(recorded)
        snapshots: dict[str, dict[str, Floats]] = {name: {} for name in state.plastic}
        for step in range(steps):
            driven, afferent = module.driven(given, step)
            if closed is not None:
                closed.drive(step, driven, afferent)
            found = module(state, driven, afferent)
            if closed is not None:
                closed.see(found)
            for name, rate in found.items():
                values = over_draws(rate).cpu().numpy()
                keepers[name].add(step, values)
                if name in tallies:
                    tallies[name].add(step, values)
                for recorder in of_rates.get(name, ()):
                    recorder.add_rates(step, values)
            for name, recorder in of_weights:
                recorder.add_weights(step, state.plastic[name])
            for name, block in due.get(step, ()):
                snapshots[name][block] = _numbers(state.plastic[name])
            if step % 100 == 0:
                progress("rate engine", step / steps)
    seconds["simulate"] = time.perf_counter() - clock
    weights = {name: _numbers(one) for name, one in state.plastic.items()}
    for name, kept in snapshots.items():  # of blocks whose last changes were still due: those that the run ends with
        kept |= {block: weights[name] for block in plastic_ends(schedule.trials) if block not in kept}
    return Outcome(
        {name: circuit.size(name) for name in circuit.population},
        rates={name: keeper.rates() for name, keeper in keepers.items()},
        weights=weights,
        snapshots=snapshots,
        tallied={name: (tally.windows, tally.counts) for name, tally in tallies.items()},
        records={name: recorder.recording() for name, recorder in recorded.items()},
        exchanges=closed.exchange.exchanges() if closed is not None else None,
        seconds=seconds,
    )


def _by_kind(
    recorded: dict[str, records.Recorder],
) -> tuple[dict[str, list[records.Recorder]], list[tuple[str, records.Recorder]]]:
    """Recorders of rates by population; those of weights with their projection."""
    of_rates: dict[str, list[records.Recorder]] = {}
    of_weights = []
    for recorder in recorded.values():
        if (projection := recorder.plan.described.projection) is not None:
            of_weights.append((projection, recorder))
        else:
            of_rates.setdefault(recorder.plan.population, []).append(recorder)
    return of_rates, of_weights


def _kept_after(schedule: Schedule, plastic: dict[str, PlasticSynapses]) -> dict[int, list[tuple[str, str]]]:
    """Steps after which a projection's weights are those that a plastic block has left; changes are made late."""
    due: dict[int, list[tuple[str, str]]] = {}
    for block, stop in plastic_ends(schedule.trials).items():
        for name, synapses in plastic.items():
            due.setdefault(nearest(stop, BIN) - 1 + synapses.late, []).append((name, block))
    return due


def _numbers(synapses: PlasticSynapses) -> Floats:
    return np.asarray(over_draws(synapses.weight.detach().double()).cpu().numpy())
