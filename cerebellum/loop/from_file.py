"""A loop from a user's own Python file, as the command line takes it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from cerebellum.errors import InputError, shortened
from cerebellum.experiment.loop import Loop


def load(text: str) -> Loop:
    """The `Loop` of that name in a file, from 'path/to/file.py:NAME'; the file is run.

    Raises
    ------
    InputError
        If there is none, or the file cannot be run.
    """
    file, _, name = text.rpartition(":")
    path = Path(file)
    if not file.endswith(".py") or not path.is_file():
        raise InputError(f"--loop {shortened(text, 100)}: wanted FILE.py:NAME, a Python file and the Loop in it")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # where dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"--loop {path}: it raised {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, Loop):
        known = ", ".join(sorted(key for key in vars(module) if not key.startswith("_") and key != "Loop"))
        what = f"found {shortened(repr(found), 60)}" if hasattr(module, name) else "there is none"
        raise InputError(f"--loop {path}:{name}: {what}; wanted a cerebellum.loop.Loop; the file has: {known}")
    return found
