"""The weights of SDM, binary and continuous, beside those of softmax attention.

Claim: normalised weights of SDM agree with those of a softmax at the fitted beta. Paper figure: Bricken & Pehlevan
(2021), Fig. 3, doi:10.48550/arXiv.2111.05498. Run time: a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Normalised over all distances, the weights of SDM and of a softmax at the fitted beta agree closely."
CAPTION = (
    "Weights of one pattern at each distance from the query, n = 64, radius 11 (left) and 15 (right): binary SDM, SDM"
    " on the unit sphere, and softmax at the least-squares beta of binary SDM (solid), at the published beta (dashed)"
    " and at the least-squares softmax beta (dotted). Insets: log scale up to 2d, beyond which binary SDM is silent"
    " and a softmax is not."
)
N, RADII = 64, (5, 11, 15)
CLOSE = 0.1  # total variation up to which weights are called close: our choice
# Recomputed from the author's estimator; the paper prints no distances between the curves.
PUBLISHED = {
    "betas": {"5": 35.5, "11": 15.9, "15": 10.1},
    "softmax_betas": {"5": 43.738},
    "source": "Bricken & Pehlevan (2021), main text and notebooks; the betas are N/(N-1) too large",
    "statement": "attention closely approximates SDM",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Exact weights and their total variation; nothing is drawn at random."""
    del seed
    import numpy as np

    from cerebellum.theory.attention import fit_beta, sdm_weights, softmax_weights
    from cerebellum.theory.sdm import cap_intersection

    v = np.arange(N + 1)
    cosines = 1 - 2 * v / N
    rows = []
    for radius in RADII:
        binary = sdm_weights(N, radius, v)
        cap = cap_intersection(N, 1 - 2 * radius / N, cosines)
        cap = cap / cap.sum()
        betas = {name: fit_beta(N, radius, estimator=name).beta for name in ("ols", "published", "softmax")}
        betas["cap ols"] = fit_beta(N, radius, space="continuous").beta
        softmaxes = {name: softmax_weights(cosines, beta) for name, beta in betas.items()}
        rows.append(
            {
                "radius": radius,
                "betas": betas,
                "r2": {space: fit_beta(N, radius, space=space).r2 for space in ("binary", "continuous")},
                "binary": binary,
                "cap": cap,
                "softmax": softmaxes,
                "tv_binary": {name: float(np.abs(binary - w).sum() / 2) for name, w in softmaxes.items()},
                "tv_cap": {name: float(np.abs(cap - w).sum() / 2) for name, w in softmaxes.items()},
            }
        )
    return {"rows": rows, "published": PUBLISHED}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Agreement at each radius, and whether the sphere is closer to a softmax than the bits are."""
    rows = numbers["rows"]
    close = {
        f"radius {row['radius']}: total variation of binary SDM and softmax at the least-squares beta is at most"
        f" {CLOSE}": row["tv_binary"]["ols"] <= CLOSE
        for row in rows
    }
    return close | {
        "SDM on the sphere is a better straight line than binary SDM at every radius": all(
            row["r2"]["continuous"] > row["r2"]["binary"] for row in rows
        ),
        "the softmax gives the match less weight than SDM does, at every radius": all(
            row["softmax"]["ols"][0] < row["binary"][0] for row in rows
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Weights against distance with a logarithmic inset, for the two radii of the paper's figure."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.9), layout="constrained")
    for axes, row in zip(figure.subplots(1, 2), numbers["rows"][1:], strict=True):
        d = row["radius"]
        inset = axes.inset_axes((0.45, 0.16, 0.53, 0.5))
        for panel, last in ((axes, 16), (inset, 2 * d + 4)):
            v = np.arange(last + 1)
            panel.plot(v, np.array(row["binary"])[v], "o", ms=3.5, color="tab:blue", label="binary SDM")
            panel.plot(v, np.array(row["cap"])[v], "s", ms=3, color="tab:green", mfc="none", label="SDM on the sphere")
            for name, style in (("ols", "-"), ("published", "--"), ("softmax", ":")):
                label = {"ols": "least squares", "published": "published", "softmax": "least-squares softmax"}[name]
                weights = np.array(row["softmax"][name])[v]
                panel.plot(v, weights, style, color="black", lw=1, label=f"{label}, beta {row['betas'][name]:.1f}")
        inset.set(yscale="log", ylim=(1e-9, 1))
        inset.axvline(2 * d, color="0.7", lw=0.8)
        inset.tick_params(labelsize=7)
        axes.set(xlabel="distance, bits", ylabel="normalised weight")
        axes.set_title(f"d = {d}, total variation {row['tv_binary']['ols']:.3f} at the least-squares beta", fontsize=10)
        axes.legend(fontsize=7, loc="upper right")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
