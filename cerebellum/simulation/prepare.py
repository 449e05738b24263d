"""From names to all that an engine needs: one connectome, its patterns and its schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import KEYS, Protocol, default_model, load_protocol
from cerebellum.errors import ArgumentError, UnknownNameError, did_you_mean, shortened
from cerebellum.experiment import stimulus
from cerebellum.experiment.loop import Loop
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import Schedule
from cerebellum.readout import granule_code, microzones
from cerebellum.readout.granule_code import Code
from cerebellum.typing import Floats


@dataclass(frozen=True)
class Experiment:
    """A protocol on a sampled circuit, ready for any engine.

    Attributes
    ----------
    code : granule code of the description; None for a protocol without patterns, as are `patterns`
    """

    circuit: Circuit
    protocol: Protocol
    connectome: Connectome
    schedule: Schedule
    patterns: Patterns | None
    code: Code | None

    @property
    def reads(self) -> bool:
        """Whether a memory is asked for what it stores."""
        return self.patterns is not None and self.protocol.block_of("read") is not None


def prepare(
    protocol: str | Protocol, model: str | Circuit | None = None, seed: int = 1, settings: dict[str, str] | None = None
) -> Experiment:
    """Sample the connectome and draw what drives it; the same arguments give the same numbers.

    Parameters
    ----------
    protocol, model : shipped name, path ending in .toml, or what `load_protocol` and `load_model` return; no model is
        the first that the protocol is made for
    settings : dotted key -> text laid over the files, as `--set`; a key of the protocol or of the model

    Raises
    ------
    InputError
        If anything asked for does not exist or does not fit together.
    """
    circuit, plan = resolve(model, protocol, settings or {})
    check_together(plan, circuit)
    return sample_experiment(circuit, plan, seed)


def sample_experiment(
    circuit: Circuit,
    protocol: Protocol,
    seed: int,
    earlier: tuple[int, dict[str, Floats], Any] | None = None,
    loop: Loop | None = None,
    connectome: Connectome | None = None,
) -> Experiment:
    """The same of a circuit and a protocol that have been checked together, and a loop around them.

    `earlier` are the seed of another run's connectome, to be this one's too, and the weights that it has learned;
    `connectome` is that of this circuit and seed, where it has been sampled before.
    """
    code = granule_code.code_of(circuit, protocol.active_lines) if protocol.patterns is not None else None
    patterns = make_patterns(protocol, code.lines, circuit.zones, seed) if code is not None else None
    if connectome is None:
        connectome = sample(circuit, seed if earlier is None else earlier[0])
    if earlier is not None:
        connectome = replace(connectome, learned=earlier[1])
    schedule = stimulus.schedule(protocol, connectome, patterns, seed)
    if protocol.loop is not None:
        if loop is not None:
            raise ArgumentError("loop", loop.step, "the protocol has a [loop] of its own")
        loop = protocol.loop.loop(circuit, schedule.trials)
    schedule = replace(schedule, counted=microzones.asked_for(circuit, schedule), loop=loop)
    return Experiment(circuit, protocol, connectome, schedule, patterns, code)


def resolve(
    model: str | Circuit | None, protocol: str | Protocol, settings: dict[str, str]
) -> tuple[Circuit, Protocol]:
    """Model and protocol with the settings given to the one whose file has the key's first part."""
    model = default_model(protocol) if model is None else model
    protocols = [*Protocol.model_fields, *KEYS]
    of_protocol = {key: text for key, text in settings.items() if key.split(".")[0] in protocols}
    of_model = {key: text for key, text in settings.items() if key not in of_protocol}
    known = [*Circuit.model_fields, *protocols]
    for key in of_model:
        first = key.split(".")[0]
        if first not in known:
            listed = ", ".join(dict.fromkeys(known))
            meant = did_you_mean(first, known)
            raise UnknownNameError(
                f"--set {shortened(key, 100)}: no such key{meant}; a model and a protocol together have: {listed}"
            )
    plan = load_protocol(protocol, of_protocol) if isinstance(protocol, str) else protocol
    circuit = load_model(model, of_model) if isinstance(model, str) else model
    if (of_protocol and not isinstance(protocol, str)) or (of_model and not isinstance(model, str)):
        raise ArgumentError("settings", settings, "apply to names and paths; pass them to load_model or load_protocol")
    return circuit, plan
