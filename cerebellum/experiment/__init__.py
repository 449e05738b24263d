"""A protocol in numbers: patterns, trials in time, and the spikes of every driven population."""

from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import Schedule, Trial
from cerebellum.experiment.stimulus import schedule

__all__ = ["Patterns", "Schedule", "Trial", "make_patterns", "schedule"]
