"""What experiments cost beside the bare run: recording, a closed loop, a long session of trials.

`python -m tests.benchmarks.test_sessions_cost [record] [loop] [session]` prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cerebellum
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.loop import Loop

ROUNDS, SCALE = 3, {"scale": "0.3"}
INTERVAL, SECONDS = 0.010, 10.0  # s: a thousand exchanges
CELLS = 100  # whose voltages are recorded, at every step

REST = f"""
title = "Rest"
description = "Mossy fibres at 4 Hz."
[block.rest]
over = "trials"
trials = [1, "1", "assumed: one stretch"]
trial_duration = [{SECONDS:g}, "s", "assumed: a thousand intervals"]
[block.rest.stimulus.background]
kind = "poisson"
population = "mossy_fiber"
onset = [0, "ms", "assumed: always"]
duration = [{SECONDS:g}, "s", "assumed: always"]
rate = [4, "Hz", "assumed: rest"]
"""
RECORDED = f"""
[record.cells]
of = ["voltage"]
population = "granule"
where = {{ kind = "random", cells = [{CELLS}, "1", "assumed: a hundred"] }}
"""
SESSION = """
title = "Session"
description = "300 trials, a probe every tenth."
[trial.paired]
duration = [600, "ms", "assumed: a trial"]
windows.cs = { onset = [100, "ms", "assumed: tone"], duration = [250, "ms", "assumed: tone"] }
stimulus.rest = { kind = "poisson", population = "mossy_fiber", onset = [0, "ms", "assumed: always"], rate = [4, "Hz", "assumed: rest"] }
stimulus.cs = { kind = "poisson", population = "mossy_fiber", onset = [100, "ms", "assumed: tone"], duration = [260, "ms", "assumed: tone"], rate = [40, "Hz", "assumed: tone"] }
stimulus.us = { kind = "burst", population = "inferior_olive", follows = "cs", onset = [250, "ms", "assumed: puff"], times = [[0], "ms", "assumed: puff"] }
[trial.probe]
like = "paired"
without = ["stimulus.us"]
plasticity = false
[block.acquisition]
over = "kinds"
plasticity = true
repeats = [30, "1", "assumed: 300 trials"]
kinds = { paired = [9, "1", "assumed: a round"], probe = [1, "1", "assumed: a round"] }
"""  # noqa: E501


def protocol(text: str) -> Protocol:
    """Of a file's text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.toml"
        path.write_text(text)
        return load_protocol(str(path))


def seconds(plan: Protocol, loop: Loop | None = None) -> float:
    """Wall time (s) of the steps alone, of a run on 0.3 of `mouse`."""
    told = cerebellum.run(plan, "mouse", settings=SCALE, loop=loop).summary["timing"]["spiking"]
    return told.get("run", told["simulate"])


def ratio(other: Callable[[], float]) -> tuple[float, float, float]:
    """Bare and other seconds, in turn, the best of each, and their ratio."""
    bare = protocol(REST)
    pairs = [(seconds(bare), other()) for _ in range(ROUNDS)]
    one, two = (min(pair[number] for pair in pairs) for number in (0, 1))
    return one, two, two / one


def recorded() -> float:
    """Seconds with the voltages of a hundred cells kept at every step."""
    return seconds(protocol(REST + RECORDED))


def looped() -> float:
    """Seconds with all nuclear and Purkinje rates read, and the mossy fibres set, every 10 ms."""
    held = Loop(
        lambda now, rates: {"mossy_fiber": 0.0}, read=["nuclear", "purkinje"], drive={"mossy_fiber": "rate"},
        interval=INTERVAL,
    )  # fmt: skip
    return seconds(protocol(REST), held)


@pytest.mark.slow
def test_records_and_loops_cost_little() -> None:
    """Bounds of their own; timing on a busy machine scatters by a tenth."""
    assert ratio(recorded)[2] < 1.2
    assert ratio(looped)[2] < 1.3


def session() -> dict[str, float]:
    """Seconds of 300 trials on 0.3 of `mouse_plastic`, its folder included, after ten that compiled the circuit."""
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "session.toml"
        plan.write_text(SESSION)
        for number, repeats in enumerate(("1", "30")):
            settings = SCALE | {"block.acquisition.repeats": repeats}
            begun = time.perf_counter()
            path = Path(folder) / repeats
            result = cerebellum.run(str(plan), "mouse_plastic", seed=1, settings=settings, out=path)
            out = {"whole": time.perf_counter() - begun, **result.summary["timing"]["spiking"]}
            assert len(result.trials) == 10 * int(repeats)
            if number:
                out["spikes.nwb, MB"] = (path / "spikes.nwb").stat().st_size / 1e6
                out["spikes, millions"] = sum(map(len, result.spikes.values())) / 1e6
    return out


def main() -> None:
    """The parts that are named, or all."""
    wanted = sys.argv[1:] or ["record", "loop", "session"]
    for name, other in (("record", recorded), ("loop", looped)):
        if name in wanted:
            bare, with_it, times = ratio(other)
            print(f"{name}: bare {bare:.2f} s, with it {with_it:.2f} s, ratio {times:.2f}", flush=True)
    if "session" in wanted:
        print("session", {key: round(number, 2) for key, number in session().items()}, flush=True)


if __name__ == "__main__":
    main()
