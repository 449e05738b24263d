"""A finished run: in memory, in its folder, opened again."""

from cerebellum.results.result import Readings, Result
from cerebellum.results.saved import SavedRun, open_run

__all__ = ["Readings", "Result", "SavedRun", "open_run"]
