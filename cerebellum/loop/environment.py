"""Environments with the interface of gymnasium, closed around a circuit: the circuit acts, the environment answers.

The adapter asks for no more than `reset` and `step`, so that any object with these will do and nothing is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cerebellum.experiment.loop import TIMEOUT, Loop
from cerebellum.typing import Floats


class Environment(Protocol):
    """What is asked of an environment: gymnasium's `Env`."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """First observation of an episode, and what else there is to say."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Observation, reward, whether the episode has ended or was cut off, and what else there is to say."""


@dataclass
class _Around:
    """The callable of the loop; an episode that ends is followed by the next."""

    environment: Environment
    sense: Callable[[Any], Mapping[str, Any]]
    act: Callable[[dict[str, Floats]], Any]
    seed: int | None

    def __call__(self, now: float, seen: dict[str, Floats]) -> dict[str, Any]:
        if now == 0:
            observation, _ = self.environment.reset(seed=self.seed)
            return {**self.sense(observation), "reward": 0.0, "episode": 1.0}
        observation, reward, ended, cut, _ = self.environment.step(self.act(seen))
        if ended or cut:
            observation, _ = self.environment.reset()
        return {**self.sense(observation), "reward": float(reward), "episode": float(ended or cut)}


def around(
    environment: Environment,
    sense: Callable[[Any], Mapping[str, Any]],
    act: Callable[[dict[str, Floats]], Any],
    *,
    read: Mapping[str, Literal["rates", "spikes"]] | Sequence[str],
    drive: Mapping[str, Literal["rate", "current"]],
    interval: float = 0.01,
    record: Sequence[str] = (),
    seed: int | None = None,
    timeout: float | None = TIMEOUT,
) -> Loop:
    """A loop through an environment: each exchange is one of its steps.

    Parameters
    ----------
    sense : observation -> what it drives, and what is recorded, as a loop's callable answers
    act : what was read -> action
    read, drive, interval, timeout : as in `Loop`
    record : names of further numbers that `sense` gives; `reward`, and `episode` (1 where one begins) are always kept
    seed : of the environment's first episode, each time that a run begins; None is one of its own choice, so that
        two runs may differ
    """
    kept = (*record, "reward", "episode")
    return Loop(_Around(environment, sense, act, seed), read, drive, interval, kept, timeout)
