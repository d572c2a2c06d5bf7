"""Episodes of a policy on tracks, and how it did.

    report = hotlap.evaluate(policy, ['hairpins', 'oval'])
    print(report.table())
    report.write('results')

`docs/evaluation.md` says what is driven, drawn and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from hotlap.errors import HotlapError
from hotlap.evaluation_report import VERSION, Episode, Perturbation, Report, TrackReport
from hotlap.policies import Policy
from hotlap.protocol import Array, EndReason, EnvironmentSpec, Floats, RowStatus
from hotlap.random_stream import RandomStream
from hotlap.server import HasEndpoint
from hotlap.track import Track
from hotlap.vector_env import VectorEnv

# What streams are for, as in `env/random.h`; its values are others.
_EVALUATION, _NOISE = 8, 9
_SEED_DRAW, _IDLE_DRAW = 0, 1
_EVALUATION_SEEDS = 1 << 63  # and above
_ROWS = 64  # at a time, unless there are more tracks
_MOST_IDLE_TICKS = 20
_START_OFFSET = 'start_offset_m'  # of the server's randomisation
_LEAST_OFFSET_M, _MOST_OFFSET_M = 0.001, 4
_OF_THE_CAR = {'mass', 'grip', 'engine_force'}
_PERTURBATIONS = ('none', 'idle_start', 'observation_noise', 'start_offset')
_INFO = ('ticks', 'race_time', 'progress', 'checkpoint', 'valid', 'end_reason', 'episode_return', 'finish_time')
_PART = 'episode_reward.'


def evaluate(policy: Policy, tracks: str | Sequence[str], *, episodes: int = 20, rows: int | None = None, seed: int = 1,
             perturbation: str = 'idle_start', noise: float = 0.005, offset_m: float = 1.0, max_ticks: int | None = None,
             policy_name: str = '', policy_seed: int | None = None, server: str | HasEndpoint | None = None,
             **arguments: Any) -> Report:
    """Lets a policy drive and reports how it did.

    Episodes of a track that would be the same run again are left out: a deterministic policy in an environment that draws
    nothing is one run of each perturbation, and counts once.

    Args:
        policy: from observations, float32 of shape (n, d), to actions, of shape (n,) or (n, components). It is asked about
            all n rows in each step. What it does on one must not depend on the others, else the report depends on `rows`.
        tracks: a name, or several.
        episodes: on each track, at most.
        rows: that drive at a time, one track each all the time, so no fewer than tracks; None: up to 64.
        seed: in [0, 2^64), of the evaluation: from it each episode draws its base seed, of at least 2^63, and its perturbation.
        perturbation: `idle_start`: 0 to 20 ticks without input, in whole steps, before the policy drives; `observation_noise`;
            `start_offset`: the car stands beside the start; `none`.
        noise: standard deviation of `observation_noise`, in units of the scaled column.
        offset_m: of `start_offset`, to either side at most, in [0.001, 4].
        max_ticks: of the game, after which an episode is cut, in whole steps, the last one begun; None: as the
            environment has it.
        policy_name: for the report.
        policy_seed: of a policy that samples its actions, for the report; None: it is deterministic.
        server: as in VectorEnv.
        **arguments: others of VectorEnv, but `num_envs`, `autoreset_mode`, `max_episode_steps`, `info` and `batch_size`.

    Raises:
        ValueError: an argument is none of those above, or actions have a shape or type that is not the space's.
        HotlapError: nothing could be driven. What goes wrong later is an `error` in the report.
    """
    names = (tracks,) if isinstance(tracks, str) else tuple(tracks)
    if not names or len(set(names)) < len(names):
        raise ValueError(f'tracks are {list(names)}, must be one or more, each once')
    for name, value, least in (('episodes', episodes, 1), ('rows', rows, len(names)), ('max_ticks', max_ticks, 1)):
        if value is not None and value < least:
            raise ValueError(f'{name} is {value}, must be at least {least}')
    if not 0 <= seed < 1 << 64:
        raise ValueError(f'seed is {seed}, must be in [0, 2^64)')
    spec = VectorEnv(names, server=server, **arguments).server_spec
    disturbance = _disturbance(perturbation, noise, offset_m, spec)
    if (most_m := disturbance.most_offset_m) is not None:
        arguments['randomisation'] = {**(arguments.get('randomisation') or {}), _START_OFFSET: (-most_m, most_m)}
    starts = _starts(episodes, seed, disturbance, spec, policy_seed is not None)
    max_steps = None if max_ticks is None else -(-max_ticks // spec.ticks_per_step)
    n = min(rows or max(len(names), _ROWS), len(names) * len(starts))
    with closing(VectorEnv(names, n, server=server, autoreset_mode=AutoresetMode.DISABLED, max_episode_steps=max_steps,
                           info=[*_INFO, *(_PART + term for term in spec.reward)], **arguments)) as env:
        evaluation = _Evaluation(env, policy, disturbance, starts)
        attached = env.client.attached
        assert attached is not None
        if len(kinds := {kind for kind, _ in attached.kinds}) > 1:
            raise ValueError(f'kind is any, and rows are of {" and ".join(sorted(kinds))} games: say which')
        # It is that of the server's own car as its settings are. What is drawn beside the car leaves it: noise and a late input
        # make nobody faster, and the car of the bound stands anywhere across the road at the start.
        is_bound = kinds == {'simulated'} and _OF_THE_CAR.isdisjoint(env.server_spec.randomisation)
        bounds_ms = {name: Track.ask(env.client, name).lower_bound_ms if is_bound else None for name in names}
        found = evaluation.drive()
    spec, terms = env.server_spec, tuple(spec.reward)
    return Report(
        version=VERSION, policy=policy_name, environment=attached.environment, kind=kinds.pop(),
        policy_hash=f'{spec.policy_hash:016x}', task_hash=f'{spec.task_hash:016x}', ticks_per_step=spec.ticks_per_step,
        max_ticks=None if max_steps is None else max_steps * spec.ticks_per_step, seed=seed, episodes_per_track=episodes,
        perturbation=disturbance, sampled=policy_seed is not None, policy_seed=policy_seed, reward_terms=terms,
        tracks=tuple(TrackReport.of(name, [one for one in found if one.track == name], terms, bounds_ms[name]) for name in names),
        episodes=tuple(sorted(found, key=lambda one: (names.index(one.track), one.episode))))


@dataclass(frozen=True)
class _Start:
    """What an episode drew, on every track."""

    episode: int
    seed: int
    idle_steps: int


def _disturbance(name: str, noise: float, offset_m: float, spec: EnvironmentSpec) -> Perturbation:
    """The perturbation as it is in this environment: in whole steps."""
    if name not in _PERTURBATIONS:
        raise ValueError(f'perturbation is {name!r}, must be {", ".join(map(repr, _PERTURBATIONS))}')
    if name == 'observation_noise':
        if not 0 < noise <= 1:
            raise ValueError(f'noise is {noise}, must be in (0, 1]')
        return Perturbation(name, deviation=noise)
    if name == 'start_offset':
        if not _LEAST_OFFSET_M <= offset_m <= _MOST_OFFSET_M:
            raise ValueError(f'offset_m is {offset_m}, must be in [{_LEAST_OFFSET_M}, {_MOST_OFFSET_M}]')
        if _START_OFFSET in spec.randomisation:
            raise ValueError(f'start_offset wants an environment that does not draw {_START_OFFSET} itself')
        return Perturbation(name, most_offset_m=float(offset_m))
    if name == 'none':
        return Perturbation(name)
    if spec.ticks_per_step > _MOST_IDLE_TICKS:
        raise ValueError(f'idle_start wants steps of {_MOST_IDLE_TICKS} ticks at most, they have {spec.ticks_per_step}')
    if spec.is_discrete and 'none' not in spec.action:
        raise ValueError(f"idle_start wants the action 'none', there are {', '.join(spec.action)}")
    return Perturbation(name, _MOST_IDLE_TICKS - _MOST_IDLE_TICKS % spec.ticks_per_step)


def _starts(episodes: int, seed: int, disturbance: Perturbation, spec: EnvironmentSpec, sampled: bool) -> list[_Start]:
    """Those of the episodes that are not the same run again."""
    starts: dict[int, _Start] = {}
    most_steps = (disturbance.most_ticks or 0) // spec.ticks_per_step
    all_differ = (sampled or bool(spec.randomisation) or disturbance.deviation is not None
                  or disturbance.most_offset_m is not None)
    for episode in range(episodes):
        own, idle = RandomStream(seed, episode, _EVALUATION).bits((_SEED_DRAW, _IDLE_DRAW)).tolist()
        start = _Start(episode, own | _EVALUATION_SEEDS, idle % (most_steps + 1))
        starts.setdefault(episode if all_differ else start.idle_steps, start)
    return list(starts.values())


@dataclass
class _Run:
    """An episode, as far as it has been driven."""

    track: str
    start: _Start
    noise: RandomStream
    steps: int = 0
    ticks: int = 0
    progress_m: float = 0.0
    checkpoints: int = 0
    invalid_steps: int = 0
    splits_ms: list[int] = field(default_factory=list)

    def advance(self, info: Mapping[str, Any]) -> None:
        """Takes what a step has told."""
        self.steps += 1
        self.ticks += info['ticks']
        self.progress_m, self.checkpoints = info['progress'], info['checkpoint']
        self.invalid_steps += info['valid'] == 0
        passed = self.checkpoints - len(self.splits_ms)
        self.splits_ms += [info['finish_time'] or info['race_time']] * passed

    def ended(self, info: Mapping[str, Any], ticks_per_step: int) -> Episode:
        """What the report says of it; `info` is that of its end."""
        if info['end_reason'] == EndReason.GAME_LOST:
            return self.failed('game_lost', '', ticks_per_step)
        reward = {name.removeprefix(_PART): value for name, value in info.items() if name.startswith(_PART)}
        return self._episode(ticks_per_step, end_reason=EndReason(info['end_reason']).name.lower(), error=None, message='',
                             finish_time_ms=info['finish_time'] or None, episode_return=info['episode_return'], reward=reward)

    def failed(self, error: str, message: str, ticks_per_step: int) -> Episode:
        """What the report says of one that the harness did not bring to its end."""
        return self._episode(ticks_per_step, end_reason=None, error=error, message=message, finish_time_ms=None,
                             episode_return=None, reward=None)

    def _episode(self, ticks_per_step: int, **end: Any) -> Episode:
        return Episode(track=self.track, episode=self.start.episode, seed=f'{self.start.seed:016x}',
                       idle_ticks=self.start.idle_steps * ticks_per_step, ticks=self.ticks, progress_m=self.progress_m,
                       checkpoints=self.checkpoints, splits_ms=tuple(self.splits_ms), invalid_steps=self.invalid_steps, **end)


class _Evaluation:
    """Which row is at which episode. A row that has ended stands still unless its track has another one to drive."""

    def __init__(self, env: VectorEnv, policy: Policy, disturbance: Perturbation, starts: Sequence[_Start]) -> None:
        """Leases the rows, and begins the first episodes."""
        self._env, self._policy = env, policy
        spec = env.server_spec
        self._ticks_per_step = spec.ticks_per_step
        self._neutral = spec.action.index('none') if disturbance.most_ticks is not None and spec.is_discrete else 0
        self._deviation = np.float32(disturbance.deviation or 0)
        # Flags, counts, shares and past actions have no unit.
        self._measured = np.flatnonzero([unit != '1' for unit in spec.observation_unit])
        self._waiting = {track: deque(_Run(track, start, RandomStream(start.seed, 0, _NOISE)) for start in starts)
                         for track in dict.fromkeys(env.tracks)}
        self._driving: dict[int, _Run] = {}  # by row
        self._shown: Floats = np.zeros((env.num_envs, len(spec.observation)), np.float32)
        self._found: list[Episode] = []
        self._begin()

    def drive(self) -> list[Episode]:
        """To the end of all episodes."""
        try:
            while self._driving:
                self._step()
                self._begin()
        except HotlapError as error:
            for run in (*self._driving.values(), *(run for runs in self._waiting.values() for run in runs)):
                self._found.append(run.failed('server_lost', str(error), self._ticks_per_step))
        return self._found

    def _begin(self) -> None:
        """Gives free rows their next episodes."""
        env = self._env
        while True:
            fresh = [row for row, track in enumerate(env.tracks) if row not in self._driving and self._take(row, track)]
            if not fresh:
                return
            mask = np.zeros(env.num_envs, np.bool_)
            mask[fresh] = True
            seeds = [self._driving[row].start.seed if mask[row] else None for row in range(env.num_envs)]
            observations, infos = env.reset(seed=seeds, options={'reset_mask': mask})
            for row in fresh:
                self._see(row, observations[row])
                if infos['end_reason'][row] == EndReason.GAME_LOST:
                    self._found.append(self._driving.pop(row).failed('game_lost', '', self._ticks_per_step))

    def _take(self, row: int, track: str) -> bool:
        if not self._waiting[track]:
            return False
        self._driving[row] = self._waiting[track].popleft()
        return True

    def _step(self) -> None:
        rows = np.array(sorted(self._driving), np.int32)
        batch = self._env.client.step(self._actions()[rows], rows)
        ended = batch.terminated | batch.truncated
        columns = {name: column.tolist() for name, column in batch.info.items()}
        for place, row in enumerate(rows.tolist()):
            run = self._driving[row]
            if batch.status[place] != RowStatus.OK:
                refusal = RowStatus(batch.status[place]).name.lower()
                self._found.append(self._driving.pop(row).failed('row_refused', refusal, self._ticks_per_step))
                continue
            info = {name: values[place] for name, values in columns.items()}
            run.advance(info)
            self._see(row, batch.observations[place])
            if ended[place]:
                self._found.append(self._driving.pop(row).ended(info, self._ticks_per_step))

    def _actions(self) -> Array:
        """Of all rows: those of the policy, but where it has to wait."""
        space = self._env.action_space
        assert space.dtype is not None
        actions = np.array(self._policy(self._shown.copy()))
        if actions.shape != space.shape:
            raise ValueError(f'the policy gave actions of shape {actions.shape}, must be {space.shape}')
        if not np.can_cast(actions.dtype, space.dtype, 'same_kind'):
            raise ValueError(f'the policy gave actions of {actions.dtype}, must be {space.dtype}')
        if actions.dtype.kind in 'iu':
            actions = np.clip(actions, -1, len(self._env.action_names))  # none of them becomes an action by being cut off
        for row, run in self._driving.items():
            if run.steps < run.start.idle_steps:
                actions[row] = self._neutral
        return actions

    def _see(self, row: int, observation: Floats) -> None:
        self._shown[row] = observation
        if self._deviation == 0:
            return
        run, spec, measured = self._driving[row], self._env.server_spec, self._measured
        noise = self._deviation * run.noise.bell(run.ticks * len(observation) + measured)
        self._shown[row, measured] = np.clip(observation[measured] + noise, spec.observation_low[measured],
                                             spec.observation_high[measured])
