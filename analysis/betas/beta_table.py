"""The betas of SDM: published 35.5 / 15.9 / 10.1, correct 28.4 / 14.4 / 9.4.

Claim: the published betas of the optimal radii are the least-squares ones. They are N/(N-1) times those: the code
divides a sample covariance by a population variance. Paper: Bricken & Pehlevan (2021), main text, Fig. 4 and appendix
(Beta_d_p_relationships, CircleIntersectionDisagreementsTable), doi:10.48550/arXiv.2111.05498. Run time: a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "The published betas of the optimal radii, 35.5, 15.9 and 10.1, are the least-squares slopes of ln I on cosine."
CAPTION = (
    "Left: beta by radius at n = 64, by least squares of ln I over 0..d-1 on bits and on the sphere, by the"
    " least-squares softmax, and as published (crosses: the paper's main text and its printed table). Grey: range, and"
    " mean, of the 90 scales that transformers learned (Henry et al. 2020). Right: published over least-squares beta"
    " (crosses) and d/(d-1) (line): the paper's slope divides by the wrong variance, and nothing else differs."
)
N = 64
RADII = tuple(range(5, 32))
OPTIMAL = {"memory": 5, "signal-to-noise": 11, "critical distance": 15}
PUBLISHED = {
    "main_text": {"5": 35.5, "11": 15.9, "15": 10.1},
    "main_text_source": "Bricken & Pehlevan (2021), lines of Fig. 4",
    # fitted over v = 1..d, radii 5..31
    "table": [
        *(35.36, 27.05, 25.90, 21.43, 20.04, 17.16, 15.87, 13.81, 12.67, 11.11, 10.12, 8.89, 8.03, 7.04),
        *(6.30, 5.49, 4.85, 4.18, 3.64, 3.09, 2.64, 2.20, 1.83, 1.48, 1.19, 0.92, 0.71),
    ],
    "table_source": "notebook output, TrentBrick/attention-approximates-sdm @ 4cb44d8",
    "softmax": {"5": 43.738, "9": 24.593},
    "softmax_source": "the authors' least-squares softmax, same repository",
    "transformers": {"count": 90, "min": 10.3109, "max": 24.8478, "mean": 15.6475, "median": 15.1115},
    "transformers_source": "Henry et al. (2020), KeyQuery_Norm_Learnt_Betas.txt in the same repository",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Betas of every estimator and radius; nothing is drawn at random."""
    del seed
    from cerebellum.theory.attention import fit_beta

    return {
        "radii": RADII,
        "least_squares": [fit_beta(N, d).beta for d in RADII],
        "r2": [fit_beta(N, d).r2 for d in RADII],
        "published_estimator": [fit_beta(N, d, estimator="published").beta for d in RADII],
        "published_table_again": [fit_beta(N, d, distances=range(1, d + 1), estimator="published").beta for d in RADII],
        "softmax": [fit_beta(N, d, estimator="softmax").beta for d in RADII],
        "sphere": [fit_beta(N, d, space="continuous").beta for d in RADII],
        "over_0_to_2d": [fit_beta(N, d, distances=range(2 * d + 1)).beta for d in RADII],
        "published": PUBLISHED,
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Published against least-squares betas, and the reason of the difference."""
    published = numbers["published"]
    of = {d: k for k, d in enumerate(numbers["radii"])}
    main = {of[int(d)]: beta for d, beta in published["main_text"].items()}
    pairs = list(zip(numbers["published_table_again"], published["table"], strict=True))
    return {
        "the published main-text betas are least-squares slopes (to their last digit)": all(
            abs(numbers["least_squares"][k] - beta) <= 0.05 for k, beta in main.items()
        ),
        "the published main-text betas are slopes with the mixed normalisation (to their last digit)": all(
            abs(numbers["published_estimator"][k] - beta) <= 0.05 for k, beta in main.items()
        ),
        "the printed table of 27 radii is reproduced by the mixed normalisation (to 0.01)": all(
            abs(measured - printed) <= 0.01 for measured, printed in pairs
        ),
        "published and least-squares betas differ by the factor d/(d-1) and nothing else (1e-9)": all(
            abs(a / b * (d - 1) / d - 1) < 1e-9
            for a, b, d in zip(numbers["published_estimator"], numbers["least_squares"], numbers["radii"], strict=True)
        ),
        "the authors' least-squares softmax betas are reproduced (1e-3)": all(
            abs(numbers["softmax"][of[int(d)]] - beta) <= 1e-3 for d, beta in published["softmax"].items()
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Betas by radius and estimator, and the factor."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    radii, published = np.array(numbers["radii"]), numbers["published"]
    scales = published["transformers"]
    left.axhspan(scales["min"], scales["max"], color="0.9", label="90 learned scales, range")
    left.axhline(scales["mean"], color="0.6", lw=1)
    for name, colour, label in (
        ("least_squares", "black", "least squares"),
        ("softmax", "tab:orange", "least-squares softmax"),
        ("sphere", "tab:green", "least squares, sphere"),
        ("over_0_to_2d", "tab:purple", "least squares over 0..2d"),
    ):
        left.plot(radii, numbers[name], "-", color=colour, label=label)
    left.plot(radii, published["table"], "x", ms=4, color="tab:red", label="published")
    main = {int(d): beta for d, beta in published["main_text"].items()}
    left.plot(list(main), list(main.values()), "x", ms=9, mew=2, color="tab:red")
    for name, d in OPTIMAL.items():
        left.axvline(d, color="0.7", lw=0.8, ls=":")
        left.text(d + 0.15, 0.55, name, rotation=90, fontsize=7.5, va="bottom", color="0.35")
    left.set(yscale="log", xlabel="radius d", ylabel="beta", ylim=(0.5, 90))
    left.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    left.legend(fontsize=7.5, loc="upper right")
    ratio = np.array(numbers["published_estimator"]) / np.array(numbers["least_squares"])
    right.plot(radii, radii / (radii - 1), color="black", lw=1, label="d / (d - 1)")
    right.plot(radii, ratio, "x", color="tab:red", label="published / least squares")
    right.set(xlabel="radius d", ylabel="factor", ylim=(1, 1.27))
    right.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
