"""How cells' random numbers go on elsewhere: for trials that begin in one state, and run on by chances of their own.

Of a cell model that is not here nothing is random, or its chances are part of the state. A package adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping

RENEWAL: dict[str, Mapping[str, str]] = {
    # The generator goes on at another place; what is left of a hazard is as good as new, whatever has gone of it.
    "eglif": {
        "draw": "(jump_1 * ((jump_0 * draw) % PRIME)) % PRIME",
        "H": "H - H % HELD - log(draw / PRIME)",
    },
}
"""Cell model -> state variable -> Brian2 text that draws it anew, in order, by whole numbers `jump_0` and `jump_1`."""

MOST_JUMP = 2**22
"""A jump is less; times a random number of 31 bits it is then exact in float64."""
