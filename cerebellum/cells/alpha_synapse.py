"""Alpha conductances, the ports of every cell whose synapses bring conductance: text, numbers and a numpy reference.

A port's conductance after a spike is weight (t / tau) exp(1 - t / tau): g' = h - g / tau, h' = -h / tau, both decayed
exactly. Over a step a cell sees a port's exact mean conductance `c`, its tonic one included, and in all `G`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells.model import Ports
from cerebellum.typing import Floats

ARRIVAL = "h_{port}_post += {amount} * kick_{port}"

Arrivals = Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]
"""Time step -> (port, cells, weights in S) of the spikes that arrive in it."""


def states(ports: Ports) -> list[str]:
    """Names of the state: two stages a port."""
    return [f"{stage}_{port}" for port in ports for stage in "gh"]


def means(ports: Ports) -> list[str]:
    """Lines that give `c` of each port and `G`, of the conductances at the step's begin."""
    total = " + ".join(f"c_{port}" for port in ports) or "0.0"
    lines = []
    for name, port in ports.items():
        tonic = f" + tonic_{name}" if port.tonic else ""
        lines.append(f"c_{name} = mean_g_{name} * g_{name} + mean_h_{name} * h_{name}{tonic}")
    return [*lines, f"G = {total}"]


def drive(ports: Ports, currents: str) -> str:
    """Twice the current (A) that does not depend on V: the cell's `drive`, the reversals', and `currents`."""
    # A port that reverses at 0 V brings no current of its own.
    synaptic = "".join(f" + twice_E_{name} * c_{name}" for name, port in ports.items() if port.reversal)
    beside = f" + 2 * ({currents})" if currents else ""
    return f"drive{synaptic}{beside}"


def decays(ports: Ports) -> list[str]:
    """Lines that take the conductances to the step's end."""
    return [
        line
        for port in ports
        for line in (f"g_{port} = (g_{port} + step * h_{port}) * decay_{port}", f"h_{port} = h_{port} * decay_{port}")
    ]


def constants(ports: Ports, dt: float) -> dict[str, float]:
    """Numbers of the lines above and of the arrival, SI."""
    numbers = {"step": dt}
    for name, port in ports.items():
        decay = float(np.exp(-dt / port.tau))
        mean = port.tau / dt * (1 - decay)
        numbers |= {
            f"decay_{name}": decay,
            f"mean_g_{name}": mean,
            f"mean_h_{name}": port.tau * (mean - decay),
            f"kick_{name}": np.e / port.tau,
        }
        if port.reversal:
            numbers[f"twice_E_{name}"] = 2 * port.reversal
        if port.tonic:
            numbers[f"tonic_{name}"] = port.tonic
    return numbers


class Conductances:
    """The same in numpy, for `cells` uncoupled cells."""

    def __init__(self, ports: Ports, cells: int, dt: float) -> None:
        self.ports, self.numbers = ports, constants(ports, dt)
        self.g = {port: np.zeros(cells) for port in ports}
        self.h = {port: np.zeros(cells) for port in ports}
        self.cells = cells

    def advance(self) -> tuple[Floats, Floats]:
        """One step: `G` (S) and twice the reversals' current (A) over it, shape (cells,)."""
        c = self.numbers
        total, current = np.zeros(self.cells), np.zeros(self.cells)
        for name, port in self.ports.items():
            g, h = self.g[name], self.h[name]
            mean = c[f"mean_g_{name}"] * g + c[f"mean_h_{name}"] * h + port.tonic
            total = total + mean
            current = current + 2 * (port.reversal or 0.0) * mean
            self.g[name], self.h[name] = (g + c["step"] * h) * c[f"decay_{name}"], h * c[f"decay_{name}"]
        return total, current

    def arrive(self, port: str, cells: NDArray[np.int64], weights: Floats) -> None:
        """Spikes at the end of a step; weights in S."""
        np.add.at(self.h[port], cells, weights * self.numbers[f"kick_{port}"])
