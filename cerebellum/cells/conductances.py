"""Receptors of a cell that takes conductances, of any kinds together: text for its step, and the same in numpy.

Over a step a cell sees each receptor's mean conductance `c`, its tonic one included, and in all `G`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import formula
from cerebellum.cells.receptor import ConductanceReceptor
from cerebellum.typing import Floats

Receptors = Mapping[str, ConductanceReceptor]


def states(receptors: Receptors) -> list[str]:
    """Names of the state."""
    return [state for name, receptor in receptors.items() for state in receptor.states(name)]


def means(receptors: Receptors) -> list[str]:
    """Lines that give `c` of each receptor and `G`, of the state and the voltage `v` at the step's begin."""
    lines = []
    for name, receptor in receptors.items():
        mean = receptor.mean(name) + (f" + tonic_{name}" if receptor.tonic else "")
        gated = f"({mean}) * ({receptor.voltage_gate})" if receptor.voltage_gate else mean
        lines.append(f"c_{name} = {gated}")
    return [*lines, f"G = {' + '.join(f'c_{name}' for name in receptors) or '0.0'}"]


def drive(receptors: Receptors, currents: str) -> str:
    """Twice the current (A) that does not depend on V: the cell's `drive`, the reversals', and `currents`."""
    # A receptor that reverses at 0 V brings no current of its own.
    synaptic = "".join(f" + twice_E_{name} * c_{name}" for name, one in receptors.items() if one.reversal)
    beside = f" + 2 * ({currents})" if currents else ""
    return f"drive{synaptic}{beside}"


def decays(receptors: Receptors) -> list[str]:
    """Lines that take the conductances to the step's end."""
    return [line for name, receptor in receptors.items() for line in receptor.decays(name)]


def constants(receptors: Receptors, dt: float) -> dict[str, float]:
    """Numbers of the lines above and of the arrivals, SI."""
    numbers = {"step": dt}
    for name, receptor in receptors.items():
        numbers |= receptor.constants(name, dt)
        if receptor.reversal:
            numbers[f"twice_E_{name}"] = 2 * receptor.reversal
        if receptor.tonic:
            numbers[f"tonic_{name}"] = receptor.tonic
    return numbers


class Conductances:
    """The same in numpy, by the same text, for `cells` uncoupled cells."""

    def __init__(self, receptors: Receptors, cells: int, dt: float) -> None:
        self.receptors, self.cells = receptors, cells
        self.names: dict[str, Any] = {**constants(receptors, dt), **{one: np.zeros(cells) for one in states(receptors)}}
        self.means, self.decays = means(receptors), decays(receptors)

    def advance(self, v: Floats) -> tuple[Floats, Floats]:
        """One step from voltages `v` (V): `G` (S) and twice the reversals' current (A) over it, shape (cells,)."""
        self.names["v"] = v
        formula.run(self.means, self.names)
        current = np.zeros(self.cells)
        for name, receptor in self.receptors.items():
            current = current + 2 * receptor.reversal * self.names[f"c_{name}"]
        formula.run(self.decays, self.names)
        return np.zeros(self.cells) + self.names["G"], current

    def arrive(self, receptor: str, cells: NDArray[np.int64], weights: Floats) -> None:
        """Spikes at the end of a step; weights in S."""
        for state, factor in self.receptors[receptor].jumps(receptor).items():
            # In place on an array of its own: `run` may have left a state that another name shares.
            changed = np.array(self.names[state])
            np.add.at(changed, cells, weights * self.names[factor] if factor else weights)
            self.names[state] = changed
