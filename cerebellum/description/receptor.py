"""Receptors as a model file describes them: of any kind, each with the kind's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, PlainValidator, create_model, field_validator

from cerebellum.cells import RECEPTORS, ReceptorModel
from cerebellum.cells.receptor import Dimension
from cerebellum.description.schema import Table, quantity
from cerebellum.description.units import Value
from cerebellum.errors import UnknownNameError


class _Kind(BaseModel):
    """The key that says which other keys there are."""

    kind: str = "exponential"

    @field_validator("kind")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in RECEPTORS:
            raise UnknownNameError.of("receptor kind", name, list(RECEPTORS))
        return name


class Receptor(Table):
    """Where synapses enter a cell; the parameters of its kind are further keys, and attributes."""

    kind: str = "exponential"
    effect: Literal["excitatory", "inhibitory"]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Value: ...

    @property
    def dimension(self) -> Dimension:
        """Of the weights of its synapses."""
        return RECEPTORS[self.kind].dimension

    @property
    def si(self) -> ReceptorModel:
        """The receptor in SI units."""
        kind = RECEPTORS[self.kind]
        found = {name: getattr(self, name) for name in kind.parameters}
        numbers = {name: value.si for name, value in found.items() if value is not None}
        return kind(sign=1 if self.effect == "excitatory" else -1, **numbers)

    def __reduce__(self) -> tuple[Any, ...]:  # the class of a kind is made here, where pickle cannot find it
        return _of_its_kind, (self.model_dump(exclude_none=True),)


def _of_its_kind(found: object) -> Receptor:
    """The table as a receptor of the kind that it names."""
    if isinstance(found, Receptor):
        return found
    kind = _Kind.model_validate(found).kind if isinstance(found, Mapping) else "exponential"
    return table_of(kind).model_validate(found)


@cache
def table_of(kind: str) -> type[Receptor]:
    """The table of a kind's receptors in a model file."""
    model = RECEPTORS[kind]
    optional = {field.name for field in fields(model) if field.default is not MISSING}
    keys: dict[str, Any] = {}
    for name, dimension in model.parameters.items():
        low = None if dimension in ("voltage", "current") and name not in model.positive else 0.0
        value = Annotated[Value, *quantity(dimension, low=low, strict=name in model.positive)]
        keys[name] = (value | None, None) if name in optional else (value, ...)
    return create_model("Receptor", __base__=Receptor, __doc__=model.__doc__, kind=(str, kind), **keys)


AnyReceptor = Annotated[Receptor, PlainValidator(_of_its_kind)]
"""A receptor of any known kind; 'exponential' where the file names none."""
