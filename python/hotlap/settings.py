"""What an environment object is asked to show, take and pay, as the server's environments are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TICK_S = 0.01  # of game time


@dataclass(frozen=True)
class Settings:
    """An environment of the server by name, and what holds in place of what it says.

    Attributes:
        environment: its name: `default`, `compact`, `full_view`, `randomised`, or another that the server has.
        action: `keys` (indices of key combinations) or `continuous` (steer and gas in [-1, 1]); None: the environment's.
        observation: list of terms, each a name or a map as in `configs/environments/default.yaml`; None: the environment's.
        reward: weights by term; what is left out stays the environment's.
        ticks_per_step: of 10 ms; None: the environment's.
        max_episode_steps: after which an episode is truncated; None: the environment's limit.
        randomisation: [low, high] by parameter; what is left out stays the environment's.
    """

    environment: str = 'default'
    action: str | None = None
    observation: Sequence[str | Mapping[str, Any]] | None = None
    reward: Mapping[str, float] | None = None
    ticks_per_step: int | None = None
    max_episode_steps: int | None = None
    randomisation: Mapping[str, Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if self.action not in (None, 'keys', 'continuous'):
            raise ValueError(f"action is {self.action!r}, must be 'keys' or 'continuous'")
        if self.max_episode_steps is not None and self.max_episode_steps < 1:
            raise ValueError(f'max_episode_steps is {self.max_episode_steps}, must be at least 1')

    def text(self, ticks_per_step: int) -> str:
        """As YAML, of steps of so many ticks; empty when nothing is asked for."""
        said: dict[str, Any] = {}
        if self.action is not None:
            said['actions'] = {'set': self.action}
        if self.observation is not None:
            said['observation'] = [{'term': term} if isinstance(term, str) else dict(term) for term in self.observation]
        if self.reward is not None:
            said['reward'] = dict(self.reward)
        if self.randomisation is not None:
            said['randomisation'] = {name: list(ends) for name, ends in self.randomisation.items()}
        if self.ticks_per_step is not None:
            said['ticks_per_step'] = self.ticks_per_step
        if self.max_episode_steps is not None:
            after_s = round(self.max_episode_steps * ticks_per_step * TICK_S, 2)
            said['rules'] = {'time_limit': {'flag': 'truncate', 'after_s': after_s}}
        return json.dumps(said) if said else ''
