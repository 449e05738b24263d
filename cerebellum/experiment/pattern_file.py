"""Patterns and cues of the user's own, from a NumPy file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cerebellum.errors import ProtocolFileError, brief, shortened
from cerebellum.typing import Bits, Ints


class PatternFile(NamedTuple):
    """The arrays of a patterns file; `target` is None where the file leaves it out."""

    addresses: Bits
    pointers: Bits
    cues: Bits
    target: Ints | None


def read_file(path: str) -> PatternFile:
    """A patterns file: a NumPy .npz with bits as True and False, or 1 and 0.

    It holds `addresses` (patterns, address bits), `pointers` (patterns, pointer bits), `cues` (cues, address bits) and,
    optionally, `target` (cues,), the number of the pattern that each cue stands for.

    Raises
    ------
    ProtocolFileError
        If it cannot be read, lacks an array, or an array is not of this kind.
    """
    arrays = _arrays(path)
    path = shortened(path, 60)
    bits = {name: _bits(arrays, name, path) for name in ("addresses", "pointers", "cues")}
    target = arrays.get("target")
    if target is not None and not (target.shape == bits["cues"].shape[:1] and np.issubdtype(target.dtype, np.integer)):
        raise ProtocolFileError(f"patterns.path: target of {path}: wanted a pattern's number for each of the cues")
    return PatternFile(**bits, target=None if target is None else target.astype(np.int64))


def _arrays(path: str) -> dict[str, NDArray[Any]]:
    try:
        if not Path(path).is_file():
            raise FileNotFoundError("there is no such file")
        with zipfile.ZipFile(path):  # np.load takes other files too
            pass
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except Exception as error:  # a damaged file fails in many ways: of zip, of zlib, of NumPy's header, of memory
        why = shortened(" ".join(str(error).split()), 120) or type(error).__name__
        raise ProtocolFileError(f"patterns.path: cannot read {brief(path)} as a NumPy .npz file: {why}") from error


def _bits(arrays: dict[str, NDArray[Any]], name: str, path: str) -> Bits:
    if name not in arrays:
        raise ProtocolFileError(
            f"patterns.path: {path} has no {name!r}; it has {shortened(', '.join(arrays), 60) or 'nothing'}"
        )
    table = arrays[name]
    if table.ndim != 2 or table.dtype.kind not in "biuf" or not np.isin(table, (0, 1)).all():
        raise ProtocolFileError(f"patterns.path: {name} of {path}: wanted a table of bits, two-dimensional")
    return table.astype(bool)
