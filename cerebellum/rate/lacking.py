"""What a circuit may have and the rate engine has not."""

from __future__ import annotations

from collections.abc import Iterable

from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ProtocolFileError


def refuse_what_it_lacks(circuit: Circuit, lesion: Iterable[str]) -> None:
    """Refuse coupled voltages, unless a lesion takes them out, and cells that differ by microzone.

    Raises
    ------
    ProtocolFileError
        With the reason.
    """
    coupled = {name for name, junction in circuit.gap_junction.items() if junction.conductance.si > 0}
    if coupled - lesions.gap_junctions(lesion, circuit):
        raise ProtocolFileError("gap junctions couple voltages, which the rate engine has none of: lesion them")
    if striped := [name for name, population in circuit.population.items() if population.stripes]:
        raise ProtocolFileError(
            f"population.{striped[0]}.stripes: the rate engine measures one transfer function for a population, not "
            "one for each microzone: use the spiking engine"
        )
