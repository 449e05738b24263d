"""How often no neuron lies within reach of an address.

Claim: with n = 1,000 and a million neurons half of all addresses have a neuron within 424 bits. Paper figure: Bricken &
Pehlevan (2021), appendix (SDMProbAddressWithinDistanceD), doi:10.48550/arXiv.2111.05498, after Kanerva (1988).
Run time: a few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "A million random neurons of 1,000 bits leave half of all addresses without a neuron within 424 bits."
CAPTION = (
    "Share of addresses with at least one neuron within radius d: formula (lines) and nearest of the real random"
    " neurons to 2,000 random addresses (points, with the standard error). Left: n = 1,000, a million neurons by"
    " formula, 20,000 real ones below it. Right: n = 64; of the optimal radii of an SDM with a neuron at every address"
    " (dotted: memory 5, signal to noise 11, critical distance 15) a million neurons serve the last alone."
)
ADDRESSES = 2000
CASES = ((64, 10_000), (64, 100_000), (64, 1_000_000), (1000, 20_000))
PUBLISHED = {
    "n": 1000,
    "neurons": 10**6,
    "half_at": 424,
    "source": "Bricken & Pehlevan (2021), SDMProbAddressWithinDistanceD, 1 - exp(-r p)",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Formula and nearest real neurons."""
    import numpy as np

    from cerebellum.theory import sdm

    rng = np.random.default_rng(seed)
    cases = []
    for n, neurons in CASES:
        nearest = _nearest(rng, n, neurons)
        radii = np.arange(int(nearest.min()) - 2, int(nearest.max()) + 3)
        cases.append(
            {
                "n": n,
                "neurons": neurons,
                "radii": radii,
                "formula": [1 - sdm.empty_ball_probability(n, int(d), neurons) for d in radii],
                "found": [float((nearest <= d).mean()) for d in radii],
            }
        )
    radii = np.arange(405, 446)
    kanerva = [1 - sdm.empty_ball_probability(1000, int(d), 10**6) for d in radii]
    return {
        "cases": cases,
        "kanerva": {"radii": radii, "formula": kanerva},
        "reach_at_64": {str(d): 1 - sdm.empty_ball_probability(64, d, 10**6) for d in (5, 11, 15)},
        "published": PUBLISHED,
    }


def _nearest(rng: Any, n: int, neurons: int) -> Any:
    """Hamming distance of the nearest of random neurons to each of random addresses."""
    import numpy as np

    words = -(-n // 64)
    last = np.uint64(2 ** (n % 64 or 64) - 1)
    stored = rng.integers(0, 2**64, (neurons, words), dtype=np.uint64)
    cues = rng.integers(0, 2**64, (ADDRESSES, words), dtype=np.uint64)
    stored[:, -1] &= last
    cues[:, -1] &= last
    nearest = np.empty(ADDRESSES, dtype=np.int64)
    for k, address in enumerate(cues):
        counts = np.bitwise_count(stored ^ address)
        nearest[k] = (counts[:, 0] if words == 1 else counts.sum(axis=1, dtype=np.int64)).min()
    return nearest


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The published half, and the formula against real neurons."""
    kanerva, published = numbers["kanerva"], numbers["published"]
    half = next(d for d, share in zip(kanerva["radii"], kanerva["formula"], strict=True) if share >= 0.5)
    worst = max(abs(a - b) for case in numbers["cases"] for a, b in zip(case["formula"], case["found"], strict=True))
    return {
        "the median distance of the nearest neuron is the published one": half == published["half_at"],
        "real neurons agree with the formula within 0.045 (four standard errors of 2,000 addresses)": worst <= 0.045,
        "a million neurons of 64 bits reach most addresses at the radius best for critical distance, 15": (
            numbers["reach_at_64"]["15"] > 0.5
        ),
        "a million neurons of 64 bits reach most addresses at the radius best for signal to noise, 11": (
            numbers["reach_at_64"]["11"] > 0.5
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Shares in reach by radius."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    kanerva = numbers["kanerva"]
    left.plot(kanerva["radii"], kanerva["formula"], color="black", lw=1.2, label="10⁶ neurons")
    left.plot(numbers["published"]["half_at"], 0.5, "x", ms=9, mew=2, color="tab:red", label="published half")
    for k, case in enumerate(numbers["cases"]):
        axes = right if case["n"] == 64 else left
        measured = np.array(case["found"])
        error = np.sqrt(measured * (1 - measured) / ADDRESSES)
        axes.plot(case["radii"], case["formula"], color=f"C{k}", lw=1.2)
        axes.errorbar(
            case["radii"], measured, error, fmt="o", ms=4, color=f"C{k}", label=f"{case['neurons']:,} real neurons"
        )
    for d in (5, 11, 15):
        right.axvline(d, color="0.6", lw=0.8, ls=":")
    left.set(xlabel="radius d", ylabel="addresses with a neuron in reach", title="n = 1,000")
    right.set(xlabel="radius d", title="n = 64", xlim=(4, 20))
    for axes in (left, right):
        axes.legend(fontsize=8, loc="upper left")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
