"""Whether a protocol can run on a circuit."""

from __future__ import annotations

from cerebellum.cells import MODELS
from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import Address, CurrentStep, Edge, Nearest, Pointer, Stimulus, Volley
from cerebellum.description.units import steps
from cerebellum.errors import InputError, ProtocolFileError


def check_together(protocol: Protocol, circuit: Circuit) -> None:
    """Whether this protocol can run on this circuit.

    Raises
    ------
    ProtocolFileError
        Every mismatch: a stimulated population that the circuit lacks or that makes its own spikes, more patterns than
        the pointer bits can resolve, times off the circuit's grid.
    """
    faults = lesions.faults(protocol.lesion, circuit)
    for name, block in protocol.block.items():
        for key, stimulus in block.stimulus.items():
            faults += _stimulus_faults(f"block.{name}.stimulus.{key}", stimulus, circuit)
        for key, time in (("trial_duration", block.trial_duration.si),):
            try:
                steps(time, circuit.dt)
            except InputError as error:
                faults.append(f"block.{name}.{key}: {error}")
    weighed = protocol.weights and protocol.block_of("read") is not None
    if weighed and 2 * protocol.pattern_count > circuit.zones:
        faults.append(
            f"patterns.count: found {protocol.pattern_count}; with {circuit.zones} pointer bits (microzones) the "
            f"weights of at most {circuit.zones // 2} patterns can be told apart; store fewer, set more microzones, "
            "or weights = false"
        )
    if faults:
        raise ProtocolFileError("\n".join(faults))


def _stimulus_faults(place: str, stimulus: Stimulus, circuit: Circuit) -> list[str]:
    if stimulus.population not in circuit.population:
        known = ", ".join(circuit.population)
        return [f"{place}: the model has no population {stimulus.population!r}; there is: {known}"]
    population = circuit.population[stimulus.population]
    if isinstance(stimulus, CurrentStep):
        if not MODELS[population.cell].has_membrane:
            return [f"{place}: {stimulus.population} has no membrane to inject a current into"]
        return []
    if not MODELS[population.cell].given and population.afferent is None:
        return [
            f"{place}: {stimulus.population} makes its own spikes; only a source cell, or one with an afferent, "
            "can be driven"
        ]
    if isinstance(stimulus, Volley | Pointer):
        return []
    if isinstance(stimulus.where, Address):
        wrong = stimulus.population != "mossy_fiber"
        return [f"{place}.where: an address lies on the mossy fibres, not on {stimulus.population}"] if wrong else []
    if stimulus.where is not None and circuit.volume is None:
        return [f"{place}.where: the cells of this model have no positions"]
    if isinstance(stimulus.where, Nearest | Edge) and stimulus.where.cells.number > circuit.size(stimulus.population):
        return [
            f"{place}.where.cells: found {stimulus.where.cells}; there are {circuit.size(stimulus.population)} "
            f"{stimulus.population} cells: wanted fewer, or a larger scale"
        ]
    return []
