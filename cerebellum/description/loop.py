"""What closes a loop around the circuit, as a protocol file describes it: `[loop]`, of a `kind`.

Another package adds one by a subclass of `ClosedLoop` and an entry point of the group 'cerebellum.loops', named as its
`kind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cerebellum.description.schema import ByKind, Duration, Table
from cerebellum.plugins import Registry

if TYPE_CHECKING:
    from cerebellum.activity.exchanges import Exchanges
    from cerebellum.description.circuit import Circuit
    from cerebellum.experiment.loop import Loop
    from cerebellum.experiment.schedule import Trial

LOOPS = Registry("loop", "cerebellum.loops", {"eye_movement": "cerebellum.loop.eye_movement:EyeMovement"})


class ClosedLoop(Table):
    """What all loops of protocol files share."""

    kind: str
    interval: Duration

    def faults(self, circuit: Circuit, blocks: Sequence[str]) -> list[str]:
        """What does not fit the circuit or the protocol's blocks, a line each, begun with the key at fault."""
        return []

    def loop(self, circuit: Circuit, trials: Sequence[Trial]) -> Loop:
        """The loop of a run of these trials."""
        raise NotImplementedError

    def measured(self, exchanges: Exchanges, trials: Sequence[Trial]) -> dict[str, Any]:
        """Numbers for summary.json under `loop`."""
        return {}


AnyLoop = Annotated[ClosedLoop, ByKind(LOOPS)]
