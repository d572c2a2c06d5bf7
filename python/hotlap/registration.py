"""The ids under which Gymnasium finds the environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym

from hotlap.env import Env
from hotlap.vector_env import VectorEnv

# By built-in track.
IDS = {
    'banked': 'hotlap/Banked-v0',
    'chicanes': 'hotlap/Chicanes-v0',
    'hairpins': 'hotlap/HairpinRun-v0',
    'hill_climb': 'hotlap/HillClimb-v0',
    'hockolicious': 'hotlap/Hockolicious-v0',
    'ice': 'hotlap/Ice-v0',
    'jump': 'hotlap/Jump-v0',
    'long': 'hotlap/Long-v0',
    'loop': 'hotlap/Loop-v0',
    'map5': 'hotlap/Map5-v0',
    'mixed': 'hotlap/Mixed-v0',
    'oval': 'hotlap/Oval-v0',
    's_curves': 'hotlap/SCurves-v0',
    'short_sprint': 'hotlap/ShortSprint-v0',
}
GENERATED_ID = 'hotlap/Generated-v0'
GAME_ID = 'hotlap/Game-v0'
EVERY_ID = (*IDS.values(), GENERATED_ID, GAME_ID)


def _game_arguments(server: Any, kind: str) -> None:
    if server is None:
        raise ValueError(f'{GAME_ID} drives games behind a server: say which with server=')
    if kind != 'tminterface':
        raise ValueError(f"kind is {kind!r}, {GAME_ID} has 'tminterface'")


def game_env(track: str = 'hockolicious', *, server: Any = None, kind: str = 'tminterface', **arguments: Any) -> Env:
    """A real game behind a server: an Env whose row is one."""
    _game_arguments(server, kind)
    return Env(track, server=server, kind=kind, **arguments)


def game_vector_env(track: str | Sequence[str] = 'hockolicious', num_envs: int = 1, *, server: Any = None,
                    kind: str = 'tminterface', **arguments: Any) -> VectorEnv:
    """Real games behind a server: a VectorEnv whose rows are some."""
    _game_arguments(server, kind)
    return VectorEnv(track, num_envs, server=server, kind=kind, **arguments)


def generated_env(*, track_seed: int = 0, difficulty: float = 0.5, **arguments: Any) -> Env:
    """An Env on the track that the generator makes of a seed and a difficulty in [0, 1]."""
    return Env(f'generated:{track_seed}:{difficulty}', **arguments)


def generated_vector_env(num_envs: int = 1, *, track_seed: int = 0, num_tracks: int = 64, difficulty: float = 0.5,
                         **arguments: Any) -> VectorEnv:
    """A VectorEnv on generated tracks: row i drives that of the seed `track_seed + i % num_tracks`."""
    tracks = [f'generated:{track_seed + row}:{difficulty}' for row in range(min(num_tracks, num_envs))]
    return VectorEnv(tracks, num_envs, **arguments)


def register_all() -> None:
    """Makes the ids known to Gymnasium. None has a limit of steps: the server has its own."""
    for track, name in IDS.items():
        gym.register(name, entry_point='hotlap.env:Env', vector_entry_point='hotlap.vector_env:VectorEnv',
                     kwargs={'track': track}, nondeterministic=False)
    gym.register(GENERATED_ID, entry_point='hotlap.registration:generated_env',
                 vector_entry_point='hotlap.registration:generated_vector_env', nondeterministic=False)
    gym.register(GAME_ID, entry_point='hotlap.registration:game_env',
                 vector_entry_point='hotlap.registration:game_vector_env', nondeterministic=True)
