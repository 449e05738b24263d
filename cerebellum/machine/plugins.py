"""What is known by name: our own things, and those that other packages bring by entry points.

A package adds a cell model, a receptor kind, a rule or an engine by an entry point of the group named where its
registry is made, for example in its pyproject.toml

    [project.entry-points."cerebellum.cells"]
    adex = "my_package.adex:MODEL"

Model and protocol files only name such things: nothing in a file is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cerebellum.errors import CerebellumError, UnknownNameError


class Registry(Mapping[str, Any]):
    """Things by name, imported when first asked for.

    Parameters
    ----------
    noun : for messages, 'cell model'
    group : of entry points, 'cerebellum.cells'
    own : name -> 'module:attribute' of what this package has itself; another package cannot replace it
    """

    def __init__(self, noun: str, group: str, own: Mapping[str, str]) -> None:
        self.noun, self.group, self.own = noun, group, own
        self.loaded: dict[str, Any] = {}

    @cached_property
    def others(self) -> dict[str, EntryPoint]:
        """Entry points of other packages, by name."""
        return {entry.name: entry for entry in entry_points(group=self.group) if entry.name not in self.own}

    def __getitem__(self, name: str) -> Any:
        """The thing of that name.

        Raises
        ------
        UnknownNameError
            If there is none; lists those that there are.
        CerebellumError
            If another package's entry point cannot be loaded.
        """
        if name not in self.loaded:
            if name in self.own:
                module, _, attribute = self.own[name].partition(":")
                self.loaded[name] = getattr(import_module(module), attribute)
            elif name in self.others:
                try:
                    self.loaded[name] = self.others[name].load()
                except Exception as error:
                    entry = self.others[name]
                    raise CerebellumError(f"{self.noun} {name!r} of entry point {entry.value!r}: {error}") from error
            else:
                raise UnknownNameError.of(self.noun, name, list(self))
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.own, *self.others])

    def __len__(self) -> int:
        return len(self.own) + len(self.others)

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.others
