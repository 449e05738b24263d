"""A finished run: in memory, in its folder, opened again."""

from cerebellum.results.result import Readings, Result
from cerebellum.results.saved import SavedRun, open_run

Run = Result | SavedRun
"""What figures, reports and comparisons take: a run in memory, or one opened again."""

__all__ = ["Readings", "Result", "Run", "SavedRun", "open_run"]
