"""The optokinetic reflex on the spiking circuit: its gain rises with the slip of the image, and does not without.

Claim: with the eye of `okr` in the loop, `mouse_flocculus` learns to follow a screen better. Published in mice: the
gain rises by 0.08 in an hour of training (10 degrees peak to peak at 0.17 Hz), and not where there is little slip
(Katoh et al. 1998, doi:10.1073/pnas.95.13.7705); after 800 cycles it has risen by 20 to 30 % (Okamoto et al. 2011,
PMC6622939). Run time: five minutes on one core.

Nothing is fitted; steps of learning are so large that 18 cycles count for an hour, so size is a weak test, and sign and
order are the test. Stated before these seeds were run (one run on seed 1 had shown a rise of 0.09): refuted if the gain
after training is not above the naive one on every seed, or if without slip it moves half as much. A rival that would
pass without learning: drift of rates, which the run without slip has as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The gain of the optokinetic reflex on mouse_flocculus rises with training in the light, in phase with the screen,"
    " and does not where climbing fibres are not told of the slip."
)
CAPTION = (
    "Gain of the eye's velocity in every trial of two cycles, naive, trained (grey) and tested, three seeds: with slip"
    " told, and with climbing fibres at their rate at rest. Dashed: the gain of the brainstem alone, without the lag."
)
SEEDS = (11, 12, 13)
CONDITIONS: dict[str, dict[str, str]] = {"light": {}, "dark": {"loop.block.train.light": "false"}}
PUBLISHED = {"gain": 0.08, "source": "Katoh et al. 1998, an hour", "share": [0.2, 0.3], "of": "Okamoto et al. 2011"}


def measure(seed: int = 0) -> dict[str, Any]:
    """Gains and phases of every trial, by block, a list over seeds; and what is published."""
    return {name: [one(name, seed + s) for s in SEEDS] for name in CONDITIONS} | {"published": PUBLISHED}


def one(name: str, seed: int) -> dict[str, Any]:
    """A run of `okr`: block -> gain and phase (degrees) of every trial."""
    from cerebellum import run

    found: dict[str, Any] = run("okr", "mouse_flocculus", seed=seed, settings=CONDITIONS[name]).summary["loop"]
    return found


def _risen(one: dict[str, Any]) -> float:
    import numpy as np

    return float(np.mean(one["test"]["gain"]) - np.mean(one["naive"]["gain"]))


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    import numpy as np

    light, dark = ([_risen(one) for one in numbers[name]] for name in ("light", "dark"))
    before = np.mean([one["naive"]["gain"] for one in numbers["light"]])
    phase = [float(np.mean(one["test"]["phase"])) for one in numbers["light"]]
    said = {name: ", ".join(f"{x:+.3f}" for x in found) for name, found in (("light", light), ("dark", dark))}
    return {
        f"T11: the gain rises on every seed ({said['light']})": all(x > 0 for x in light),
        f"T11: without slip by less than half of that, in the mean ({said['dark']})": bool(
            abs(np.mean(dark)) < np.mean(light) / 2
        ),
        f"T11: the rise is of the published order of 0.08, between 0.04 and 0.16 ({np.mean(light):+.3f})": bool(
            0.04 <= np.mean(light) <= 0.16
        ),
        f"T12: by 20 to 30% ({np.mean(light) / before:+.0%})": bool(0.2 <= np.mean(light) / before <= 0.3),
        "the eye stays within 20 degrees of the screen's phase (" + ", ".join(f"{x:+.0f}" for x in phase) + ")": all(
            abs(x) < 20 for x in phase
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Gain against trial."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for colour, name, label in (("C0", "light", "slip told"), ("0.5", "dark", "not told")):
        for number, one in enumerate(numbers[name]):
            gains = [gain for block in ("naive", "train", "test") for gain in one[block]["gain"]]
            axes.plot(range(1, len(gains) + 1), gains, "o-", ms=3, lw=0.8, color=colour, label=label * (not number))
    axes.axvspan(3.5, 12.5, color="0.95", zorder=0)
    axes.axhline(0.4, color="0.6", lw=0.8, ls="--")
    axes.set(xlabel="trial of two cycles", ylabel="gain", ylim=(0, None))
    axes.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
