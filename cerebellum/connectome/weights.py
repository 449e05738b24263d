"""Weights that a model file leaves to be solved, and single-cell responses, from the description alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cerebellum.cells import MODELS, lif
from cerebellum.connectome import balance
from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description import ranges
from cerebellum.description.circuit import Circuit
from cerebellum.description.population import Population
from cerebellum.description.projection import BalanceWeight, CancelWeight, Projection, ThresholdWeight
from cerebellum.description.units import Value
from cerebellum.description.wiring import Dendrites
from cerebellum.errors import ModelFileError
from cerebellum.typing import Floats

QUANTILES = 201
PHASES = np.random.default_rng(0).permutation(QUANTILES) / QUANTILES  # start of each cell between reset and threshold
RESPONSE_STEP = 1e-5  # s; time step for a single granule cell's response
RESPONSE = 0.02  # s; how long that response is followed
REST = 0.4  # s before the volley train that calibrates feed-forward inhibition
TRAIN = 10  # volleys of that train
APART = 0.1  # s; volleys further apart do not meet: at 2 Hz the weight is 1 % less, and takes minutes below
TRAIN_STEP = 5e-5  # s; at most: in steps of 0.1 ms the weight that cancels comes out 4 % off


@dataclass(frozen=True)
class SolvedWeights:
    """Solved numbers of a circuit.

    Attributes
    ----------
    weight : projection -> weight, A or S
    resting_current : population -> receptor -> mean current at time 0 from cells that fire by themselves, A
    """

    weight: dict[str, float]
    resting_current: dict[str, dict[str, float]]


def solve(circuit: Circuit) -> SolvedWeights:
    """Weights (A or S) of all projections, and the currents that hold at rest; solved once for one circuit.

    Raises
    ------
    ModelFileError
        If inhibition cannot bring the threshold where the file wants it.
    """
    key = circuit.model_dump_json()
    if key not in _SOLVED:
        _SOLVED.clear()  # one circuit at a time is sampled again and again
        _SOLVED[key] = _solve(circuit)
    return _SOLVED[key]


_SOLVED: dict[str, SolvedWeights] = {}


def _solve(circuit: Circuit) -> SolvedWeights:
    weight = {name: p.weight.si for name, p in circuit.projection.items() if isinstance(p.weight, Value)}
    resting_current: dict[str, dict[str, float]] = {}
    for name, projection in circuit.projection.items():
        if isinstance(projection.weight, ThresholdWeight):
            current = _threshold_current(circuit, name, projection, weight)
            weight[name] = current / _tonic_drive(circuit, name, projection)
            resting_current.setdefault(projection.target, {})[projection.receptor] = current
    for name, projection in circuit.projection.items():
        if isinstance(projection.weight, CancelWeight):
            weight[name] = _cancelling(circuit, name, projection, SolvedWeights(weight, resting_current))
        elif isinstance(projection.weight, BalanceWeight):
            weight[name] = balance.balanced(circuit, name, weight)
    return SolvedWeights(weight, resting_current)


def fewest_matches(circuit: Circuit, excitation: str) -> int:
    """The lowest threshold of the target cells of `excitation`, in inputs at once: theirs without any inhibition."""
    weight = circuit.projection[excitation].weight
    assert isinstance(weight, Value)
    unit, gap = _unit_and_gap(circuit, excitation, weight.si)
    return int(np.ceil(gap / unit + 0.5))


def _unit_and_gap(circuit: Circuit, excitation: str, weight: float) -> tuple[float, float]:
    """What one input adds to the membrane at its peak, and what it has to climb from rest to threshold, V."""
    projection = circuit.projection[excitation]
    population = circuit.population[projection.target]
    cell = population.si()
    unit = weight * lif.psp_peak(cell, population.receptor[projection.receptor].tau.si)
    return unit, cell["V_th"] - cell["E_L"] - cell["tau_m"] * cell["I_e"] / cell["C_m"]


def _threshold_current(circuit: Circuit, name: str, projection: Projection, weight: dict[str, float]) -> float:
    """Tonic inhibitory current (A) that puts the granule threshold half an input below the wanted matches."""
    wanted = projection.weight
    assert isinstance(wanted, ThresholdWeight)
    cell = circuit.population[projection.target].si()
    unit, gap = _unit_and_gap(circuit, wanted.of, weight[wanted.of])
    excess = (wanted.matches.number - 0.5) * unit - gap
    if excess < 0:
        least = f"wanted at least {int(np.ceil(gap / unit + 0.5))} matches, or" if unit else "wanted"
        raise ModelFileError(
            f"projection.{name}.weight.matches: found {wanted.matches}; at a weight of {weight[wanted.of] * 1e12:g} pA "
            f"{wanted.matches.number - 0.5:g} inputs do not reach the threshold of {projection.target} cells even "
            f"without inhibition; {least} a larger projection.{wanted.of}.weight"
        )
    return excess * cell["C_m"] / cell["tau_m"]


def _tonic_drive(circuit: Circuit, name: str, projection: Projection) -> float:
    """Mean current (A) into a target cell for a weight of 1 A, from sources firing by themselves."""
    sources = circuit.population[projection.source]
    rate = float(population_rate(sources, np.array(0.0)))
    if rate == 0.0:
        raise ModelFileError(
            f"projection.{name}.weight: {projection.source} cells are silent without input and cannot set a threshold; "
            f"raise population.{projection.source}.parameters.I_e"
        )
    tau = circuit.population[projection.target].receptor[projection.receptor].tau.si
    convergence = expected_synapses(circuit)[name] / circuit.size(projection.target)
    return convergence * rate * tau


def _over_cells(population: Population) -> dict[str, float | Floats]:
    """Cell parameters, those with a spread as evenly likely values, shape (QUANTILES,): for means over cells."""
    from scipy.special import ndtri

    parameters: dict[str, float | Floats] = dict(population.si())
    allowed = ranges.bounds(MODELS[population.cell])
    for key, deviation in population.spread.items():
        below, above = ranges.outside(population.parameters[key].si, deviation.si, *allowed[key])
        quantiles = ndtri(below + (1 - below - above) * (np.arange(QUANTILES) + 0.5) / QUANTILES)
        parameters[key] = population.parameters[key].si + deviation.si * quantiles
    return parameters


def matches_response(circuit: Circuit, projection: str, solved: SolvedWeights) -> Floats:
    """f(m): spikes of a target cell of `projection` for m = 0..dendrites inputs at once, shape (dendrites + 1,).

    Measured on the single cell's equations under the inhibition at rest, so it is a step only if the cell makes it one.
    """
    own = circuit.projection[projection]
    assert isinstance(own.rule, Dendrites)
    population = circuit.population[own.target]
    cell, tau = population.si(), population.receptor[own.receptor].tau.si
    inhibition = sum(solved.resting_current.get(own.target, {}).values())
    time = RESPONSE_STEP * (np.arange(round(RESPONSE / RESPONSE_STEP)) + 0.5)
    volley = solved.weight[projection] * np.arange(int(own.rule.dendrites.number) + 1)
    current = np.exp(-time / tau)[:, None] * volley - inhibition
    rest = cell["E_L"] + cell["tau_m"] * (cell["I_e"] - inhibition) / cell["C_m"]
    return lif.respond(cell, current, rest, RESPONSE_STEP).sum(axis=0).astype(float)


def expected_active(circuit: Circuit, projection: str, solved: SolvedWeights) -> float:
    """Expected spikes of the whole target population of `projection` for one random address."""
    from scipy.stats import binom

    response = matches_response(circuit, projection, solved)
    probability = binom.pmf(np.arange(len(response)), len(response) - 1, 0.5)
    return float(circuit.size(circuit.projection[projection].target) * (probability * response).sum())


def population_rate(population: Population, current: Floats) -> Floats:
    """Mean rate (Hz) over the cells of a population under a constant current (A, any shape) beside I_e."""
    return lif.rate(_over_cells(population), np.asarray(current, dtype=float)[..., None]).mean(axis=-1)


def _relay(circuit: Circuit, name: str) -> str:
    """The projection that excites the source cells of `name` from the population that `name` has to cancel."""
    weight = circuit.projection[name].weight
    assert isinstance(weight, CancelWeight)
    origin = circuit.projection[weight.of].source
    for key, projection in circuit.projection.items():
        if projection.source == origin and projection.target == circuit.projection[name].source:
            return key
    raise ModelFileError(
        f"projection.{name}.weight: nothing excites {circuit.projection[name].source} from {origin}; "
        f"add a projection from {origin} to {circuit.projection[name].source}, or give a number"
    )


def mean_field(circuit: Circuit, solved: SolvedWeights) -> SolvedWeights:
    """The same circuit's weights for an engine of rates: cancelling weights solved for mean currents, not for volleys.

    A train of volleys moves a cell a little differently from its mean current, and what cancels in one engine leaves a
    common offset in the other; the model file asks for cancellation, so each engine solves it for its own dynamics.
    """
    weight = dict(solved.weight)
    for name, projection in circuit.projection.items():
        if isinstance(projection.weight, CancelWeight):
            feed, excitation = _relay(circuit, name), projection.weight.of
            driver = _driver(circuit, circuit.projection[excitation].source)
            volleys = expected_active(circuit, driver, solved) * projection.weight.volley_rate.si
            synapses = expected_synapses(circuit)

            def charge(key: str, synapses: dict[str, int] = synapses) -> float:
                """Mean current (A) into a target cell for a weight of 1 A and 1 Hz of the whole source population."""
                p = circuit.projection[key]
                share = synapses[key] / (circuit.size(p.target) * circuit.size(p.source))
                return share * circuit.population[p.target].receptor[p.receptor].tau.si

            relays = circuit.population[projection.source]
            driven = population_rate(relays, np.array(volleys * weight[feed] * charge(feed)))
            extra = float(driven - population_rate(relays, np.array(0.0))) * circuit.size(projection.source)
            weight[name] = volleys * weight[excitation] * charge(excitation) / (extra * charge(name))
    return SolvedWeights(weight, solved.resting_current)


def _driver(circuit: Circuit, population: str) -> str:
    """The projection with dendrites onto a population."""
    for name, projection in circuit.projection.items():
        if projection.target == population and isinstance(projection.rule, Dendrites):
            return name
    raise ModelFileError(
        f"population.{population}: a weight of kind 'cancel' wants its expected activity, but no projection with rule "
        f"kind 'dendrites' reaches it; give the weight as a number"
    )


def _cancelling(circuit: Circuit, name: str, projection: Projection, solved: SolvedWeights) -> float:
    """Inhibitory weight (A) at which a train of average volleys leaves the target's mean rate where it was.

    Both populations are run as uncoupled cells under their mean input, first without and then with the train.
    """
    from scipy.optimize import brentq
    from scipy.signal import lfilter

    assert isinstance(projection.weight, CancelWeight)
    excitation, feed = projection.weight.of, _relay(circuit, name)
    own = circuit.projection[excitation]
    synapses, dt = expected_synapses(circuit), min(circuit.dt, TRAIN_STEP)
    active = expected_active(circuit, _driver(circuit, own.source), solved) / circuit.size(own.source)
    interval = round(min(1.0 / projection.weight.volley_rate.si, APART) / dt)
    train = np.zeros(round(REST / dt) + TRAIN * interval)
    train[round(REST / dt) :: interval] = active

    def drive(key: str, spikes: Floats) -> Floats:
        """Mean current (A) into a target cell for a weight of 1 A, from the spikes a step of a mean source cell."""
        p = circuit.projection[key]
        decay = float(np.exp(-dt / circuit.population[p.target].receptor[p.receptor].tau.si))
        late = np.concatenate([np.zeros(round(p.delay.si / dt)), spikes])[: len(spikes)]
        return lfilter([synapses[key] / circuit.size(p.target)], [1.0, -decay], late)

    def rates(population: str, current: Floats) -> Floats:
        """Spikes a step of the mean cell of a population."""
        cells = _over_cells(circuit.population[population])
        start = cells["V_reset"] + PHASES * (cells["V_th"] - cells["V_reset"])
        return lif.respond(cells, current[:, None], start, dt).mean(axis=1)

    relayed = drive(name, rates(projection.source, solved.weight[feed] * drive(feed, train)))
    excited = solved.weight[excitation] * drive(excitation, train)
    half = round(REST / dt / 2)  # the first half of the rest lets the currents settle

    def excess(weight: float) -> float:
        fired = rates(projection.target, excited - weight * relayed)
        if not fired[half : 2 * half].any():
            return -1.0  # silenced already by the tonic part: too strong
        return float(fired[2 * half :].mean() - fired[half : 2 * half].mean())

    extra = relayed[2 * half :].mean() - relayed[half : 2 * half].mean()
    if extra <= 0:
        raise ModelFileError(
            f"projection.{name}.weight: an average volley train does not excite {projection.source}; "
            f"raise projection.{feed}.weight"
        )
    guess = float(excited[2 * half :].mean() / extra)
    # Far too strong inhibition silences the target until volleys alone fire it, so look near the guess first.
    for width in (0.05, 0.1, 0.2, 0.3):
        low, high = (1 - width) * guess, (1 + width) * guess
        if excess(low) > 0 > excess(high):
            break
    else:
        raise ModelFileError(
            f"projection.{name}.weight: no weight between {low * 1e12:g} and {high * 1e12:g} pA cancels {excitation} "
            f"at the firing rate of {projection.target}; raise population.{projection.target}.parameters.I_e "
            "or give a number"
        )
    return float(brentq(excess, low, high, xtol=1e-3 * guess))
