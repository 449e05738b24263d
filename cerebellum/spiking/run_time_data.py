"""What a compiled run reads when it starts, so that another plan of trials on the same circuit compiles nothing.

Brian2 writes the length of every array that it reads from a file, and the run's duration, into the program's text. Both
are put there as what the program finds for itself; a number that is not recognised stays, and is compiled.
"""

from __future__ import annotations

import re
from typing import Any

import brian2 as b2
import numpy as np

from cerebellum.experiment.schedule import Events, Trial, plastic_spans

DURATION = "CEREBELLUM_DURATION"  # s; environment variable of the program
LEARNING = "learning.edges"  # file with the times (s) at which plasticity is switched, on first
LEAST = 2  # spikes of a source: of arrays with fewer Brian2 makes other text
NEVER = 1.0  # s after the end; spikes at that time bring a source to `LEAST`

_LENGTH = re.compile(r"^const int _num_(_static_array_\w+) = \d+;$", re.M)
_MADE = re.compile(r"(_static_array_\w+)( = new [\w ]+\[)\d+\]")
_READ = re.compile(r"(char\*>\((_static_array_\w+)\), )\d+\*")
_FILLED = re.compile(r" (_dynamic_array_\w+)\.resize\(\d+\);")
_CLEARED = re.compile(r"(i<)\d+(; i\+\+\) (_dynamic_array_\w+)\[i\])")
_RUN = re.compile(r"network\.run\([\d.e+-]+,")
_TICK = re.compile(r"(_array_ticker_clock_dt\[0\] = )[\d.e+-]+;")
_FOUND = """
#include <cstdlib>
#include <fstream>
static int length_of_array(const char* name, int size) {
    std::ifstream file(std::string("static_arrays/") + name, std::ios::binary | std::ios::ate);
    return static_cast<int>(file.tellg() / size);
}
static double duration_of_run() { return std::atof(std::getenv("DURATION")); }
""".replace("DURATION", DURATION)


def found_at_start(text: str) -> str:
    """The part of the program that runs once, with lengths of arrays and the duration found when it starts."""
    arrays = set(_LENGTH.findall(text))

    def filled(found: re.Match[str]) -> str:
        array = f"_static_array_{found[1]}"
        return f" {found[1]}.resize(brian::_num_{array});" if array in arrays else found[0]

    def cleared(found: re.Match[str]) -> str:
        array = f"_static_array_{found[3]}"
        return f"{found[1]}brian::_num_{array}{found[2]}" if array in arrays else found[0]

    text = _LENGTH.sub(r'const int _num_\1 = length_of_array("\1", sizeof(*\1));', text)
    text = _READ.sub(r"\1_num_\2*", _MADE.sub(r"\1\2_num_\1]", text))
    text = _CLEARED.sub(cleared, _FILLED.sub(filled, text))
    text = _RUN.sub("network.run(duration_of_run(),", text)
    return _FOUND + _TICK.sub(r"\g<1>duration_of_run() / 100;", text)


def at_least_two(events: Events, duration: float, dt: float) -> Events:
    """Spikes of a source, with such as never come, if it has fewer than two."""
    lacking = LEAST - len(events.step)
    if lacking <= 0:
        return events
    late = np.full(lacking, round((duration + NEVER) / dt), np.int64) + np.arange(lacking)
    return Events(np.concatenate([events.step, late]), np.concatenate([events.cell, np.zeros(lacking, np.int32)]))


def edges(trials: list[Trial], dt: float) -> Any:
    """Times (s) at which plasticity is switched on, off, on, ..., half a step early: spikes come on the grid."""
    return np.array([edge - dt / 2 for span in plastic_spans(trials) for edge in span])


def learns(trials: list[Trial], dt: float) -> Any:
    """A function for Brian2 text: 1 where plasticity is on at a time (s), else 0."""
    switched = edges(trials, dt)

    def on(t: Any) -> Any:
        return np.searchsorted(switched, t, side="right") % 2

    function = b2.Function(on, arg_units=[b2.second], arg_names=["t"], return_unit=1, return_type="integer")
    function.implementations.add_implementation("numpy", on)
    function.implementations.add_implementation("cpp", _LEARNS, name="learns")
    function.implementations.add_dynamic_implementation(
        "cython",
        lambda owner: _LEARNS_CYTHON.replace("EDGES", str(len(switched))),  # it sees an address, not an array
        namespace=lambda owner: {"learns_edges": switched},
        name="learns",
    )
    return function


_LEARNS = """
static inline int learns(double t) {
    static const std::vector<double> edges = [] {
        std::vector<double> found;
        std::ifstream file("EDGES", std::ios::binary);
        double edge;
        while (file.read(reinterpret_cast<char*>(&edge), sizeof(edge))) found.push_back(edge);
        return found;
    }();
    return (std::upper_bound(edges.begin(), edges.end(), t) - edges.begin()) % 2;
}
""".replace("EDGES", LEARNING)
_LEARNS_CYTHON = """
cdef int learns(double t):
    global _namespacelearns_edges
    cdef int number = 0
    cdef int i
    for i in range(EDGES):
        number += _namespacelearns_edges[i] <= t
    return number % 2
"""
