"""The references behind the values of a model or protocol."""

from __future__ import annotations

import re

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import values


def references(described: Circuit | Protocol) -> dict[str, str]:
    """Key -> reference of every source that a value names, also in the reason of an assumption; in the file's order."""
    used = {word for _, value in values(described) for word in re.findall(r"\w+", value.source)}
    return {key: reference for key, reference in described.sources.items() if key in used}


def unsourced(described: Circuit | Protocol) -> int:
    """How many values are assumed or fitted."""
    return sum(value.source.startswith(("assumed:", "fitted:")) for _, value in values(described))
