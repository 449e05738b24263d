"""A paper calculation: what a memory of the size of the human cerebellum would take on accelerators of today.

Claim: the counters of 5e10 granule cells and 1.5e7 Purkinje cells fit on a few dozen cards, as long as who contacts
whom is computed and not stored; what a read moves depends on the share of active cells alone. Synapses: Fig. 1 of
PMC6686189; share of active cells: Bricken & Pehlevan (2021), doi:10.48550/arXiv.2111.05498; cells: the counts commonly
quoted; cards: the data sheet of the NVIDIA H200. Run time: ten seconds, for the one number that is measured, the search
on a core of this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The synapses of a human cerebellum fit as 8-bit counters on a few dozen accelerators, if the wiring is computed;"
    " at the paper's share of active cells a read moves less than the exchange of its result."
)
CAPTION = (
    "Left: bytes of the parallel-fibre synapses of a human cerebellum as counters, and of wiring that is stored instead"
    " of computed; dashed, one card of 141 GB. Right: bytes that one read moves, by the share of active granule cells:"
    " counters out of memory, and over the links either every card's sums for all Purkinje cells (one all-reduce) or"
    " the numbers of the active granule cells."
)
# Each number with its source.
GRANULE = (5e10, "commonly quoted 4 to 5e10 in humans")
PURKINJE = (1.5e7, "commonly quoted for humans")
SYNAPSES_OF_A_PURKINJE_CELL = (1.75e5, "PMC6686189, Fig. 1: ~175,000 parallel fibres")
DENDRITES = (4, "PMC6686189, Fig. 1: 4 to 5 mossy fibres")
MOSSY_FIBRES = (2e8, "commonly quoted for humans")
CARD_BYTES = (141e9, "NVIDIA H200 data sheet: 141 GB of HBM3e")
CARD_BANDWIDTH = (4.8e12, "NVIDIA H200 data sheet: 4.8 TB/s")
LINK_BANDWIDTH = (450e9, "NVIDIA H200 data sheet: NVLink 900 GB/s, half of it one way")
USABLE = 0.9  # share of a card's memory for counters: assumed
SECTOR = 32  # bytes that a card's memory gives at least: assumed, as on NVIDIA cards
SUM_BYTES = 4  # of a Purkinje cell's sum in an all-reduce
A_FEW_DOZEN = 36


def measure(seed: int = 0) -> dict[str, Any]:
    """Bytes, cards, traffic and times."""
    import math

    from cerebellum.theory import sdm

    granule, purkinje = GRANULE[0], PURKINJE[0]
    synapses = purkinje * SYNAPSES_OF_A_PURKINJE_CELL[0]
    fan_out = synapses / granule
    cell_bytes, fibre_bytes = math.ceil(math.log2(granule) / 8), math.ceil(math.log2(MOSSY_FIBRES[0]) / 8)
    stored = {
        "int8 counters": synapses,
        "int16 counters": 2 * synapses,
        "float32 counters": 4 * synapses,
        "granule inputs, if stored": granule * DENDRITES[0] * fibre_bytes,
        "parallel-fibre wiring, if stored": synapses * cell_bytes,
        "a counter for every pair of cells": granule * purkinje,
    }
    cards = {name: math.ceil(each / (USABLE * CARD_BYTES[0])) for name, each in stored.items()}
    own = cards["int8 counters"]
    shares = {
        "n = 64, d = 15": sdm.ball_volume(64, 15) / 2**64,
        "1 in 100 (assumed)": 0.01,
        "4 of 4 dendrites, dense code": 2.0**-4,
    }
    reads = {}
    for name, share in shares.items():
        active = share * granule
        # A granule cell's counters lie together: whole sectors of them are fetched.
        fetched = active * math.ceil(fan_out / SECTOR) * SECTOR
        reduced = 2 * (own - 1) / own * purkinje * SUM_BYTES
        sent = active * cell_bytes
        reads[name] = {
            "share": share,
            "active granule cells": active,
            "synapses touched": share * synapses,
            "bytes out of memory, all cards": fetched,
            "bytes over each link, sums": reduced,
            "bytes over each link, active cells": sent,
            "seconds, memory": fetched / (own * CARD_BANDWIDTH[0]),
            "seconds, sums": reduced / LINK_BANDWIDTH[0],
            "seconds, active cells": sent / LINK_BANDWIDTH[0],
        }
    return {
        "sources": {
            name: {"value": value, "source": source}
            for name, (value, source) in {
                "granule cells": GRANULE,
                "Purkinje cells": PURKINJE,
                "parallel-fibre synapses of a Purkinje cell": SYNAPSES_OF_A_PURKINJE_CELL,
                "dendrites of a granule cell": DENDRITES,
                "mossy fibres": MOSSY_FIBRES,
                "bytes of a card": CARD_BYTES,
                "bytes a second of a card": CARD_BANDWIDTH,
                "bytes a second of a link": LINK_BANDWIDTH,
            }.items()
        },
        "synapses": synapses,
        "purkinje_cells_of_a_granule_cell": fan_out,
        "bytes": stored,
        "cards": cards,
        "reads": reads,
        "search": _search(seed, granule),
    }


def _search(seed: int, granule: float) -> dict[str, float]:
    """Finding the active cells of 64 cues among all, inputs made on the fly: measured here on 1e7 cells, one core."""
    import time

    import numpy as np
    import torch

    from cerebellum.memory.hard_locations import HammingCells
    from cerebellum.memory.large import LargeMemory

    torch.set_num_threads(1)
    cells, cues = 10**7, np.random.default_rng(seed).integers(0, 2, (64, 64), dtype=np.int8)
    memory = LargeMemory(cells, HammingCells(64, 15, seed), 8, store="sparse")
    memory.activity(cues[:1])
    taken = []
    for _ in range(3):
        start = time.process_time()
        memory.activity(cues)
        taken.append(time.process_time() - start)
    each = min(taken) / cells
    return {"cues": 64, "ns_a_cell_on_one_core_here": 1e9 * each, "core_hours_for_all": each * granule / 3600}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Cards and traffic."""
    paper, dense = numbers["reads"]["n = 64, d = 15"], numbers["reads"]["4 of 4 dendrites, dense code"]
    stored, cards = numbers["bytes"], numbers["cards"]

    def counters_first(read: dict[str, float]) -> tuple[str, bool]:
        memory, sums = read["seconds, memory"], read["seconds, sums"]
        text = (
            f"counters take less time ({1e6 * memory:,.2g} us, on all cards) than adding up sums ({1e6 * sums:,.0f} us)"
        )
        return text, memory < sums

    wiring = stored["parallel-fibre wiring, if stored"] > stored["int8 counters"]
    few = paper["bytes over each link, active cells"] < paper["bytes over each link, sums"]
    (small, small_holds), (large, large_holds) = counters_first(paper), counters_first(dense)
    return {
        f"8-bit counters of {numbers['synapses']:.2g} synapses fit on {cards['int8 counters']} cards of 141 GB, at most"
        f" {A_FEW_DOZEN}": cards["int8 counters"] <= A_FEW_DOZEN,
        "who contacts whom, if stored, takes more than the counters": wiring,
        f"n = 64, d = 15: {small}": small_holds,
        "n = 64, d = 15: sending the numbers of the active granule cells is cheaper than sums": few,
        f"4 of 4 dendrites on dense codes: {large}": large_holds,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Bytes stored and moved."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(numbers["bytes"])
    left.barh(names, list(numbers["bytes"].values()), color="tab:blue")
    left.axvline(numbers["sources"]["bytes of a card"]["value"], color="0.4", lw=0.8, ls="--")
    for name in names:
        left.text(numbers["bytes"][name], name, f" {numbers['cards'][name]:,} cards", va="center", fontsize=7)
    left.set(xscale="log", xlabel="bytes", xlim=(1e11, 1e20))
    left.invert_yaxis()
    reads = numbers["reads"]
    for row, (key, label) in enumerate(
        {
            "bytes out of memory, all cards": "counters out of memory",
            "bytes over each link, sums": "links: sums",
            "bytes over each link, active cells": "links: active cells",
        }.items()
    ):
        places = [place + 0.27 * (row - 1) for place in range(len(reads))]
        right.barh(places, [read[key] for read in reads.values()], height=0.25, label=label)
    right.set(xscale="log", xlabel="bytes a read", yticks=range(len(reads)), yticklabels=list(reads))
    right.invert_yaxis()
    right.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
