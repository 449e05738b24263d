"""The engines by name: one line each. Everything else here knows them by what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome
from cerebellum.description import protocol
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ArgumentError, did_you_mean
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.progress import Progress
from cerebellum.plugins import Registry

ENGINES = Registry(
    "engine",
    "cerebellum.engines",
    {
        "spiking": "cerebellum.spiking.engine:ENGINE",
        "rate": "cerebellum.rate.engine:ENGINE",
        "volley": "cerebellum.rate.volley:ENGINE",
    },
)


class Engine(Protocol):
    """What runs a circuit.

    Attributes
    ----------
    name : as users ask for it
    options : dataclass of its options, all with defaults; it refuses bad values with an `InputError`
    readers : role of a population -> name of the reader of a memory that its activity makes, for `Outcome.counts`
    closes : what a closed loop may drive, 'rate' and 'current'; an engine without the attribute closes none
    """

    name: str
    options: type[Any]
    readers: Mapping[str, str]

    def suits(self, circuit: Circuit) -> bool:
        """Whether it can run the cells of this circuit."""

    def check(self, circuit: Circuit, protocol: protocol.Protocol, options: Any) -> None:
        """Raise an `InputError` for what it cannot run, before any work."""

    def memory(self, circuit: Circuit, options: Any) -> float:
        """Bytes needed beside the interpreter, roughly."""

    def simulate(self, connectome: Connectome, schedule: Schedule, options: Any, progress: Progress) -> Outcome:
        """Run a schedule; adds up spikes in the windows of `Schedule.counted` if it leaves no spikes."""


@runtime_checkable
class TakesSeveral(Protocol):
    """An engine that runs several schedules on one connectome as one, if it wants to."""

    def together(
        self, connectome: Connectome, schedules: Sequence[Schedule], options: Any, progress: Progress
    ) -> list[Outcome]:
        """What `simulate` gives for each of them."""


def engine(name: str) -> Engine:
    """The engine of that name.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    if name not in ENGINES:
        known = ["spiking", "rate", "both", *[*ENGINES][2:]]
        raise ArgumentError("engine", name, f"wanted one of {', '.join(known)}{did_you_mean(name, known)}")
    found: Engine = ENGINES[name]
    return found


def choose(word: str, circuit: Circuit) -> list[Engine]:
    """The engines that a user's word stands for.

    'both' is the spiking engine and the engine of rates that suits the circuit; 'rate' on a circuit of currents is
    'volley', which a run then says.
    """
    if word in ("both", "rate"):
        rates = next((one for one in (engine("rate"), engine("volley")) if one.suits(circuit)), engine("rate"))
        return [engine("spiking"), rates] if word == "both" else [rates]
    return [engine(word)]


def configure(chosen: list[Engine], given: Mapping[str, Any]) -> list[tuple[Engine, Any]]:
    """Each engine with its options, of all those given.

    Raises
    ------
    ArgumentError
        If none of the engines has an option, or it refuses the value.
    """
    known = {one.name: [each.name for each in fields(one.options)] for one in chosen}
    for option, value in given.items():
        if not any(option in own for own in known.values()):
            has = "; ".join(f"{name}: {', '.join(own) or 'none'}" for name, own in known.items())
            raise ArgumentError(option, value, f"the engine has no such option; there is: {has}")
    return [(one, one.options(**{k: v for k, v in given.items() if k in known[one.name]})) for one in chosen]
