"""An attention head as a memory of the circuit: keys and queries on the mossy fibres, values on the climbing fibres.

A circuit stores bits, a head has vectors. Bits are signs of projections on random directions:

* addresses: signs of a key's or query's projections. Two vectors at angle a differ on a share a / pi of the bits, so
  the Hamming distance of key and query is n arccos(cos) / pi on average (Goemans and Williamson 1995,
  doi:10.1145/227683.227684; Charikar 2002, doi:10.1145/509907.509965), with a standard deviation of at most
  sqrt(n) / 2. Lengths are lost: a head whose key norms vary loses what they say.
* pointers: signs of the projections of a value less the mean value. Microzones sum linearly over patterns, so with
  more microzones than patterns one linear read-out gives every stored pointer its value back, and every mixture of
  pointers the same mixture of values: it is the read-out by `agreement.effective_weights`, sum_mu w_mu v_mu. A
  read-out that knows the directions alone (`HeadMemory.decoded`) sees values through their signs, which costs it some
  accuracy even for perfect weights. Single bits, one a coordinate, would serve as well; random directions spread a
  value that lies in few coordinates over all microzones.

Directions are orthogonal in groups of the vectors' width, which lowers the spread of the distance (Ji et al. 2012,
Super-bit locality-sensitive hashing, NeurIPS 25). The head's order is kept: a query is asked when the keys that it may
see have been written, and no other.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.description import library
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import parse
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.machine.atomic import whole_file
from cerebellum.theory.attention import fit_log_weights
from cerebellum.theory.check import whole_number
from cerebellum.theory.granule import log_overlap
from cerebellum.typing import Bits, Floats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from cerebellum.heads.states import HeadStates


COSINES = 101  # points at which a kernel is compared with a softmax


def directions(bits: int, width: int, rng: np.random.Generator) -> Floats:
    """Random directions of length one, orthogonal within each group of `width`, shape (bits, width)."""
    bits, width = whole_number("bits", bits, 1), whole_number("width", width, 1)
    groups = []
    for _ in range(-(-bits // width)):
        q, r = np.linalg.qr(rng.standard_normal((width, width)))
        groups.append((q * np.sign(np.diag(r))).T)  # the signs make every rotation as likely as any other
    return np.concatenate(groups)[:bits]


def expected_distance(cosine: ArrayLike, bits: int) -> Floats:
    """Mean Hamming distance of the signs of two vectors with this cosine, n arccos(cos) / pi, shape of `cosine`."""
    return np.asarray(bits * np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi)


def kernel_beta(bits: int, dendrites: int, threshold: int, cosines: ArrayLike) -> float:
    """The softmax beta of the circuit's kernel for vectors: softmax(beta cos) nearest to K at the expected distance.

    Least squares of the normalised weights at even steps from the lowest to the highest of `cosines`; not of their
    logarithms, in which the far and weightless pairs, where the kernel is flatter, would have their say.

    Parameters
    ----------
    bits, dendrites, threshold : n address bits, of which a granule cell reads so many and wants so many to match
    """
    grid = np.linspace(np.min(cosines), np.max(cosines), COSINES)
    kernel = log_overlap(bits, dendrites, threshold)
    return fit_log_weights(grid, np.interp(expected_distance(grid, bits), np.arange(bits + 1), kernel), "softmax").beta


def threshold_for(
    beta: float,
    bits: int,
    dendrites: int,
    cells: int,
    cosines: ArrayLike,
    nearest: float,
    fewest: int = 30,
    lowest: int | None = None,
) -> int:
    """The granule threshold whose kernel has the beta nearest to `beta`, of those that `cells` can count.

    Parameters
    ----------
    cells : granule cells, of which a share K(v) answers to both of two addresses at distance v
    nearest : cosine of a typical query and its nearest key
    fewest : mean number of cells wanted at that cosine; the number, and so the weight, spreads by its root
    lowest : threshold that the cells have without inhibition; default half the inputs, below which most cells answer
        to everything and beta is near 0

    Raises
    ------
    ArgumentError
        No threshold leaves so many.
    """
    distance = expected_distance(nearest, bits)
    able = [
        t
        for t in range(dendrites // 2 if lowest is None else lowest, dendrites + 1)
        if cells * np.exp(np.interp(distance, np.arange(bits + 1), log_overlap(bits, dendrites, t))) >= fewest
    ]
    if not able:
        raise ArgumentError("fewest", fewest, f"no threshold leaves so many of {cells} cells for a cosine of {nearest}")
    return min(able, key=lambda t: abs(kernel_beta(bits, dendrites, t, cosines) - beta))


@dataclass(frozen=True)
class HeadMemory:
    """A head's first tokens as patterns of a circuit.

    Attributes
    ----------
    addresses, pointers : of the keys and values, shape (tokens, address bits) and (tokens, pointer bits)
    cues : addresses of the queries from token `first` on, shape (queries, address bits)
    seen : keys that each query may see: the first so many, shape (queries,)
    values : shape (tokens, width)
    weights : the head's own, over all tokens given, zero where not seen, shape (queries, tokens)
    cosines : of query and key, shape (queries, tokens)
    beta : mean of scaling x |query| x |key| over the pairs of a query and a key that it sees
    pointing : directions of the pointers, shape (pointer bits, width)
    """

    addresses: Bits
    pointers: Bits
    cues: Bits
    seen: NDArray[np.int64]
    values: Floats
    weights: Floats
    cosines: Floats
    beta: float
    pointing: Floats

    def visible(self, table: Floats) -> list[Floats]:
        """Rows of a table (queries, tokens), each up to the last key that its query sees."""
        return [row[:seen] for row, seen in zip(table, self.seen, strict=True)]

    @property
    def nearest(self) -> float:
        """Cosine of a typical query, the median, and its nearest key."""
        return float(np.median([row.max() for row in self.visible(self.cosines)]))

    def output(self, weights: Sequence[Floats]) -> Floats:
        """sum_mu w_mu v_mu for weights over the keys that each query sees, (seen,) a query; (queries, width)."""
        return np.stack([row @ self.values[: len(row)] for row in weights])

    @property
    def head_output(self) -> Floats:
        """What the head itself gives: its weights times its values, shape (queries, width)."""
        return np.asarray(self.weights @ self.values)

    def decoded(self, readout: Floats) -> Floats:
        """Values less their mean, up to a factor, from microzones' readout (queries, pointer bits) by directions alone.

        The transposed projection: for random directions p, E[p sign(p . v)] = sqrt(2 / pi) v / |v|.
        """
        return np.asarray(readout @ self.pointing)

    def save(self, path: Path) -> Path:
        """Write the file that a protocol with ``source = "file"`` reads."""
        with whole_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, addresses=self.addresses, pointers=self.pointers, cues=self.cues)
        return path

    def protocol(self, path: Path, base: str = "recall") -> Protocol:
        """The protocol that writes and asks token by token.

        Parameters
        ----------
        path : of the file that `save` has written
        base : shipped name or path of the protocol whose baseline, write and read blocks are taken
        """
        tables, _, _ = library.read_extended("protocols", base)
        blocks = {block.get("role"): block for block in tables["block"].values()}
        read = {key: value for key, value in blocks["read"].items() if key not in ("noise", "cues_per_pattern")}
        source = "derived: tokens of the text"
        tables |= {
            "title": "Attention head",
            "description": "Keys and values are written, and queries asked, in the order of the text.",
            "patterns": {
                "source": "file",
                "path": str(path),
                "count": [len(self.addresses), "1", source],
                "cues": [len(self.cues), "1", source],
            },
            "block": {"baseline": blocks["baseline"]},
        }
        made: dict[str, Any] = tables["block"]
        written = 0
        for seen in np.unique(self.seen).tolist():
            rows = np.flatnonzero(self.seen == seen)
            made[f"write_{seen}"] = {**copy.deepcopy(blocks["write"]), "subset": [written, seen]}
            made[f"read_{seen}"] = {**copy.deepcopy(read), "subset": [int(rows[0]), int(rows[-1]) + 1]}
            written = seen
        return parse(Protocol, tables, base, ProtocolFileError)


def encode(
    states: HeadStates,
    tokens: int,
    address_bits: int,
    pointer_bits: int,
    rng: np.random.Generator,
    first: int = 0,
) -> HeadMemory:
    """The head's first `tokens` as patterns, and its queries from token `first` on as cues.

    Where a query sees all tokens (an encoder), it is asked for the first `tokens` of them, and the head's weights are
    renormalised over these.

    Raises
    ------
    ArgumentError
        More tokens than there are, a query that sees none of them or not the first so many, or fewer than two pointer
        bits a token: then the weights of the patterns cannot be told apart.
    """
    tokens = whole_number("tokens", tokens, 1, len(states.keys), "tokens of the text")
    first = whole_number("first", first, 0, tokens - 1, "tokens - 1")
    if pointer_bits < 2 * tokens:
        raise ArgumentError("tokens", tokens, f"{pointer_bits} pointer bits tell at most {pointer_bits // 2} apart")
    visible = states.visible[first:tokens, :tokens]
    seen = visible.sum(axis=1)
    if not seen.all() or (visible != (np.arange(tokens) < seen[:, None])).any() or (np.diff(seen) < 0).any():
        raise ArgumentError("states", "its mask", "each query must see all keys up to some token, later ones no fewer")
    weights = np.where(visible, states.weights[first:tokens, :tokens], 0.0)
    queries, keys, values = states.queries[first:tokens], states.keys[:tokens], states.values[:tokens]
    addressing = directions(address_bits, keys.shape[1], rng)
    pointing = directions(pointer_bits, values.shape[1], rng)
    norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(keys, axis=1)
    return HeadMemory(
        addresses=keys @ addressing.T > 0,
        pointers=(values - values.mean(axis=0)) @ pointing.T > 0,
        cues=queries @ addressing.T > 0,
        seen=seen.astype(np.int64),
        values=values,
        weights=weights / weights.sum(axis=1, keepdims=True),
        cosines=states.cosines[first:tokens, :tokens],
        beta=float(states.scaling * norms[visible].mean()),
        pointing=pointing,
    )
