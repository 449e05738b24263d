"""A finished run: what ran, what came out, and the folder that holds both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cerebellum.activity.exchanges import Exchanges
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import Rates
from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Schedule, Trial
from cerebellum.results.names import READER_COLOURS as READER_COLOURS
from cerebellum.results.names import READER_NAMES as READER_NAMES
from cerebellum.results.readings import ReaderWeights
from cerebellum.typing import Floats

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, repr=False)
class Result:
    """Everything a run made.

    Attributes
    ----------
    outcomes : engine that ran -> what it left
    spikes, rates : of every population, of the engines that have them
    readout : reader -> y, shape (cues, pointer bits); readers that decode by its sign
    weights : reader -> effective weights, shape (cues, patterns), rows sum to 1
    blocks : readout and weights of every block that asks; the two above are the last one's
    plastic : plastic projection -> weights at the end of the first engine's run, A or S, in the order of the edges
    responses : what a readout says of every trial, further columns of trials.csv, shape (trials,)
    summary : the numbers of summary.json
    provenance : the contents of run.json
    """

    circuit: Circuit
    protocol: Protocol
    schedule: Schedule
    patterns: Patterns | None
    spikes: dict[str, Spikes] = field(default_factory=dict)
    rates: dict[str, Rates] = field(default_factory=dict)
    readout: dict[str, Floats] = field(default_factory=dict)
    weights: dict[str, Floats] = field(default_factory=dict)
    blocks: list[Readings] = field(default_factory=list)
    plastic: dict[str, Floats] = field(default_factory=dict)
    responses: dict[str, Floats] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    connectome: Connectome | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def records(self) -> dict[str, Recording]:
        """What was recorded of cells and synapses over time, by the first engine that has any."""
        return dict(next((one.records for one in self.outcomes.values() if one.records), {}))

    @property
    def trials(self) -> list[Trial]:
        """All trials, in order."""
        return self.schedule.trials

    @property
    def seed(self) -> int:
        """That everything was drawn from."""
        return int(self.provenance["seed"])

    @property
    def reader_weights(self) -> ReaderWeights:
        """What readers.npz has."""
        stored = self.recalled.distances() if self.patterns is not None and self.weights else None
        return ReaderWeights(self.weights, stored)

    @property
    def exchanges(self) -> Exchanges | None:
        """What passed through a closed loop in the first engine's run; None for a run without one."""
        return next(iter(self.outcomes.values())).exchanges if self.outcomes else None

    @property
    def recalled(self) -> Patterns:
        """The cues of the last read block, and what was stored before it."""
        assert self.patterns is not None
        return self.patterns.of_block(len(self.patterns.written) - 1)

    @property
    def trial_table(self) -> pd.DataFrame:
        """What trials.csv says of each trial (`results.trials.columns`)."""
        from cerebellum.results import trials

        return trials.table(self)

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Tables: trials, spikes, rates, records, numbers (`results.views.to_pandas`)."""
        from cerebellum.results import views

        return views.to_pandas(self)

    def to_xarray(self) -> xr.Dataset:
        """Arrays with named dimensions: rate, trial_rate, weight, distance, records (`results.views.to_xarray`)."""
        from cerebellum.results import views

        return views.to_xarray(self)

    def __repr__(self) -> str:
        from cerebellum.results import views

        return f"<result: {views.title(self.provenance)}>"

    def _repr_html_(self) -> str:
        from cerebellum.results import views

        return views.card(self)


READERS = ("purkinje", "nuclear", "granule", "rate", "sdm", "sdm_exact", "attention")
ENGINE_READERS = ("purkinje", "nuclear", "rate")
"""Those whose weights are regressed from what an engine's cells do."""


@dataclass(frozen=True)
class Readings:
    """What each reader says to the cues of one block.

    Attributes
    ----------
    readout : reader -> y, (cues, pointer bits); `Patterns.decide` makes bits of it
    weights : reader -> weight of each stored pattern, (cues, patterns), rows sum to 1; an engine has none where the
        pointers have fewer than two bits a pattern
    """

    readout: dict[str, Floats]
    weights: dict[str, Floats]
