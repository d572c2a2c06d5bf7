"""One row of a server as a `gymnasium.Env`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from hotlap.protocol import Floats
from hotlap.renderer import MODES
from hotlap.vector_env import Infos, VectorEnv


class Env(gym.Env[Floats, Any]):
    """A VectorEnv of one row; see there for the arguments, options and errors.

    Infos are Python numbers by column name; columns that are known at the end of an episode alone are there at its end.

    Attributes:
        rows: the VectorEnv.
        observation_names, action_names, server_spec: as those of VectorEnv.
    """

    metadata: dict[str, Any] = {'render_modes': list(MODES), 'render_fps': 20}  # noqa: RUF012 as in Gymnasium

    def __init__(self, track: str = 'hairpins', **arguments: Any) -> None:
        """Asks the server for the spec; leases nothing yet.

        Args:
            track: its name.
            **arguments: others of VectorEnv, but `num_envs`, `autoreset_mode`, `batch_size` and `copy`.

        Raises:
            ValueError, TypeError: an argument is none of those.
        """
        self.rows = VectorEnv(track, 1, autoreset_mode=AutoresetMode.DISABLED, **arguments)
        self.observation_space = self.rows.single_observation_space
        self.action_space = self.rows.single_action_space
        self.observation_names, self.action_names = self.rows.observation_names, self.rows.action_names
        self.server_spec = self.rows.server_spec
        self.render_mode = self.rows.render_mode
        self.metadata = {**self.metadata, 'render_fps': self.rows.metadata['render_fps']}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, Infos]:
        """Begins a new episode; leases the row at the first time. `options` as those of VectorEnv, with one snapshot id."""
        super().reset(seed=seed)
        return _first(*self.rows.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, Infos]:
        """One step: an index, or float32 of shape (components,).

        Raises:
            ResetNeeded: the episode has ended. Nothing is sent then.
            RowsRefused: the action is not in the space.
        """
        observations, rewards, terminated, truncated, infos = self.rows.step(np.asarray(action)[np.newaxis])
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _scalars(infos)

    def render(self) -> Any:
        """The picture or the text that VectorEnv has for its only row; None without a render mode."""
        frames = self.rows.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Gives the row back."""
        self.rows.close()

    def save(self) -> int:
        """Saves the row. Returns an id."""
        return int(self.rows.save()[0])

    def restore(self, snapshot: int) -> tuple[Floats, Infos]:
        """Continues a saved episode, bit for bit."""
        return _first(*self.rows.restore(snapshot))

    def export_snapshot(self, snapshot: int) -> bytes:
        """A saved state as bytes, for a file or another server."""
        return self.rows.export_snapshot(snapshot)[0]

    def import_snapshot(self, state: bytes) -> int:
        """Stores an exported state. Returns its id."""
        return int(self.rows.import_snapshot([state])[0])

    def drop(self, snapshot: npt.ArrayLike) -> None:
        """Frees a saved state."""
        self.rows.drop(snapshot)


def _scalars(infos: Mapping[str, Any]) -> Infos:
    return {name: column[0].item() for name, column in infos.items() if name[0] != '_' and infos[f'_{name}'][0]}


def _first(observations: Floats, infos: Infos) -> tuple[Floats, Infos]:
    return observations[0], _scalars(infos)
