"""An environment for gymnasium (extra `loop`): an eye in front of a screen that turns, which the agent has to follow.

environment = Gaze()
observation, _ = environment.reset(seed=1)      # velocity of the screen and slip of its image, deg/s
observation, reward, *_ = environment.step([0.03])  # the velocity wanted of the eye, over 100 deg/s
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

Observation = NDArray[np.float32]
FASTEST = 100.0  # deg/s


class Gaze(gymnasium.Env[Observation, Observation]):
    """A screen that turns as a sine of random phase, and an eye that takes up the velocity wanted of it with a lag.

    Parameters
    ----------
    peak : of the screen's velocity, deg/s
    frequency : Hz
    tau : of the eye, s
    interval : of a step, s
    seconds : of an episode
    """

    def __init__(
        self,
        peak: float = 5.0,
        frequency: float = 0.5,
        tau: float = 0.05,
        interval: float = 0.01,
        seconds: float = 10.0,
    ) -> None:
        self.peak, self.omega, self.interval = peak, 2 * math.pi * frequency, interval
        self.keep, self.steps = math.exp(-interval / tau), round(seconds / interval)
        high = np.array([FASTEST, 2 * FASTEST], np.float32)
        self.observation_space = gymnasium.spaces.Box(-high, high)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
        self.phase, self.step_number, self.eye = 0.0, 0, 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """An eye at rest."""
        super().reset(seed=seed)
        self.phase, self.step_number, self.eye = float(self.np_random.uniform(0, 2 * math.pi)), 0, 0.0
        return self._observed(), {}

    def step(self, action: Any) -> Any:
        """Turn for an interval; the reward is the slip's square (deg/s)^2, with a minus sign."""
        wanted = FASTEST * float(np.clip(np.ravel(action)[0], -1.0, 1.0))
        self.eye = self.keep * self.eye + (1 - self.keep) * wanted
        self.step_number += 1
        observation = self._observed()
        return observation, -(float(observation[1]) ** 2), False, self.step_number >= self.steps, {"eye": self.eye}

    def _observed(self) -> Observation:
        screen = self.peak * math.sin(self.omega * self.step_number * self.interval + self.phase)
        return np.array([screen, screen - self.eye], np.float32)
