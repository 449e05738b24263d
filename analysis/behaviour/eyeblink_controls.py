"""Eyeblink conditioning under one change at a time: flat tones, puffs at any time, other intervals, other sites.

Claim: what `eyeblink` shows is of the pairing and its time. Purkinje cells are not slowed at one time more than another
where the tone is 40 Hz on all fibres; puffs at any time of the trial teach less than half; another interval moves the
response; the longer the tone is over when the puff comes, the less is learned (with mossy fibres stimulated as a tone,
five of seven rats learn a gap of 150 ms, three of nine one of 350 ms, none one of 500 ms: Li et al. 2019, PMC6465343);
interneurons alone learn as well, as in another model (Geminiani et al. 2024, doi:10.1371/journal.pcbi.1011277). Tones
without late fibres are shown, and nothing is asked of them: they say how much of the time code the stimulus brings. Run
time: half an hour on one core, some minutes a seed.

The model is frozen as in `eyeblink`, the seeds are the same; bars were set before any of these was run. Cells in single
precision, for time (docs/benchmarks.md); `paired` is run anew with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence
from analysis.behaviour import eyeblink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "What mouse_conditioning learns is timed by fibres with time courses of their own and by the pairing, moves with"
    " the interval, falls with a gap between tone and puff, and can be learned by interneurons alone."
)
CAPTION = (
    "Left: closure of the eyelid in the 50 ms before the puff is due, in probes after training less before; a point a"
    " seed. Right: Purkinje cells in the same probes, trained less naive, means over three seeds, in bins of 30 ms."
)
CONTROLS, GAPS = "analysis/behaviour/controls.toml", (150, 350, 500)  # ms, between tone and puff
SHORT = '["naive", "acquisition", "trained"]'
CONDITIONS: dict[str, tuple[str, str | None, dict[str, str]]] = {
    "paired": ("eyeblink", None, {"session": SHORT}),
    "flat": (CONTROLS, None, {"session": '["flat_naive", "flat_acquisition", "flat_trained"]'}),
    "shuffled": (CONTROLS, None, {"session": '["naive", "shuffled", "trained"]'}),
    "interval_150": ("eyeblink_isi", None, {}),
    **{
        f"trace_{gap}": (
            "eyeblink_trace",
            None,
            {"trial.paired.stimulus.us.onset": str(200 + gap), "eyelid.interval": str(200 + gap)},
        )
        for gap in GAPS
    },
    "interneurons": ("eyeblink", "analysis/behaviour/interneurons.toml", {"session": SHORT}),
    "early_fibers": (CONTROLS, None, {"session": '["early_naive", "early_acquisition", "early_trained"]'}),
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Courses and responses of every condition, a list over seeds."""
    return {name: [one(name, seed + s) for s in eyeblink.SEEDS] for name in CONDITIONS}


def one(name: str, seed: int) -> dict[str, Any]:
    """The session of a condition."""
    protocol, model, settings = CONDITIONS[name]
    return eyeblink.session(protocol, model, seed, settings, "float32")


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    import numpy as np

    gained = {name: [eyeblink.learned(one) for one in found] for name, found in numbers.items()}
    mean = {name: float(np.mean(found)) for name, found in gained.items()}
    flat = [eyeblink.late_minus_early(one) for one in numbers["flat"]]
    peaks = [eyeblink.peak(one) for one in numbers["interval_150"]]
    gapped = [mean[name] for name in ("paired", *(f"trace_{gap}" for gap in GAPS))]
    said = {name: eyeblink.listed(found, 1, "+.2f") for name, found in gained.items()}
    return {
        "T1, control: after a flat tone Purkinje cells slow by no more than 3 Hz more or less in the last 100 ms than"
        f" early, on every seed ({eyeblink.listed(flat, 1, '+.1f')} Hz)": all(abs(x) <= 3 for x in flat),
        "T1: with an interval of 150 ms the eye is most closed within 20% of it, on every seed"
        f" ({eyeblink.listed(peaks, 1e3, '.0f')} ms)": all(abs(time - 0.15) <= 0.03 for time in peaks),
        f"control: puffs at any time of the trial add less than half of that, in the mean ({said['shuffled']})": (
            mean["shuffled"] < mean["paired"] / 2
        ),
        "T5: the longer the gap between tone and puff, the less is learned"
        f" ({eyeblink.listed(gapped, 1, '+.2f')} for 0, {', '.join(map(str, GAPS))} ms, means)": bool(
            (np.diff(gapped) < 0).all()
        ),
        f"learning at interneurons alone adds more than 0.05, in the mean ({said['interneurons']})": (
            mean["interneurons"] > 0.05
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """What each condition learned, and when Purkinje cells were slowed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    points, courses = figure.subplots(1, 2)
    for place, name in enumerate(CONDITIONS):
        gained = [eyeblink.learned(one) for one in numbers[name]]
        points.plot([place] * len(gained), gained, "o", ms=4, color="C0" if name == "paired" else "C1")
    points.axhline(0, color="0.8", lw=0.8)
    names = [name.replace("_", " ") for name in CONDITIONS]
    points.set_xticks(range(len(names)), names, rotation=45, fontsize=7, ha="right")
    points.set_ylabel("closure learned before the puff")
    for name in ("paired", "flat", "interval_150", "early_fibers"):
        time, found = eyeblink.binned(numbers[name])
        courses.plot(time, found.mean(axis=0), label=name.replace("_", " "))
    for interval in (150, 1e3 * eyeblink.INTERVAL):
        courses.axvline(interval, color="0.4", lw=0.8, ls="--")
    courses.axhline(0, color="0.8", lw=0.8)
    courses.set(xlabel="time after the tone's begin (ms)", ylabel="Purkinje cells, learned (Hz)")
    courses.legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
