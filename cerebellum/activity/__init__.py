"""What any engine leaves: spikes or rates of populations, and the statistics of both."""

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes

__all__ = ["Outcome", "Rates", "Spikes"]
