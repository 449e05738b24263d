"""Weights that plastic synapses have at the ends of blocks: kept in a run folder, summed up, and started from again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome
from cerebellum.errors import InputError, shortened
from cerebellum.typing import Floats

END = "end"  # of the run; in double precision, so that a run that starts there goes on exactly
SEED, BLOCK, WIRING = "connectome_seed", "after", "wiring"
BINS = 40  # of a histogram


def wiring(connectome: Connectome, projection: str) -> str:
    """What tells one drawn projection from another: a hash of its synapses, in order."""
    edges = connectome.edges[projection]
    parts = (np.ascontiguousarray(side, dtype=np.int32).tobytes() for side in (edges.pre, edges.post))
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:24]


def write(outcome: Outcome, connectome: Connectome, path: Path) -> None:
    """One compressed file: `PROJECTION.end` (A or S), `PROJECTION.after.BLOCK` (single precision), wiring and seed.

    All of shape (synapses,), in the order of the connectome's edges.
    """
    parts: dict[str, Any] = {SEED: np.asarray(connectome.seed)}
    for name, weights in outcome.weights.items():
        parts[f"{name}.{END}"] = weights
        parts[f"{name}.{WIRING}"] = np.asarray(wiring(connectome, name))
        for block, kept in outcome.snapshots.get(name, {}).items():
            parts[f"{name}.{BLOCK}.{block}"] = kept.astype(np.float32)
    np.savez_compressed(path, **parts)


def read(path: Path) -> dict[str, dict[str, Floats]]:
    """Plastic projection -> block with plasticity on, and last 'end' -> weights (A or S), shape (synapses,)."""
    out: dict[str, dict[str, Floats]] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            name, _, what = key.partition(".")
            if what.startswith(f"{BLOCK}."):
                out.setdefault(name, {})[what.removeprefix(f"{BLOCK}.")] = np.asarray(file[key], dtype=np.float64)
        for key in file.files:
            name, _, what = key.partition(".")
            if what == END:
                out.setdefault(name, {})[END] = np.asarray(file[key])
    return out


def last(path: Path) -> tuple[int, dict[str, Floats], dict[str, str]]:
    """Seed of the connectome, and of each plastic projection the weights at the run's end and its wiring."""
    with np.load(path, allow_pickle=False) as file:
        names = [key.removesuffix(f".{END}") for key in file.files if key.endswith(f".{END}")]
        found = {name: np.asarray(file[f"{name}.{END}"], dtype=np.float64) for name in names}
        return int(file[SEED]), found, {name: str(file[f"{name}.{WIRING}"]) for name in names}


def refuse_other(connectome: Connectome, weights: Mapping[str, Floats], wired: Mapping[str, str], where: str) -> None:
    """Complain about weights of a run that are not those of this connectome's synapses.

    Raises
    ------
    InputError
        In one line.
    """
    circuit = connectome.circuit
    for name, found in weights.items():
        if name not in circuit.projection:
            raise InputError(f"--from {where}: {name} learned there; this model has no such projection")
        if circuit.projection[name].plasticity is None:
            raise InputError(
                f"--from {where}: {name} learned there and learns nothing in this model; wanted the same model "
                "(without plastic blocks its weights stay as they are)"
            )
        if wired[name] != wiring(connectome, name) or len(found) != len(connectome.edges[name]):
            raise InputError(
                f"--from {where}: {name} has other synapses there ({len(found):,}; here "
                f"{len(connectome.edges[name]):,}); wanted the same model at the same scale"
            )


def summary(outcome: Outcome, connectome: Connectome) -> dict[str, Any]:
    """Plastic projection -> 'begin' and each plastic block -> mean, sd, shares at the bounds; histogram (shares)."""
    found: dict[str, Any] = {}
    for name, final in outcome.weights.items():
        rule = connectome.circuit.projection[name].plasticity
        assert rule is not None
        low, high = rule.w_min.si, rule.w_max.si
        after = {"begin": connectome.weights_at_begin(name), **outcome.snapshots.get(name, {})}
        after = after if len(after) > 1 else {**after, END: final}
        edges = np.linspace(low, high, BINS + 1)
        found[name] = {
            "edges": edges.tolist(),
            "blocks": {block: _of(weights, low, high, edges) for block, weights in after.items() if len(weights)},
        }
    return found


def _of(weights: Floats, low: float, high: float, edges: Floats) -> dict[str, Any]:
    fuzz = 1e-9 * (high - low)
    counted = np.histogram(np.clip(weights, low, high), edges)[0]
    return {
        "mean": float(weights.mean()),
        "sd": float(weights.std()),
        "at_w_min": float((weights <= low + fuzz).mean()),
        "at_w_max": float((weights >= high - fuzz).mean()),
        "histogram": (counted / len(weights)).tolist(),
    }


def of_run(folder: Path) -> tuple[int, dict[str, Floats], dict[str, str]]:
    """`last` of a run folder.

    Raises
    ------
    InputError
        If it has no weights, or they cannot be read.
    """
    path = folder / "weights.npz"
    if not path.is_file():
        raise InputError(f"--from {folder}: wanted a run folder with a weights.npz, which a plastic model leaves")
    try:
        return last(path)
    except Exception as error:  # a damaged file fails in many ways
        why = shortened(" ".join(str(error).split()), 120) or type(error).__name__
        raise InputError(f"--from {folder}: weights.npz is damaged, cannot be read ({why})") from error
