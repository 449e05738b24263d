"""Patterns as a protocol file describes them: where addresses and pointers come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cerebellum.description.schema import Count, Listed, Table


class DigitPatterns(Table):
    """Handwritten digits: pointer = the pixels, address = the pixels through a seeded random projection."""

    source: Literal["digits"]
    count: Listed


class RandomPatterns(Table):
    """Independent fair bits for addresses and pointers; `balanced` pointers have as many ones as zeros."""

    source: Literal["random"]
    count: Listed
    balanced: bool = False


class SparsePatterns(Table):
    """Random sets of `active` mossy fibres, each fibre a line of its own; pointers have as many ones as zeros.

    Noise moves active lines: a cue with n flipped elements has n of its fibres replaced by n others.
    """

    source: Literal["sparse"]
    count: Listed
    active: Count


class FilePatterns(Table):
    """Patterns and cues from a NumPy file (.npz), see `patterns.read_file`; blocks over cues ask the file's cues."""

    source: Literal["file"]
    path: str
    """From the working folder."""
    count: Listed
    cues: Listed


PatternSource = Annotated[DigitPatterns | RandomPatterns | SparsePatterns | FilePatterns, Field(discriminator="source")]
