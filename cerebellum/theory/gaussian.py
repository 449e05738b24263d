"""Granule cells with a Gaussian threshold: many dendrites or random weights, the active share fixed by a Golgi loop.

A cell that sums many random inputs x . w has a normal activation, and two inputs of cosine s give two activations of
correlation s. If inhibition holds the active share at p (Top-k, with p = k / cells), a cell is active above t, the
upper p-quantile, and the overlap is the normal orthant probability

    P(s) = (1 / 2 pi) int_{-pi/2}^{arcsin s} exp(-t^2 / (1 + sin u)) du      (t >= 0).

It is the limit of `granule.overlap` for many dendrites and lines, and of the hyperplane x . w = t in general position.
Near the match ln P falls with the square root of 1 - s: no softmax is tangent there, and a beta needs its range stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from cerebellum.errors import ArgumentError
from cerebellum.theory.attention import BetaFit, fit_log_weights
from cerebellum.theory.check import real_number, real_numbers
from cerebellum.theory.quadrature import NODES, WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def threshold(activity: float) -> float:
    """The threshold, in standard deviations, above which a share `activity` of the cells lies (0 < activity <= 1/2)."""
    return float(-ndtri(_active_share(activity)))


def log_overlap(activity: float, cosines: ArrayLike) -> NDArray[np.float64]:
    """ln of the probability that a cell is active for both of two inputs with these cosines (-1..1, any shape).

    At cosine 1 it is ln activity, at 0 twice that. Raises ArgumentError for an activity outside 0..1/2.
    """
    t = threshold(activity)
    s = real_numbers("cosines", cosines, -1.0, 1.0)
    # By the angle from u = -pi/2, near which the integrand rises from 0 within an angle of about t.
    width = np.arcsin(s) + np.pi / 2
    # 1 + sin u = 2 sin^2(angle / 2); the exponent is taken relative to the last, largest one.
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = -(t * t) / (2 * np.sin(width / 2) ** 2)
        exponent = -(t * t) / (2 * np.sin(width[..., None] * NODES / 2) ** 2)
        log_integral = np.log(np.exp(exponent - largest[..., None]) @ WEIGHTS) + largest
        log_share = np.log(width / (2 * np.pi)) + log_integral
    return np.where(width > 0, log_share, -np.inf)


def fit_beta(activity: float, cosines: ArrayLike | None = None) -> BetaFit:
    """The softmax beta by least squares of ln overlap on cosine, at `cosines` (default 65 from 0.5 to 1)."""
    s = np.linspace(0.5, 1.0, 65) if cosines is None else np.asarray(cosines)
    return fit_log_weights(s, log_overlap(activity, s))


def _active_share(activity: float) -> float:
    p = real_number("activity", activity, 0.0, 0.5)
    if p == 0.0:
        raise ArgumentError("activity", activity, "must be above 0")
    return p
