"""Our docstrings for the reference: what stands behind a parameter's name is what it means; types are in the code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

_SECTION = re.compile(r"^(Parameters|Attributes)\n-+\n", re.MULTILINE)
_NEXT = re.compile(r"^\w[\w ]*\n-+$", re.MULTILINE)
_NAMED = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*) : *", re.MULTILINE)


class Meanings(Extension):
    """`name : meaning` becomes a name with its meaning below, as numpy's form has it for names without a type."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Of every module, class and function that has a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = rearranged(obj.docstring.value)


def rearranged(text: str) -> str:
    """The docstring with the meanings of parameters and attributes below their names."""
    found = _SECTION.search(text)
    if found is None:
        return text
    begin = found.end()
    after = _NEXT.search(text, begin)
    end = after.start() if after else len(text)
    return text[:begin] + _NAMED.sub(r"\1\n    ", text[begin:end]) + rearranged(text[end:])
