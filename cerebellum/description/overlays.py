"""Model files over one another: what a file `extends`, and overlays laid on it, as in `mouse+mli12+olive_coupled`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cerebellum.description import library
from cerebellum.errors import InputError, UnknownNameError, brief

JOIN = "+"
OWN = ("title", "description")  # keys in which files may differ without contradiction


@dataclass(frozen=True)
class Layer:
    """One file of a combination, with what it says itself."""

    path: Path
    tables: dict[str, Any]
    dropped: tuple[str, ...] = ()
    """Keys of the files below that it leaves out."""

    def over(self, tables: dict[str, Any]) -> dict[str, Any]:
        """The tables of the files below with this one on top."""
        try:
            return library.merge(library.without(tables, list(self.dropped)), self.tables)
        except InputError as error:
            raise InputError(f"{self.path.name}: without: {error}") from None


@dataclass(frozen=True)
class Change:
    """What a file of a combination sets `after` those below it; `before` is None where they had none."""

    file: str
    before: object
    after: object


def parts(name: str) -> list[str]:
    """The model and the overlays of a combined name; a path that exists is one name whatever is in it."""
    return [name] if library.is_file(Path(name)) else [part.strip() for part in name.split(JOIN)]


def joined(model: str, overlays: list[str] | None) -> str:
    """The name of a model with overlays."""
    return JOIN.join([model, *(overlays or [])])


def stem(name: str) -> str:
    """A combined name without folders and suffixes."""
    return JOIN.join(Path(part).stem for part in parts(name))


def layers(name: str) -> list[Layer]:
    """The files of a model and its overlays, base first.

    An overlay is named as a model file, or without the name of the model that it lies over and an underscore; of the
    files that it extends, those that are not there yet are laid too.

    Raises
    ------
    UnknownNameError
        If there is no such model or overlay.
    InputError
        If an overlay lies over another model, or two files set one key to different values.
    """
    model, *overlays = parts(name)
    found = _chain(model)
    for overlay in overlays:
        own = _chain(_resolved(overlay, found))
        there = {layer.path for layer in found}
        if own[0].path not in there:
            raise InputError(
                f"{own[-1].path.name} lies over {own[0].path.name}, and {model} does not: wanted an overlay of it"
            )
        new = [layer for layer in own if layer.path not in there]
        beside = [layer for layer in found if layer.path not in {one.path for one in own}]
        for one in beside:
            for other in new:
                _refuse_contradiction(one, other)
        found += new
    return found


def combined(name: str) -> tuple[dict[str, Any], str]:
    """A model with its overlays as one table, and the name of its files for messages."""
    found = layers(name)
    tables: dict[str, Any] = {}
    for layer in found:
        tables = layer.over(tables)
    model, *overlays = parts(name)
    if overlays:
        tables |= {key: value for layer in _chain(model) for key, value in layer.tables.items() if key in OWN}
        tables["title"] = f"{tables.get('title', model)}, with {' and '.join(Path(one).stem for one in overlays)}"
    return tables, JOIN.join([_chain(model)[-1].path.name, *(Path(one).stem for one in overlays)])


def changes(name: str) -> dict[str, Change]:
    """What the files above the lowest one set to another value, by dotted key; another source alone is no change."""
    out: dict[str, Change] = {}
    tables: dict[str, Any] = {}
    for number, layer in enumerate(layers(name)):
        before = dict(_leaves(tables))
        tables = layer.over(tables)
        for key, after in _leaves(layer.tables) if number else ():
            if key not in before or _number(before[key]) != _number(after):
                out[key] = Change(layer.path.stem, before.get(key), after)
    kept = dict(_leaves(tables))
    return {key: change for key, change in out.items() if key in kept}  # parameters go with the cell that had them


def _chain(name: str) -> list[Layer]:
    """A file and all that it extends, base first, each as it stands."""
    _, _, paths = library.read_extended("models", name)
    return [_layer(path) for path in reversed(paths)]


def _layer(path: Path) -> Layer:
    own = {key: value for key, value in library.read(path).items() if key != "extends"}
    return Layer(path, own, tuple(own.pop("without", ())))


def _resolved(overlay: str, found: list[Layer]) -> str:
    if overlay.endswith(".toml"):
        return overlay
    known = library.names("models")
    for name in [overlay, *(f"{layer.path.stem}_{overlay}" for layer in reversed(found))]:
        if name in known:
            return name
    stems = [layer.path.stem for layer in found]
    short = [name.removeprefix(f"{one}_") for one in stems for name in known if name.startswith(f"{one}_")]
    raise UnknownNameError.of("overlay", overlay, sorted(set(short)))


def _refuse_contradiction(one: Layer, other: Layer) -> None:
    ours = dict(_leaves(one.tables))
    for keeps, drops in ((one, other), (other, one)):
        for key, _ in _leaves(keeps.tables):
            if lost := next((drop for drop in drops.dropped if key == drop or key.startswith(f"{drop}.")), None):
                raise InputError(
                    f"{key}: {keeps.path.name} sets it, and {drops.path.name} is without {lost}; wanted one of the two"
                )
    for key, value in _leaves(other.tables):
        if key in OWN:
            continue
        above = next((k for k in ours if k == key or key.startswith(f"{k}.") or k.startswith(f"{key}.")), None)
        if above is not None and (above != key or _number(ours[above]) != _number(value)):
            raise InputError(
                f"{key}: {brief(said(value))} in {other.path.name} contradicts {brief(said(ours[above]))} in "
                f"{one.path.name}; wanted one of the two"
            )


def _leaves(tables: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """Everything that is no table, with its dotted key."""
    for key, value in tables.items():
        inner = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _leaves(value, inner)
        else:
            yield inner, value


def _number(value: object) -> object:
    """A value without its source, which may be worded otherwise."""
    return value[:2] if isinstance(value, list) and len(value) == 3 and isinstance(value[2], str) else value


def said(value: object) -> str:
    """A value of a file as people read it, without its source: '700 pA'."""
    found = _number(value)
    return (" ".join(str(part) for part in found) if isinstance(found, list) else str(found)).removesuffix(" 1")
