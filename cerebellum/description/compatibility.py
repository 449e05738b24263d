"""Whether a protocol can run on a circuit."""

from __future__ import annotations

from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
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
            faults += stimulus.faults(f"block.{name}.stimulus.{key}", circuit)
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
