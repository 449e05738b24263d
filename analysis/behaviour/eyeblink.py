"""Eyeblink conditioning: time of the response, acquisition, extinction, savings, what goes with it trial by trial.

Claim: `mouse_conditioning` learns to close the eye when the puff is due. Published: in mice the eye is most closed when
the puff comes (Chettih et al. 2011, doi:10.3389/fnint.2011.00072); responses come gradually, go in extinction and come
back faster (T1, T2, T9, T10); naive Purkinje cells hardly answer a tone (Hesslow & Ivarsson 1994; T8); slow Purkinje
cells, climbing-fibre spikes in the tone and interneurons go with the response trial by trial (ten Brinke et al. 2015;
T6). Run time: ten minutes on one core.

Parameters were found on seeds 1 to 3 and frozen; the seeds here are others, run once. Stated before these were run,
what would refute it: a closure that peaks beyond 20 % of the interval about the puff; Purkinje cells that do not slow
5 Hz more before the puff than early in the tone; responses in fewer than 70 % of the trials at the end; more than half
of what was learned left after extinction; a naive answer of a tenth of the rate at rest. A rival that would pass most
of this is anything that lowers weights whenever tones and climbing-fibre spikes come at all: tones and puffs apart, as
many of both, must leave less than half. `eyeblink_controls` has the others. That there is no response without nuclei
(T4; Heiney et al. 2014) needs no run: the eyelid is moved by nothing else.

What came later: the weight of mossy fibres on nuclear cells and their current were set last and not run again on seeds
1 to 3; controls became a claim of their own after two of the seeds here had been seen. No bound was moved.

Twenty probes on 21 Purkinje cells know a difference of two windows to about 3.6 Hz (standard error), so a cross of the
statement on Purkinje cells on one seed may be noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "mouse_conditioning learns in tens of trials to close the eye when the puff is due, unlearns it in extinction, and"
    " does not learn it from tones and puffs apart."
)
CAPTION = (
    "Thick: mean over three seeds, thin: each. Left: closure of the eyelid in probes, naive, trained, extinguished;"
    " dashed, when the puff comes. Second: Purkinje cells in the same probes, trained less naive, and after tones and"
    " puffs apart. Third: responses in tens of trials along acquisition, extinction and reacquisition. Right: closure"
    " in the 50 ms before the puff is due, in probes after training less before; a point a seed."
)
SEEDS = (11, 12, 13)  # none of those on which the model was made
INTERVAL, TONE, REST = 0.25, 0.1, 0.1  # s
EARLY, LATE = (0.03, 0.13), (0.15, 0.25)  # s after the tone's begin
STEP = 0.01  # s, of courses
CONDITIONS: dict[str, dict[str, str]] = {"paired": {}, "unpaired": {"session": '["naive", "unpaired", "trained"]'}}


def measure(seed: int = 0) -> dict[str, Any]:
    """Courses and responses of both conditions, a list over seeds."""
    return {
        name: [session("eyeblink", None, seed + s, settings) for s in SEEDS] for name, settings in CONDITIONS.items()
    }


def session(
    protocol: str,
    model: str | None,
    seed: int,
    settings: dict[str, str],
    dtype: Literal["float64", "float32"] = "float64",
) -> dict[str, Any]:
    """A session: closures and rates in probes by block, responses in tens of trials, correlations."""
    from cerebellum import prepare
    from cerebellum.results import eyelid
    from cerebellum.spiking import network

    made = prepare(protocol, model, seed, settings)
    run = network.simulate(made.connectome, made.schedule, dtype=dtype)
    described, trials, cells = made.protocol.eyelid, made.schedule.trials, made.circuit.size("nuclear")
    assert described is not None
    table = eyelid.columns(described, trials, run.spikes["nuclear"], cells)
    blocks = [trial.block for trial in trials]
    kept: dict[str, Any] = {"block": blocks, **table}
    probes = [block for block in dict.fromkeys(blocks) if not any(t.plasticity for t in trials if t.block == block)]
    lids = eyelid.courses(described, trials, run.spikes["nuclear"], cells)
    return {
        "interval": described.interval.si,
        "summary": eyelid.summary(trials, table),
        "tens": {block: y.tolist() for block, (_, y) in eyelid.shares(kept, "eyelid.cr").items()},
        "closure": {block: _thinned(lids[block]) for block in probes},
        "purkinje": {block: _course(run, made, trials, block, "purkinje") for block in probes},
        "climbing": _climbing(run, made, trials),
        "with_response": _correlations(run, made, trials, table, [b for b in probes if "naive" not in b]),
    }


def _thinned(found: Any) -> list[float]:
    """Mean closure from the tone's begin on, every `STEP`."""
    mean = found.closure.mean(axis=0)[found.time >= -1e-9]
    return [float(x) for x in mean[:: round(STEP / 1e-3)]]


def _course(run: Any, made: Any, trials: Any, block: str, population: str) -> list[float]:
    """Mean rate (Hz) in steps of `STEP` from `REST` before the tone on."""
    import numpy as np

    mine = [trial for trial in trials if trial.block == block]
    edges = STEP * np.arange(round((mine[0].stop - mine[0].start) / STEP) + 1)
    counts = sum(np.diff(run.spikes[population].before(trial.start + edges)) for trial in mine)
    return [float(x) for x in counts / (len(mine) * made.circuit.size(population) * STEP)]


def _climbing(run: Any, made: Any, trials: Any) -> dict[str, list[float]]:
    """Olivary spikes a cell within 20 ms of every puff, by block."""
    import numpy as np

    out: dict[str, list[float]] = {}
    for trial in trials:
        if (us := trial.onsets.get("us")) is not None:
            spikes = np.diff(run.spikes["inferior_olive"].before(np.array([us, us + 0.02])))[0]
            out.setdefault(trial.block, []).append(float(spikes) / made.circuit.size("inferior_olive"))
    return out


def _correlations(run: Any, made: Any, trials: Any, table: Any, blocks: list[str]) -> dict[str, float | None]:
    """Pearson's r over probes of the closure with the rate of other cells in the late window, within blocks."""
    import numpy as np

    out: dict[str, float | None] = {}
    for population, window in (("purkinje", LATE), ("basket", LATE), ("inferior_olive", (0.0, INTERVAL))):
        x: list[float] = []
        y: list[float] = []
        for block in blocks:
            rows = [n for n, trial in enumerate(trials) if trial.block == block]
            onsets = np.array([trials[n].onsets["cs"] for n in rows])
            spikes = run.spikes[population]
            rate = spikes.before(onsets + window[1]) - spikes.before(onsets + window[0])
            x += list(rate - rate.mean())
            y += list(table["eyelid.closure"][rows] - table["eyelid.closure"][rows].mean())
        out[population] = float(np.corrcoef(x, y)[0, 1]) if np.std(x) > 0 and np.std(y) > 0 else None
    return out


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, on every seed unless they say otherwise."""
    import numpy as np

    paired = numbers["paired"]
    peaks = [peak(one) for one in paired]
    timed = [late_minus_early(one) for one in paired]
    gained = {name: [learned(one) for one in found] for name, found in numbers.items()}
    left = [learned(one, "extinguished") / learned(one) for one in paired]
    again = [learned(one, "retrained") / learned(one) for one in paired]
    acquired = np.mean([one["tens"]["acquisition"] for one in paired], axis=0)
    r = {key: _mean(one["with_response"][key] for one in paired) for key in paired[0]["with_response"]}
    naive = [_answer(one) for one in paired]
    return {
        f"T1: the eye is most closed within 20% of the interval of 250 ms ({listed(peaks, 1e3, '.0f')} ms)": all(
            abs(time - INTERVAL) <= 0.2 * INTERVAL for time in peaks
        ),
        "T1: trained Purkinje cells slow by 5 Hz more in the last 100 ms before the puff than at 30 to 130 ms"
        f" ({listed(timed, 1, '+.1f')} Hz)": all(x < -5 for x in timed),
        f"T2: responses in 70% of the last twenty trials ({acquired[-2:].mean():.0%}, mean)": bool(
            acquired[-2:].mean() >= 0.7
        ),
        f"T2: and they rise over the tens (rank correlation {_rank(acquired):.2f}, mean)": _rank(acquired) > 0.5,
        f"T6: slower Purkinje cells go with closure, trial by trial (r {r['purkinje']:.2f}, mean)": r["purkinje"] < 0,
        f"T6: so do faster basket cells (r {r['basket']:.2f}, mean)": r["basket"] > 0,
        f"T6: and climbing-fibre spikes in the tone (r {r['inferior_olive']:.2f}, mean)": r["inferior_olive"] > 0,
        f"T8: the naive answer of Purkinje cells is below a tenth of their rate ({listed(naive, 1, '+.0%')})": all(
            abs(x) < 0.1 for x in naive
        ),
        f"T9: extinction leaves less than half of the learned closure ({listed(left, 1, '.0%')})": all(
            x < 0.5 for x in left
        ),
        f"T9: reacquisition brings more than that back ({listed(again, 1, '.0%')})": all(
            x > y for x, y in zip(again, left, strict=True)
        ),
        f"T10: it takes less than 0.7 of the trials to 60% of responses ({_savings(paired)})": _saved(paired),
        f"pairings add more than 0.05 to the closure before the puff ({listed(gained['paired'], 1, '+.2f')})": all(
            x > 0.05 for x in gained["paired"]
        ),
        "control: tones and puffs apart add less than half of that, in the mean"
        f" ({listed(gained['unpaired'], 1, '+.2f')})": bool(
            np.mean(gained["unpaired"]) < np.mean(gained["paired"]) / 2
        ),
    }


def _mean(values: Any) -> float:
    import numpy as np

    return float(np.mean([value for value in values if value is not None]))


def listed(values: list[float], scale: float, form: str) -> str:
    """Numbers of all seeds in a sentence."""
    return ", ".join(format(scale * value, form) for value in values)


def _rank(course: Any) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(range(len(course)), course).statistic)


def last_probes(one: dict[str, Any]) -> str:
    """The probes after training, before any extinction."""
    return next(block for block in one["closure"] if block.endswith("trained"))


def learned(one: dict[str, Any], block: str = "") -> float:
    """How much more the eye is closed in the 50 ms before the puff is due, in probes of a block, than in naive ones."""
    import numpy as np

    first = next(iter(one["closure"]))
    due = slice(round((one["interval"] - 0.05) / STEP), round(one["interval"] / STEP))
    after, before = (np.mean(one["closure"][name][due]) for name in (block or last_probes(one), first))
    return float(after - before)


def peak(one: dict[str, Any]) -> float:
    """When the mean closure in probes after training is largest, s after the tone's begin."""
    import numpy as np

    return float(np.argmax(one["closure"][last_probes(one)]) * STEP)


def change(one: dict[str, Any]) -> Any:
    """Purkinje cells in probes after training less before, Hz, both less rest; in steps of `STEP` from the tone on."""
    import numpy as np

    first, last = (np.array(one["purkinje"][block]) for block in (next(iter(one["purkinje"])), last_probes(one)))
    before = round(REST / STEP)
    return (last - last[:before].mean() - (first - first[:before].mean()))[before:]


def binned(found: list[dict[str, Any]]) -> tuple[Any, Any]:
    """`change` of every seed in bins of 30 ms, as twenty probes are noisy, (seeds, bins), and their middles, ms."""
    import numpy as np

    courses = [change(one)[:48].reshape(-1, 3).mean(axis=1) for one in found]
    return 1e3 * STEP * (3 * np.arange(len(courses[0])) + 1.5), np.array(courses)


def late_minus_early(one: dict[str, Any]) -> float:
    """How training changed Purkinje cells before the puff, less how early in the tone, Hz."""
    course = change(one)
    early, late = (course[round(a / STEP) : round(b / STEP)].mean() for a, b in (EARLY, LATE))
    return float(late - early)


def _answer(one: dict[str, Any]) -> float:
    """Mean rate of naive Purkinje cells in the tone until the puff, over that at rest, less 1."""
    import numpy as np

    course, before = np.array(one["purkinje"]["naive"]), round(REST / STEP)
    return float(course[before : before + round(INTERVAL / STEP)].mean() / course[:before].mean() - 1)


def _criterion(tens: list[float]) -> float | None:
    """Tens of trials until one has six responses."""
    return next((number + 1.0 for number, share in enumerate(tens) if share >= 0.6), None)


def _ratios(paired: list[dict[str, Any]]) -> list[float | None]:
    out = []
    for one in paired:
        first, again = (_criterion(one["tens"][block]) for block in ("acquisition", "reacquisition"))
        out.append(None if first is None or again is None else again / first)
    return out


def _savings(paired: list[dict[str, Any]]) -> str:
    return ", ".join("never" if ratio is None else f"{ratio:.2f}" for ratio in _ratios(paired))


def _saved(paired: list[dict[str, Any]]) -> bool:
    ratios = _ratios(paired)
    return None not in ratios and _mean(ratios) < 0.7


def draw(numbers: dict[str, Any]) -> Figure:
    """Closures, changes of Purkinje cells, learning curves, responses in probes."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.0), layout="constrained")
    lids, cells, curve, bars = figure.subplots(1, 4)
    paired = numbers["paired"]
    for colour, block in zip(("0.6", "C0", "C3"), ("naive", "trained", "extinguished"), strict=True):
        found = np.array([one["closure"][block] for one in paired])
        time = 1e3 * STEP * np.arange(found.shape[1])
        lids.plot(time, found.T, color=colour, lw=0.5, alpha=0.6)
        lids.plot(time, found.mean(axis=0), color=colour, label=block)
    for colour, name in (("C0", "paired"), ("C1", "unpaired")):
        time, found = binned(numbers[name])
        cells.plot(time, found.T, color=colour, lw=0.5, alpha=0.6)
        cells.plot(time, found.mean(axis=0), color=colour, label=name)
    for ax in (lids, cells):
        ax.axvline(1e3 * INTERVAL, color="0.4", lw=0.8, ls="--")
        ax.set_xlabel("time after the tone's begin (ms)")
        ax.legend(fontsize=7, frameon=False)
    lids.set_ylabel("closure (1 is shut)")
    cells.axhline(0, color="0.8", lw=0.8)
    cells.set_ylabel("Purkinje cells, learned (Hz)")
    start = 0
    for block in ("acquisition", "extinction", "reacquisition"):
        found = 100 * np.array([one["tens"][block] for one in paired])
        x = start + 10 * (0.5 + np.arange(found.shape[1]))
        curve.plot(x, found.T, color="C0", lw=0.5, alpha=0.6)
        curve.plot(x, found.mean(axis=0), "o-", ms=3, color="C0")
        curve.text(start, 103, block, fontsize=6.5)
        start += 10 * found.shape[1] + 10
    curve.set(xlabel="trial", ylabel="responses (%)", ylim=(0, 102))
    for place, name in enumerate(CONDITIONS):
        gained = [learned(one) for one in numbers[name]]
        bars.plot([place] * len(gained), gained, "o", ms=4, color="C0" if name == "paired" else "C1")
    bars.axhline(0, color="0.8", lw=0.8)
    bars.set_xticks(
        range(len(numbers)), [words.replace("_", " ") for words in numbers], rotation=60, fontsize=7, ha="right"
    )
    bars.set_ylabel("closure learned before the puff")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
