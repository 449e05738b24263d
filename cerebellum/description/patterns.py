"""Patterns as a protocol file describes them: where addresses and pointers come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cerebellum.description.schema import Count, Listed, Table
from cerebellum.errors import InputError


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


class GradedPatterns(Table):
    """Addresses with stated cosines, which sample a kernel where random ones put all others at one distance.

    A `ring` has its patterns on a circle: two of them have a cosine that depends on the places between them alone. A
    `family` has them about a centre, which is never written: each has a cosine with it.
    """

    source: Literal["graded"]
    shape: Literal["ring", "family"]
    count: Listed
    cosines: list[float]
    """Ring: with the place next to one, the next but one, to the place opposite. Family: of each pattern with the
    centre. One number is the last of these, to which they fall from 1 in equal steps."""
    active: Count | None = None
    """Fibres on in every address, each a line of its own; pairs of fibres if not given."""
    pointers: Literal["random", "orthogonal"] = "random"
    """Balanced draws, or rows of a Hadamard matrix: the regression of weights then adds the least noise."""
    lures: bool = False
    """Whether each block that asks also shows, once, addresses never written: the centre, or, between any two
    neighbours of a ring, a place that is left out; the ring's places are then twice its patterns."""

    @field_validator("cosines")
    @classmethod
    def _are_cosines(cls, cosines: list[float]) -> list[float]:
        if not cosines or not all(-1 <= cosine <= 1 for cosine in cosines):
            raise InputError(f"found {cosines}; wanted numbers from -1 to 1")
        return cosines

    @model_validator(mode="after")
    def _enough(self) -> GradedPatterns:
        if self.count.number < 3:
            raise InputError(
                f"count: found {self.count}; graded patterns are at least 3, of two weights one is the rest"
            )
        if len(self.cosines) not in (1, self.steps):
            what = "a ring's places apart" if self.shape == "ring" else "each pattern"
            raise InputError(f"cosines: found {len(self.cosines)}; wanted {self.steps}, for {what}, or the last alone")
        return self

    @property
    def places(self) -> int:
        """Of a ring, those of lures included."""
        return int(self.count.number) * (2 if self.lures else 1)

    @property
    def steps(self) -> int:
        """Number of stated cosines."""
        return self.places // 2 if self.shape == "ring" else int(self.count.number)

    @property
    def asked_lures(self) -> int:
        """Addresses never written that each block asks for."""
        return int(self.lures) * (int(self.count.number) if self.shape == "ring" else 1)

    def all_cosines(self) -> list[float]:
        """The stated cosines, one for each of `steps`."""
        last = self.cosines[-1]
        return (
            self.cosines
            if len(self.cosines) > 1
            else [1 + (last - 1) * (k + 1) / self.steps for k in range(self.steps)]
        )


class FilePatterns(Table):
    """Patterns and cues from a NumPy file (.npz), see `patterns.read_file`; blocks over cues ask the file's cues."""

    source: Literal["file"]
    path: str
    """From the working folder."""
    count: Listed
    cues: Listed
    active: Count | None = None
    """Fibres on in every address and cue, each a line of its own; pairs of fibres if not given."""


PatternSource = Annotated[
    DigitPatterns | RandomPatterns | SparsePatterns | GradedPatterns | FilePatterns, Field(discriminator="source")
]
