"""What the simulations of this folder share: patterns, noisy queries, images made here, and recall against noise.

Finite memories are simulated with real neurons (`theory.neurons`): the number that two addresses share is a draw that
stays the same from one read to the next, which a rounded expectation redrawn at each read misstates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from cerebellum.memory.memories import Memory


def bits(rng: np.random.Generator, rows: int, n: int) -> NDArray[np.int8]:
    """Uniformly random patterns of -1 and +1, (rows, n)."""
    return (rng.integers(0, 2, (rows, n), dtype=np.int8) * 2 - 1).astype(np.int8)


def flipped(rng: np.random.Generator, patterns: NDArray[np.int8], count: int) -> NDArray[np.int8]:
    """The patterns, each with exactly `count` of its bits flipped, drawn anew for every row."""
    order = rng.random(patterns.shape).argsort(axis=1)
    return np.where(order < count, -patterns, patterns).astype(np.int8)


def recall(
    memory: Memory, targets: NDArray[np.int8], noise: Sequence[int], rng: np.random.Generator, steps: int = 100
) -> dict[str, list[float]]:
    """Mean and standard deviation over targets of the cosine between converged state and target, per noise level.

    A memory that gives no answer (no active neuron, or no pattern in reach) leaves a state of zeros: cosine 0.
    """
    queries = np.concatenate([flipped(rng, targets, count) for count in noise])
    wanted = np.tile(targets, (len(noise), 1))
    cosines = cosine(memory.iterate(queries, steps=steps), wanted).reshape(len(noise), -1)
    return {"mean": cosines.mean(axis=1).tolist(), "sd": cosines.std(axis=1).tolist()}


def cosine(states: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Row by row; 0 for a row of zeros."""
    a, b = np.asarray(states, dtype=float), np.asarray(targets, dtype=float)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)


def digit_bits() -> NDArray[np.int8]:
    """Scikit-learn's 1,797 handwritten digits, 8 x 8, as 64 bits: above the image's own mean or not."""
    from sklearn.datasets import load_digits

    pixels = load_digits().data
    return np.where(pixels > pixels.mean(axis=1, keepdims=True), 1, -1).astype(np.int8)


def texture_bits(rng: np.random.Generator, count: int, side: int) -> NDArray[np.int8]:
    """Random images whose amplitude falls as 1 / frequency, as that of natural scenes does, (count, side^2) bits.

    White noise filtered to 1 / f (Field 1987, doi:10.1364/JOSAA.4.002379), above or below the image's own median; a
    stand-in for CIFAR, which is not shipped here: neighbouring pixels agree as they do there, but there are no objects.
    """
    wide = 2 * side  # images are cut out of fields twice as wide, which alone would be periodic
    frequency = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((count, wide, wide))) / frequency
    images = np.fft.irfft2(spectrum, s=(wide, wide))[:, :side, :side].reshape(count, -1)
    return np.where(images > np.median(images, axis=1, keepdims=True), 1, -1).astype(np.int8)


def listed(values: ArrayLike) -> list[Any]:
    """Floats for JSON: what is not finite becomes None."""
    array = np.asarray(values, dtype=float)
    return [listed(row) for row in array] if array.ndim > 1 else [x if np.isfinite(x) else None for x in array.tolist()]


def first_failing(after: ArrayLike, before: ArrayLike) -> int:
    """The first of the distances `before` that a read does not reduce; half a bit of error is no failure at 0."""
    after, before = np.asarray(after, dtype=float), np.asarray(before)
    failing = np.flatnonzero(after > np.maximum(before, 0.5))
    return int(before[failing[0]]) if failing.size else int(before[-1]) + 1
