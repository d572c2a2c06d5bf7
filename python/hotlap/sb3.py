"""Many rows of one server for Stable-Baselines3, which has vectors of its own kind.

    from hotlap.sb3 import VecEnv
    model = stable_baselines3.PPO('MlpPolicy', VecMonitor(VecEnv('short_sprint', 256)))

Needs the extra `sb3`, and PyTorch with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv as BaseVecEnv

from hotlap.protocol import Array, Flags, Floats
from hotlap.vector_env import Infos, VectorEnv

_Indices = int | Iterable[int] | None


class VecEnv(BaseVecEnv):
    """A VectorEnv whose rows begin their next episode in the step that ends one, as Stable-Baselines3 has it.

    An ended row has the observation of its next episode; its info is that of the end, with `terminal_observation` (float32 of
    shape (d,)); `reset_infos` are those of the beginnings. `TimeLimit.truncated` of every info says whether it was cut, rather
    than ended, in this step.
    Whoever wants Stable-Baselines3's statistics of episodes wraps it in `VecMonitor`.

    Rows are no objects of their own: methods and attributes are those of `rows`, for all of them at once.

    Every call may raise what those of VectorEnv do.

    Attributes:
        rows: the VectorEnv.
    """

    def __init__(self, track: str | Sequence[str] = 'hairpins', num_envs: int = 1, **arguments: Any) -> None:
        """Asks the server for the spec; leases nothing yet.

        Args:
            track: a name, or several: row i drives `track[i % len(track)]`.
            num_envs: n.
            **arguments: others of VectorEnv, but `autoreset_mode` and `batch_size`.

        Raises:
            ValueError, TypeError: an argument is none of those.
        """
        self.rows = VectorEnv(track, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, batch_size=None, **arguments)
        self._next_options: dict[str, Any] = {}
        super().__init__(num_envs, self.rows.single_observation_space, self.rows.single_action_space)

    def reset(self) -> Floats:
        """Begins new episodes, with the seeds of `seed` and the options of `set_options`. Returns float32 of shape (n, d)."""
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        observations, infos = self.rows.reset(seed=seeds, options=self._next_options)
        self.reset_infos = self._by_row(infos)
        self._reset_seeds()
        self._next_options = {}
        return observations

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """What the next `reset` gets, as that of VectorEnv has it, but without a mask.

        Raises:
            ValueError: a list, or a mask: options are for all rows.
        """
        if isinstance(options, list) or 'reset_mask' in (options or {}):
            raise ValueError('options must be one map for all rows, without reset_mask')
        self._next_options = dict(options or {})

    def step_async(self, actions: npt.ArrayLike) -> None:
        """Sends a step of every row: indices of shape (n,), or float32 of shape (n, components)."""
        self.rows.step_async(actions)

    def step_wait(self) -> tuple[Floats, Floats, Flags, list[Infos]]:
        """What it gave: observations, float32 (n, d); rewards, float32 (n,); whether episodes ended, bool (n,); infos."""
        observations, rewards, terminated, truncated, columns = self.rows.step_wait()
        ended = terminated | truncated
        infos = self._by_row(columns)
        if ended.any():
            final_obs, final_info = columns['final_obs'], columns['final_info']
            names = [name for name in final_info if name[0] != '_']
            for row in np.flatnonzero(ended).tolist():
                self.reset_infos[row] = infos[row]
                infos[row] = {name: final_info[name][row].item() for name in names}
                infos[row]['terminal_observation'] = final_obs[row]
        for info, cut in zip(infos, truncated.tolist(), strict=True):
            info['TimeLimit.truncated'] = cut
        return observations, rewards.astype(np.float32), ended, infos

    def get_images(self) -> Sequence[Any]:
        """What the rows look like, as VectorEnv renders them."""
        frames = self.rows.render()
        return [None] * self.num_envs if frames is None else frames

    def close(self) -> None:
        """Gives the rows back."""
        self.rows.close()

    def get_attr(self, attr_name: str, indices: _Indices = None) -> list[Any]:
        """As VectorEnv's, of these rows."""
        values = self.rows.get_attr(attr_name)
        return [values[row] for row in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: _Indices = None) -> None:
        """Sets an attribute of `rows`.

        Raises:
            AttributeError: it has none of that name.
            ValueError: not for all rows.
        """
        self._check_all(attr_name, indices)
        getattr(self.rows, attr_name)
        setattr(self.rows, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: _Indices = None, **method_kwargs: Any) -> list[Any]:
        """Calls a method of `rows` once; what it returned, for each row.

        Raises:
            ValueError: not for all rows.
        """
        self._check_all(method_name, indices)
        return list(self.rows.call(method_name, *method_args, **method_kwargs))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: _Indices = None) -> list[bool]:
        """False: rows have no wrappers of their own."""
        return [False for _ in self._get_indices(indices)]

    def _check_all(self, name: str, indices: _Indices) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(f'{name} is of all rows at once')

    def _by_row(self, infos: Infos) -> list[Infos]:
        """The columns that every row has, as a map per row."""
        columns: dict[str, Array] = {name: column for name, column in infos.items()
                                     if name[0] != '_' and not name.startswith('final_') and infos[f'_{name}'].all()}
        if not columns:
            return [{} for _ in range(self.num_envs)]
        names = tuple(columns)
        return [dict(zip(names, values, strict=True))
                for values in zip(*(column.tolist() for column in columns.values()), strict=True)]
