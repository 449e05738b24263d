"""What model and protocol files share: field types with a unit and a source, and faults named by file and key."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import CoreSchema, core_schema

from cerebellum.description.units import DIMENSIONS, Value, parse_value
from cerebellum.errors import InputError, brief, shortened
from cerebellum.plugins import Registry


class Table(BaseModel):
    """A checked, immutable table of a file; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True, eq=False)
class ByKind:
    """Annotation of a field that holds one of several tables, each known by its `kind`: `Annotated[Base, ByKind(...)]`.

    Parameters
    ----------
    registry : kind -> subclass of the annotated class; other packages may add to it
    default : kind of a table that does not say
    """

    registry: Registry
    default: str | None = None

    def __get_pydantic_core_schema__(self, base: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        """Pydantic's own unions are closed, so the class is looked up here; what it dumps is its own."""

        def checked(found: object) -> Any:
            if isinstance(found, base):
                return found
            kind = found.get("kind", self.default) if isinstance(found, dict) else None
            if not isinstance(kind, str) or kind not in self.registry:
                what = f"found {brief(kind if isinstance(found, dict) else found)}"
                raise InputError(f"wanted kind = {self._kinds()}; {what if kind is not None else 'found none'}")
            return self.registry[kind].model_validate(found)

        return core_schema.no_info_plain_validator_function(checked)

    def _kinds(self) -> str:
        known = [f"{kind!r} (as without a kind)" if kind == self.default else repr(kind) for kind in self.registry]
        return " or ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)


RESERVED = {
    *keyword.kwlist, "t", "dt", "t_in_timesteps", "xi", "i", "j", "n", "v", "w", "e", "pi", "inf", "lastspike",
    "not_refractory", "abs", "arccos", "arcsin", "arctan", "ceil", "clip", "cos", "cosh", "exp", "exprel", "floor",
    "int", "log", "log10", "log1p", "expm1", "poisson", "rand", "randn", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
    "timestep", "pre", "post",
}  # fmt: skip
"""Words that mean something else in the text of the spiking engine (Brian2's names and Python's)."""


LONGEST_NAME = 60


def _word(found: str) -> str:
    if len(found) > LONGEST_NAME or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", found):
        raise InputError(
            f"name {brief(found)}: wanted letters, digits and underscores, beginning with a letter, "
            f"{LONGEST_NAME} at most"
        )
    return found


def _name(found: str) -> str:
    if len(found) > LONGEST_NAME or not re.fullmatch("[a-z][a-z0-9_]*", found):
        raise InputError(
            f"name {brief(found)}: wanted lower-case letters, digits and underscores, beginning with a letter, "
            f"{LONGEST_NAME} at most"
        )
    if found in RESERVED:
        raise InputError(f"name {found!r}: the spiking engine has this word for something else; wanted another")
    if found.endswith(("_pre", "_post")):
        raise InputError(f"name {found!r}: wanted one that does not end in _pre or _post, the two sides of a synapse")
    return found


Name = Annotated[str, AfterValidator(_name)]
"""Of a population, a receptor or a projection: the engines build identifiers from it."""

Word = Annotated[str, AfterValidator(_word)]
"""Of a block, a stimulus or a layer."""


def _whole(found: object, *, low: float, high: float | None = None) -> Value:
    value = parse_value(found, "number", low=low, high=high)
    if value.number != int(value.number):
        raise InputError(f"found {value}; wanted a whole number")
    return value


def _listed(table: dict[str, Any]) -> dict[str, Any]:
    return {key: [v.number, v.unit, v.source] if isinstance(v, Value) else v for key, v in table.items()}


ValueTable = Annotated[dict[str, Any], PlainSerializer(_listed, return_type=dict)]
"""Values whose names and dimensions depend on another key, checked by the owning table."""
_as_list = PlainSerializer(lambda value: [value.number, value.unit, value.source], return_type=list)


def quantity(
    dimension: str, *, low: float | None = None, high: float | None = None, strict: bool = False
) -> tuple[Any, Any]:
    """What makes a `Value` of a dimension of a field, between `low` (excluded if `strict`) and `high`."""
    return PlainValidator(partial(parse_value, dimension=dimension, low=low, high=high, strict=strict)), _as_list


Count = Annotated[Value, PlainValidator(partial(_whole, low=1)), _as_list]
Remembered = Annotated[Value, PlainValidator(partial(_whole, low=1, high=1000)), _as_list]
"""Spikes that a rule remembers of each cell."""
Listed = Annotated[Value, PlainValidator(partial(_whole, low=1, high=100_000)), _as_list]
"""Trials, patterns, cues: things that are listed one by one."""
Fraction = Annotated[Value, *quantity("number", low=0)]
Probability = Annotated[Value, *quantity("number", low=0, high=1)]
Correlation = Annotated[Value, *quantity("number", low=-1, high=1)]
Time = Annotated[Value, *quantity("time", low=0)]
Duration = Annotated[Value, *quantity("time", low=0, strict=True)]
Rate = Annotated[Value, *quantity("rate", low=0)]
Voltage = Annotated[Value, *quantity("voltage")]
Current = Annotated[Value, *quantity("current")]
Deviation = Annotated[Value, *quantity("current", low=0)]
Conductance = Annotated[Value, *quantity("conductance", low=0)]
Position = Annotated[Value, *quantity("length")]
Extent = Annotated[Value, *quantity("length", low=0, strict=True)]
Positive = Annotated[Value, *quantity("number", low=0, strict=True)]


def _either(found: object, *, dimensions: tuple[str, str], strict: bool = False) -> Value:
    """A value of the first dimension if its unit has it, else of the second."""
    first, second = dimensions
    if isinstance(found, list | tuple) and len(found) == 3 and DIMENSIONS[second] == found[1]:
        return parse_value(found, second, low=0, strict=strict)
    try:
        return parse_value(found, first, low=0, strict=strict)
    except InputError:
        return parse_value(found, second, low=0, strict=strict)


Density = Annotated[
    Value, PlainValidator(partial(_either, dimensions=("planar density", "volume density"), strict=True)), _as_list
]
"""Cells in a volume, or on a plane."""
SynapticWeight = Annotated[Value, PlainValidator(partial(_either, dimensions=("conductance", "current"))), _as_list]
"""A conductance or a current, as the receptor is."""


def _series(found: object, *, dimension: str, low: float | None = None) -> tuple[Value, ...]:
    if not isinstance(found, list | tuple) or len(found) != 3 or not isinstance(found[0], list) or not found[0]:
        raise InputError(f'found {brief(found)}; wanted [[number, number, ...], "{DIMENSIONS[dimension]}", "source"]')
    numbers, unit, source = found
    return tuple(parse_value([number, unit, source], dimension, low=low) for number in numbers)


_as_series = PlainSerializer(lambda vs: [[v.number for v in vs], vs[0].unit, vs[0].source], return_type=list)
Times = Annotated[tuple[Value, ...], PlainValidator(partial(_series, dimension="time", low=0)), _as_series]
Rates = Annotated[tuple[Value, ...], PlainValidator(partial(_series, dimension="rate", low=0)), _as_series]
Currents = Annotated[tuple[Value, ...], PlainValidator(partial(_series, dimension="current")), _as_series]

SOURCE_WORDS = ("assumed:", "fitted:", "derived:", "set:")
MOST_LINES = 40  # of faults in one message
T = TypeVar("T", bound=BaseModel)


def values(table: BaseModel, path: str = "") -> Iterator[tuple[str, Value]]:
    """Every sourced value below `table`, with its dotted key, in file order."""
    for key in type(table).model_fields:
        yield from _values(getattr(table, key), f"{path}.{key}" if path else key)


def _values(item: object, path: str) -> Iterator[tuple[str, Value]]:
    if isinstance(item, Value):
        yield path, item
    elif isinstance(item, BaseModel):
        yield from values(item, path)
    elif isinstance(item, dict):
        for key, inner in item.items():
            yield from _values(inner, f"{path}.{key}")
    elif isinstance(item, tuple):
        for number, inner in enumerate(item):
            yield from _values(inner, f"{path}[{number}]")


def check_sources(table: BaseModel, sources: dict[str, str]) -> None:
    """Every value's source must be a key of `sources` (before any comma) or begin with a word of SOURCE_WORDS.

    Raises
    ------
    InputError
        With every fault, one a line.
    """
    known = shortened(", ".join(sources), 400) or "empty"
    faults = [
        f"{key}: source {brief(value.source)} is not in [sources] ({known}); "
        f'add it there, or write "assumed: why" or "fitted: to what"'
        for key, value in values(table)
        if not value.source.startswith(SOURCE_WORDS) and value.source.split(",")[0].strip() not in sources
    ]
    if faults:
        raise InputError("\n".join(faults))


def parse(kind: type[T], tables: dict[str, Any], where: str, error: type[InputError]) -> T:
    """`tables` as a checked `kind`; `where` is the file's name for the message.

    Raises
    ------
    error
        With every fault found, one a line: file, key, what was found, what is wanted.
    """
    try:
        return kind.model_validate(tables)
    except ValidationError as found:
        lines = [f"{where}: {line}" for line in _lines(found, tables)]
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [f"{where}: and {len(lines) - MOST_LINES} more faults"]
        raise error("\n".join(lines)) from None


WANTED = {
    **dict.fromkeys(("list_type", "tuple_type"), "wanted a list, [...]"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "wanted a table"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "wanted true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "wanted a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "wanted a number"),
    "string_type": 'wanted text, "..."',
}
"""Pydantic's kind of fault -> what would have been right, in the words of TOML: no dictionaries, no strings."""


def _lines(found: ValidationError, tables: dict[str, Any]) -> Iterator[str]:
    places = {fault["loc"] for fault in found.errors()}
    for fault in found.errors():
        if fault["type"] == "too_short" and any(one != fault["loc"] == one[: len(fault["loc"])] for one in places):
            continue  # a list that is too short only because what it holds is at fault
        if "union[" in str(fault["loc"][-1:]) and isinstance(fault["input"], list):
            continue  # a value that its own reading has already found at fault, read again as a table
        place = _place(fault["loc"], tables)
        if fault["type"] == "missing":
            text = "missing; wanted a value here"
        elif fault["type"] == "extra_forbidden":
            text = f"unknown key, found {brief(fault['input'])}"
        elif fault["type"] == "value_error":
            text = str(fault["ctx"]["error"])
        else:
            text = f"found {brief(fault['input'])}; {WANTED.get(fault['type'], _plain(fault['msg']))}"
        for line in text.splitlines():
            yield shortened(f"{place}: {line}" if place else line, 1200)


def _plain(said: str) -> str:
    """Pydantic's words for the rest, without its grammar."""
    return said.replace("Input should be", "wanted").replace("Input tag", "wanted another kind:")


def _place(loc: tuple[int | str, ...], tables: Any) -> str:
    """The dotted key of a fault: pydantic's location without the chosen members of unions, which are no keys."""
    keys, table = [], tables
    for depth, part in enumerate(loc):
        if isinstance(table, dict) and part in table:
            table = table[part]
        elif depth < len(loc) - 1 or "[" in str(part) or (isinstance(table, dict) and part == table.get("kind")):
            continue
        plain = isinstance(part, int) or re.fullmatch(r"[\w.\[\]-]+", part, re.ASCII)
        keys.append(shortened(str(part), LONGEST_NAME) if plain else brief(part))
    return ".".join(keys)
