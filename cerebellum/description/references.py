"""The references behind the values of a model or protocol."""

from __future__ import annotations

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import values


def references(described: Circuit | Protocol) -> dict[str, str]:
    """Key -> reference of every source that a value names, in the order of the file."""
    used = {value.source.split(",")[0].strip() for _, value in values(described)}
    return {key: reference for key, reference in described.sources.items() if key in used}


def unsourced(described: Circuit | Protocol) -> int:
    """How many values are assumed or fitted."""
    return sum(value.source.startswith(("assumed:", "fitted:")) for _, value in values(described))
