"""Attention heads pushed through the circuit, and the circuit's output against the head's.

`push` writes a head's keys and values token by token, asks its queries (`encoding`) and gives back, for every reader
of the circuit, weights and outputs beside the head's own. A head says by its beta how sharp its softmax is; the circuit
by its granule threshold. `adapted` moves the threshold to the head's beta, as Golgi inhibition would, and keeps the
parallel fibres' total drive where it was; what beta a number of granule cells allows, `encoding.threshold_for` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.connectome.connectome import generator
from cerebellum.connectome.weights import fewest_matches
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.plasticity import ClimbingFiberRule
from cerebellum.description.projection import ThresholdWeight
from cerebellum.description.units import Value
from cerebellum.errors import ArgumentError
from cerebellum.heads import encoding
from cerebellum.machine.atomic import scratch_folder
from cerebellum.readout import agreement, granule_code
from cerebellum.simulation.run import run
from cerebellum.theory.attention import softmax_weights
from cerebellum.theory.granule import log_overlap
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cerebellum.heads.encoding import HeadMemory
    from cerebellum.heads.states import HeadStates


HEADROOM = 3.0  # standard deviations of a counter that fit between the naive weight and its bounds


@dataclass(frozen=True)
class HeadAgreement:
    """One reader beside the head, over all queries.

    Attributes
    ----------
    cosine : of sum_mu w_mu v_mu and the head's output, mean over queries; high wherever values are alike
    cosine_beyond_average : the same after the plain average of the visible values is taken off both; 0 for a reader
        that gives every key the same weight
    rank_correlation : Spearman's, of a query's weights and the head's, mean over queries
    r2 : squared Pearson correlation of all weights less their mean in the query, as else the number of visible keys
        would be correlated with itself
    others_r2 : the same without each query's first key of the head, which alone can make r2 large
    cosine_decoded : of the values decoded by the pointers' directions alone with the head's output, each less the mean
        value; None for a reader without readout
    """

    cosine: float
    cosine_beyond_average: float
    rank_correlation: float
    r2: float
    others_r2: float
    cosine_decoded: float | None


@dataclass(frozen=True)
class Pushed:
    """A head after its way through the circuit.

    Attributes
    ----------
    threshold, kernel_beta : of the granule cells, and the softmax beta of their kernel over the head's cosines
    weights : reader -> one row a query, over the keys that it sees, summing to 1
    agreement : reader -> agreement with the head; beside the circuit's readers 'head' (its own weights, for what
        decoding loses), 'one_beta' (softmax of the head's cosines at its mean beta: without the keys' lengths),
        'uniform' (the floor) and 'shuffled' (the first engine's weights, permuted)
    """

    memory: HeadMemory
    threshold: int
    kernel_beta: float
    weights: dict[str, list[Floats]]
    agreement: dict[str, HeadAgreement]


def push(
    states: HeadStates,
    model: str = "kanerva",
    engine: str = "volley",
    *,
    tokens: int = 32,
    first: int = 7,
    match_beta: bool = True,
    seed: int = 1,
) -> Pushed:
    """Write and ask a head's first tokens in a circuit.

    Parameters
    ----------
    model : shipped name or path of a circuit that states its granule threshold
    engine : 'volley', 'spiking' or 'both'
    tokens, first : keys, and the first token whose query is asked
    match_beta : whether the threshold is moved to the head's beta (`adapted`); else the model runs as it is

    Raises
    ------
    ArgumentError
        As `encoding.encode`, or the model states no threshold.
    """
    circuit = load_model(model)
    code = granule_code.code_of(circuit)
    rng = generator(seed, "head")
    memory = encoding.encode(states, tokens, code.lines, circuit.zones, rng, first)
    threshold, cosines = code.threshold, np.concatenate(memory.visible(memory.cosines))
    if match_beta:
        cells = circuit.size(circuit.projection[code.projection].target)
        wanted = memory.beta, code.lines, code.dendrites, cells, cosines, memory.nearest
        threshold = encoding.threshold_for(*wanted, lowest=fewest_matches(circuit, code.projection))
        circuit = adapted(model, threshold, tokens)
    with scratch_folder() as folder:
        plan = memory.protocol(memory.save(folder / "head.npz"))
        result = run(plan, circuit, engine, seed=seed)
    names = list(result.blocks[0].weights)
    weights = {name: [row for block in result.blocks for row in block.weights[name]] for name in names}
    readout = {name: np.concatenate([block.readout[name] for block in result.blocks]) for name in names}
    found = {name: compare(memory, weights[name], readout[name]) for name in names}
    signs = np.where(memory.pointers, 1.0, -1.0)
    found["head"] = compare(memory, memory.visible(memory.weights), memory.weights @ signs)
    one = [softmax_weights(row, memory.beta) for row in memory.visible(memory.cosines)]
    found["one_beta"] = compare(memory, one)
    found["uniform"] = compare(memory, [np.full(seen, 1.0 / seen) for seen in memory.seen])
    engine_reader = next(name for name in ("purkinje", "rate") if name in names)
    found["shuffled"] = compare(memory, [rng.permutation(row) for row in weights[engine_reader]])
    beta = encoding.kernel_beta(code.lines, code.dendrites, threshold, cosines)
    return Pushed(memory, threshold, beta, weights, found)


def adapted(model: str, threshold: int, patterns: int) -> Circuit:
    """The model with its granule threshold moved, and weights that go with as many active cells.

    Parallel-fibre weights are divided by the share of active cells relative to the shipped one, so that a volley's
    total drive stays. One write is a step of the shipped share of the naive weight, or less where the more active cells
    take part in so many of the `patterns` that HEADROOM standard deviations of the sum of their steps would not fit.

    Raises
    ------
    ArgumentError
        The model states no granule threshold.
    """
    circuit = load_model(model)
    name = next((n for n, p in circuit.projection.items() if isinstance(p.weight, ThresholdWeight)), None)
    if name is None:
        raise ArgumentError("model", model, "wanted a model that states its granule threshold")
    code = granule_code.code_of(circuit)
    shipped, share = np.exp(
        [log_overlap(code.lines, code.dendrites, t, [0])[0] for t in (code.threshold, threshold)]
    ).tolist()
    granule, settings = circuit.projection[name].target, {f"projection.{name}.weight.matches": str(threshold)}
    for key, projection in circuit.projection.items():
        weight, rule = projection.weight, projection.plasticity
        if projection.source != granule or not isinstance(weight, Value):
            continue
        changed = {"weight": weight.number * shipped / share}
        if isinstance(rule, ClimbingFiberRule) and isinstance(rule.potentiation, Value):
            step = rule.potentiation.si / weight.si
            less = min(1.0, 1.0 / (step * HEADROOM * np.sqrt(share * patterns)))
            changed["plasticity.w_max"] = rule.w_max.number * shipped / share
            changed["plasticity.potentiation"] = rule.potentiation.number * less * shipped / share
            changed["plasticity.depression"] = rule.depression.number * less * shipped / share
        settings |= {f"projection.{key}.{part}": repr(float(number)) for part, number in changed.items()}
    return load_model(model, settings)


def compare(memory: HeadMemory, weights: Sequence[Floats], readout: Floats | None = None) -> HeadAgreement:
    """A reader's weights, and its readout (queries, pointer bits), against the head.

    Parameters
    ----------
    weights : one row a query, over the keys that it sees
    """
    from scipy.stats import spearmanr

    own = memory.visible(memory.weights)
    average = memory.output([np.full(seen, 1.0 / seen) for seen in memory.seen])
    output, wanted = memory.output(weights), memory.head_output
    ranks = [spearmanr(a, b).statistic if np.ptp(a) and np.ptp(b) else 0.0 for a, b in zip(weights, own, strict=True)]
    others = [[np.delete(a, b.argmax()) for a, b in zip(rows, own, strict=True)] for rows in (weights, own)]
    apart, beside = (
        [np.concatenate([row - row.mean() for row in rows if len(row)]) for rows in pair]
        for pair in ((weights, own), others)
    )
    decoded = None
    if readout is not None:
        # The part common to all microzones is the interneurons' business, and no direction of the values.
        values = memory.decoded(readout - readout.mean(axis=1, keepdims=True))
        decoded = _mean_cosine(values, wanted - memory.values.mean(axis=0))
    return HeadAgreement(
        cosine=_mean_cosine(output, wanted),
        cosine_beyond_average=_mean_cosine(output - average, wanted - average),
        rank_correlation=float(np.mean(ranks)),
        r2=agreement.r2(apart[0], apart[1]),
        others_r2=agreement.r2(beside[0], beside[1]),
        cosine_decoded=decoded,
    )


def _mean_cosine(a: Floats, b: Floats) -> float:
    """Mean over rows of the cosine; 0 for a row of zeros."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1)
    # Rounding leaves a difference of equal vectors at some 1e-17 instead of zero.
    small = norms <= 1e-12 * np.linalg.norm(b, axis=1).max() ** 2
    return float(np.where(small, 0.0, products / np.where(small, 1.0, norms)).mean())
