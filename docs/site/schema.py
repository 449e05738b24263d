"""Model and protocol files as tables of their keys, made from the pydantic classes that check them."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, PlainValidator
from pydantic.fields import FieldInfo

from cerebellum.cells import MODELS, RECEPTORS
from cerebellum.description.receptor import Receptor, table_of
from cerebellum.description.schema import ByKind, Table
from cerebellum.description.units import DIMENSIONS, Value

HEAD = """\
# {title}

Made from the classes that check the files; [Writing models and protocols](../files.md) explains them. A value is
`[number, "unit", "source"]`, its dimension stands here. Keys in **bold** are required. `extends` (another file),
`like` (another table of the same kind), `without` (keys that it leaves out) and `session` (the order of blocks) put a
file together before it is checked.

"""


def page(title: str, root: type[BaseModel]) -> str:
    """A page in Markdown: one table of keys for the file, and one for each table in it."""
    parts = [HEAD.format(title=title)]
    done: set[type[BaseModel]] = set()
    waiting = [root]
    while waiting:
        model = waiting.pop(0)
        if model in done:
            continue
        done.add(model)
        parts.append(_section(model, root))
        waiting += [found for field in model.model_fields.values() for found in _tables(field)]
    return "\n".join(parts)


def _section(model: type[BaseModel], root: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    name = f"{model.__name__}: `{_word(kind)}`" if kind is not None and _word(kind) else model.__name__
    lines = [f"## {'The file' if model is root else name}", "", inspect.cleandoc(model.__doc__ or ""), ""]
    if model.model_fields:
        told = _attribute_docs(model)
        lines += ["| key | what | |", "|---|---|---|"]
        for name, field in model.model_fields.items():
            key = field.alias or name
            shown = f"**`{key}`**" if field.is_required() else f"`{key}`"
            lines.append(f"| {shown} | {_kind(field)} | {_cell(told.get(name, ''))} |")
    if model.__name__ == "Population":
        lines += ["", *_cells()]
    return "\n".join([*lines, ""])


def _word(kind: FieldInfo) -> str:
    """The kind that a table is of; '' of one that has all."""
    if get_origin(kind.annotation) is Literal:
        return str(get_args(kind.annotation)[0])
    return "" if kind.is_required() else str(kind.default)


def _cells() -> list[str]:
    """Parameters of every cell model."""
    lines = ["Cells and their `parameters`:", "", "| cell | parameters |", "|---|---|"]
    for name, model in MODELS.items():
        keys = ", ".join(f"`{key}` ({dimension})" for key, dimension in model.parameters.items()) or "none"
        lines.append(f"| `{name}` | {keys} |")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """Strings below the attributes of a class and of those that it extends."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, Table) or one is Table:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        except (OSError, TypeError):  # made while the program runs
            continue
        body = tree.body[0].body  # type: ignore[attr-defined]
        for node, after in pairwise(body):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[ast.unparse(node.target)] = str(after.value.value)
    return found


def _registry(annotation: Any) -> Any:
    return next((one.registry for one in getattr(annotation, "__metadata__", ()) if isinstance(one, ByKind)), None)


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation and all that it is made of."""
    yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)


def _tables(field: FieldInfo) -> Iterator[type[BaseModel]]:
    """Tables that a key may hold, of every kind."""
    parts = [*_parts(field.annotation), *field.metadata]
    # Where a field holds one of several kinds, these are shown and not the class that they share.
    open_to_kinds = any(isinstance(part, ByKind) or _registry(part) is not None for part in parts)
    for part in parts:
        registry = part.registry if isinstance(part, ByKind) else _registry(part)
        if registry is not None:
            yield from (registry[kind] for kind in registry.own)
        elif inspect.isclass(part) and part is Receptor:
            yield from (table_of(kind) for kind in RECEPTORS)
        elif inspect.isclass(part) and issubclass(part, Table) and not open_to_kinds:
            yield part


def _kind(field: FieldInfo) -> str:
    """What a key holds, for people."""
    validators = [one for one in field.metadata if isinstance(one, PlainValidator | ByKind)]
    text = _validated(validators) or _told(field.annotation)
    if not field.is_required() and field.default is not None and not isinstance(field.default, dict | list):
        plain = f"{field.default!r}" if isinstance(field.default, str) else str(field.default).lower()
        text += f", {plain} if not given" if field.default_factory is None else ""
    return text


def _validated(metadata: list[Any]) -> str:
    for one in metadata:
        if isinstance(one, ByKind):
            return "table, `kind` one of " + ", ".join(f"`{kind}`" for kind in one.registry.own)
        keywords = getattr(one.func, "keywords", {})
        if "dimensions" in keywords:
            return " or ".join(f"{name} ({DIMENSIONS[name]})" for name in keywords["dimensions"])
        if "dimension" in keywords:
            name = keywords["dimension"]
            return f"{name} ({DIMENSIONS[name]})" + _range(keywords)
        if keywords:
            return "whole number" + _range(keywords)
    return ""


def _range(keywords: dict[str, Any]) -> str:
    low, high = keywords.get("low"), keywords.get("high")
    if high is not None and low is not None:
        return f", {low:g} to {high:g}"
    if low is None:
        return ""
    return f", more than {low:g}" if keywords.get("strict") else f", {low:g} or more"


def _told(annotation: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        metadata = [one for one in annotation.__metadata__ if isinstance(one, PlainValidator | ByKind)]
        return _validated(metadata) or _told(inner[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_told(one) for one in inner if one is not type(None))
    if origin is Literal:
        return " or ".join(f"`{one!r}`" for one in inner)
    if origin is dict:
        return f"tables by name: {_told(inner[1])}"
    if origin in (list, tuple):
        return f"list of {_told(inner[0])}"
    if annotation is Value:
        return "value"
    if inspect.isclass(annotation) and annotation is Receptor:
        return "table, `kind` one of " + ", ".join(f"`{kind}`" for kind in RECEPTORS)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return f"table {annotation.__name__}"
    words = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    return words.get(annotation, getattr(annotation, "__name__", "any"))
