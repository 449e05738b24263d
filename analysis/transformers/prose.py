"""English prose that every installation has: the documentation and licences of its Python packages.

For small language models that must be trained without fetching anything (`cerebellum.heads.transformer`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from cerebellum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message


@dataclass(frozen=True)
class Prose:
    """English text of the installed packages; about a tenth of the paragraphs' documents are held out.

    training, validation : ASCII text, paragraphs separated by blank lines; no paragraph occurs twice in either
    packages : names and versions of the packages that gave any
    """

    training: str
    validation: str
    packages: tuple[str, ...]

    @property
    def characters(self) -> int:
        """Characters, which are bytes, in both parts."""
        return len(self.training) + len(self.validation)


# Packages this one requires whose docstrings are read as well; of every other package only documents and licences.
DOCSTRINGS_OF = ("brian2", "matplotlib", "networkx", "numpy", "pydantic", "scikit-learn", "scipy", "torch")

_DOCUMENT = re.compile(
    r"(license|licence|copying|notice|authors|readme|changes|news)[^/]*$|.*\.(rst|md)$", re.IGNORECASE
)
_NOT_TEXT = (".py", ".pyc", ".pyi", ".so", ".h", ".json", ".toml")
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_COMMON = frozenset(
    re.findall(r"\w+", "the of and to in a is that for it as with on are be this by or not from which an at")
)


def is_english(paragraph: str) -> bool:
    """Whether a paragraph looks like English prose: 12 words or more, ASCII, nearly all letters, common short words."""
    words = re.findall(r"[a-z]+", paragraph.lower())
    if len(words) < 12 or not paragraph.isascii():
        return False
    letters = sum(character.isalpha() or character == " " for character in paragraph) / len(paragraph)
    return letters > 0.92 and sum(word in _COMMON for word in words) / len(words) > 0.15


@cache
def collect() -> Prose:
    """English prose from the documentation and licences of the installed Python packages.

    The same installation gives the same text: packages by name, files by path; every paragraph is taken once, where it
    first occurs. A document is held out for validation by the hash of its name, so neither part depends on chance.

    Raises
    ------
    InputError
        The installation has no such text.
    """
    seen: set[str] = set()
    parts: tuple[list[str], list[str]] = ([], [])
    packages = []
    for distribution in sorted(importlib.metadata.distributions(), key=lambda d: str(d.metadata["Name"]).lower()):
        before = len(seen)
        for name, text in _documents(distribution):
            held_out = hashlib.sha256(name.encode()).digest()[0] < 26  # 26 / 256, about a tenth
            for block in re.split(r"\n\s*\n", text):
                paragraph = " ".join(block.split())
                if paragraph not in seen and is_english(paragraph):
                    seen.add(paragraph)
                    parts[held_out].append(paragraph)
        if len(seen) > before:
            packages.append(f"{distribution.metadata['Name']} {distribution.version}")
    if not all(parts):
        raise InputError("no English prose in the documentation of the installed packages")
    return Prose("\n\n".join(parts[0]), "\n\n".join(parts[1]), tuple(packages))


def _documents(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, str]]:
    """Name and text of a package's description, its documents and licences, and for some its docstrings."""
    package = str(distribution.metadata["Name"])
    yield f"{package}/description", str(cast("Message", distribution.metadata).get_payload() or "")
    for path in sorted(distribution.files or [], key=str):
        name = path.name
        is_code = name.endswith(".py") and package.lower() in DOCSTRINGS_OF and "test" not in str(path)
        if not is_code and (name.endswith(_NOT_TEXT) or not _DOCUMENT.match(name)):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        yield str(path), "\n\n".join(_DOCSTRING.findall(text)) if is_code else text
