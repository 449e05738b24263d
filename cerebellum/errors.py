"""The errors this package raises: each says where, what was found, what is wanted."""

from __future__ import annotations

from collections.abc import Iterable


def brief(found: object, most: int = 60) -> str:
    """`found` as Python writes it, in some `most` characters: a message stays short whatever the input."""
    try:
        text = repr(found)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists in lists in lists
        text = f"a {type(found).__name__} too long to write"
    return shortened(text, most)


def shortened(text: str, most: int) -> str:
    """`text` without its middle if it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]} ... {text[-(most // 4) :]}"


class CerebellumError(Exception):
    """Any failure the package foresees."""


class InputError(CerebellumError, ValueError):
    """The user's input is at fault: the command line ends with exit code 2 and writes nothing."""


class ModelFileError(InputError):
    """A model file, or a `--set` on it, does not describe a circuit."""


class ProtocolFileError(InputError):
    """A protocol file, or a `--set` on it, does not describe an experiment."""


class UnknownNameError(InputError, KeyError):
    """A name that does not exist; the message lists the names that do."""

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])

    @classmethod
    def of(cls, kind: str, name: str, known: list[str]) -> UnknownNameError:
        """`kind` is the noun for the message ('model', 'population'); `known` the names that exist."""
        listed = shortened(", ".join(known), 800) if known else "none"
        return cls(f"no {kind} named {brief(name)}{did_you_mean(name, known)}; there is: {listed}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' (did you mean X?)' of the known name that is most like a wrong one; empty if none is."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean {near[0]!r}?)" if near else ""


class ArgumentError(InputError):
    """A function's argument breaks a rule: names the argument, its value and the rule."""

    def __init__(self, argument: str, found: object, wanted: str) -> None:
        super().__init__(f"{argument} = {brief(found)}: {wanted}")
        self.argument = argument


class ResourceError(InputError):
    """The request does not fit this machine; the message says how much is needed and what would fit."""
