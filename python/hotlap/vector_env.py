"""Many rows of one server as a `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.error import AlreadyPendingCallError, ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from hotlap.backoff import Backoff
from hotlap.client import Client
from hotlap.errors import LeaseExpired, RowsRefused, ServerLost, SpecMismatch
from hotlap.protocol import Array, Batch, EnvironmentSpec, Flags, Floats, InfoColumns, RowStatus
from hotlap.renderer import MODES, Renderer
from hotlap.server import HasEndpoint, default_endpoint
from hotlap.settings import TICK_S, Settings
from hotlap.sockets import ClientKeys

Infos = dict[str, Any]
Step = tuple[Floats, npt.NDArray[np.float64], Flags, Flags, Infos]

_AUTORESET = {AutoresetMode.NEXT_STEP: 'next_step', AutoresetMode.SAME_STEP: 'same_step',
              AutoresetMode.DISABLED: 'disabled'}
_OPTIONS = ('reset_mask', 'snapshot', 'starts', 'start_share')
_MOST_PARTS = 16  # of the latest observations that are not put together
_SUCCESSOR_WITHIN_S = 1.0  # ZeroMQ finds one at the same endpoint
_LONG_SEED = 2**63  # base seeds are drawn below it when none is given

_specs: dict[tuple[str, str, str], EnvironmentSpec] = {}  # that this process has asked for, by endpoint, environment, settings


class VectorEnv(gym.vector.VectorEnv[Floats, Array, Array]):
    """n rows of a server: one message steps them all.

    An environment object describes itself when it is made; rows are leased at its first `reset`, for the process that calls
    it. Without a `server` a local one is started, shared by all environments of the process tree, and leaves with it.

    Every call may raise what `Client` raises: ServerLost, TimedOut, LeaseExpired, ServerFull and so on.

    Infos are arrays of shape (n,) by column name, each with a mask of the rows that have it under `_` and its name. Columns that
    are known at the end of an episode alone (`episode_length`, `finish_time`, ...) are there when one has ended. In autoreset
    mode `SAME_STEP` `final_obs` (an object array: an observation, or None) and `final_info` (a map of such columns) are those of
    the episodes that ended.

    Attributes:
        num_envs: n.
        single_observation_space: Box, float32 of shape (d,), with the bounds of the server's spec.
        single_action_space: Discrete (keys), or Box in [-1, 1] (steer, gas).
        observation_names, action_names: of the d columns; of the actions, or of the components of one.
        server_spec: units, scales, reward weights, rules and the rest.
        tracks: the track of each row.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 as in Gymnasium
        'render_modes': list(MODES), 'render_fps': 20, 'autoreset_mode': AutoresetMode.NEXT_STEP}
    # Attributes that rows have each for themselves.
    _of_rows: ClassVar[Mapping[str, str]] = {'track': 'tracks'}
    _client: Client | None = None
    _renderer: Renderer | None = None
    _pid = 0  # of the process that has leased

    def __init__(self, track: str | Sequence[str] = 'hairpins', num_envs: int = 1, *, server: str | HasEndpoint | None = None,
                 environment: str | None = None, action: str | None = None,
                 observation: str | Sequence[str | Mapping[str, Any]] | None = None,
                 reward: Mapping[str, float] | None = None, randomisation: Mapping[str, Sequence[float]] | None = None,
                 ticks_per_step: int | None = None, max_episode_steps: int | None = None,
                 autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
                 kind: str = 'any', info: Sequence[str] = (), keep_every_m: float | None = None, half: bool = False,
                 batch_size: int | None = None, copy: bool = True, timeout_s: float = 60.0, wait_s: float = 0.0,
                 keys: ClientKeys | None = None, reconnect: Backoff | None = None, nick: str = '',
                 render_mode: str | None = None) -> None:
        """Asks the server for the spec; leases nothing yet.

        Args:
            track: a name, or several: row i drives `track[i % len(track)]`.
            num_envs: n.
            server: an endpoint; a Server that runs, or another that has an `endpoint`; None: the process tree's own.
            environment: of the server, by name; None: `default`.
            action: `keys` or `continuous`; None: as the environment has it.
            observation: a list of terms, each a name or a map as in `configs/environments/default.yaml`; or the name of an
                environment whose observation it is (then that is the environment); None: as the environment has it.
            reward: weights by term, instead of the environment's.
            randomisation: what each episode draws, [low, high] by parameter, instead of the environment's: `mass`, `grip`,
                `engine_force`, `input_delay_ticks` (10 ms), `observation_noise`, `start_offset_m` (to the left).
            ticks_per_step: game ticks of 10 ms that one action holds.
            max_episode_steps: the server truncates episodes after so many.
            autoreset_mode: as in Gymnasium.
            kind: of games: `simulated`, `tminterface` or `any`.
            info: columns by name; empty: the default ones.
            keep_every_m: rows keep states to begin at, see `reset`.
            half: observations travel as halves, in half the bytes.
            batch_size: `recv` gives so many rows as soon as they are done, whichever they are; None: it gives what was sent,
                in the order in which it was.
            copy: True: arrays are fresh at every call, and the caller's. False: observations, rewards and flags are written
                into the same arrays each time, so that they stay where they are in memory.
            timeout_s: of every call.
            wait_s: for how long `reset` waits for games that are lent to others.
            keys: for a server that asks for them.
            reconnect: reach a lost server again; None: raise ServerLost.
            nick: for others to see.
            render_mode: what `render` gives: `rgb_array`, `track`, `ansi`, or None, nothing; `human`: each reset and step shows
                row 0 in a window. All but `ansi` want Pillow, `human` pygame too.

        Raises:
            ValueError: an argument is none of those above.
            DependencyNotInstalled: the render mode wants Pillow or pygame.
        """
        super().__init__()
        if render_mode not in (None, *MODES):
            raise ValueError(f'render_mode is {render_mode!r}, must be {", ".join(map(repr, MODES))} or None')
        if num_envs < 1:
            raise ValueError(f'num_envs is {num_envs}, must be at least 1')
        if isinstance(observation, str):
            if environment not in (None, observation):
                raise ValueError(f'environment is {environment!r}, but observation names {observation!r}')
            environment, observation = observation, None
        tracks = (track,) if isinstance(track, str) else tuple(track)
        if not tracks:
            raise ValueError('track names none')
        self.num_envs = num_envs
        self.tracks = tuple(tracks[row % len(tracks)] for row in range(num_envs))
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, 'autoreset_mode': self.autoreset_mode}
        self.render_mode = render_mode
        self._track_names, self._server, self._keys, self._nick = tracks, server, keys, nick
        self._timeout_s, self._reconnect = timeout_s, reconnect
        self._environment = environment or 'default'
        settings = Settings(self._environment, action, observation, reward, ticks_per_step, max_episode_steps,
                            randomisation)
        if max_episode_steps is not None and ticks_per_step is None:
            ticks_per_step = self._describe('').ticks_per_step
        self._settings = settings.text(ticks_per_step or 0)
        self.server_spec = self._describe(self._settings)
        self._attach_options: dict[str, Any] = {
            'kind': kind, 'autoreset': _AUTORESET[self.autoreset_mode], 'info': info, 'keep_every_m': keep_every_m,
            'observations': 'f16' if half else 'f32', 'wait_s': wait_s, 'policy_hash': self.server_spec.policy_hash}
        self._batch_size, self._copy = batch_size, copy
        self._is_same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._is_disabled = self.autoreset_mode == AutoresetMode.DISABLED

        spec = self.server_spec
        self.metadata['render_fps'] = 1 / (spec.ticks_per_step * TICK_S)
        if render_mode is not None:
            self._renderer = Renderer(render_mode, self.tracks, self.metadata['render_fps'])
        self.observation_names, self.action_names = spec.observation, spec.action
        self.single_observation_space = gym.spaces.Box(spec.observation_low, spec.observation_high, dtype=np.float32)
        self.single_action_space = (gym.spaces.Discrete(len(spec.action)) if spec.is_discrete else
                                    gym.spaces.Box(spec.action_low, spec.action_high, dtype=np.float32))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all_rows = np.ones(num_envs, np.bool_)
        self._all_rows.flags.writeable = False

        self._ended = np.ones(num_envs, np.bool_)  # rows that must be reset before they are stepped; disabled mode alone
        # The latest observations, for masked resets: of all rows, and what came later of some, in the order in which it did.
        self._shown: Floats = np.zeros((num_envs, len(spec.observation)), np.float32)
        self._shown_parts: dict[bytes, tuple[npt.NDArray[np.int32], Floats]] = {}
        self._reused = (self._shown.copy(), np.zeros(num_envs), np.zeros(num_envs, np.bool_), np.zeros(num_envs, np.bool_))

    # Gymnasium's calls

    def reset(self, *, seed: int | Sequence[int | None] | None = None,
              options: dict[str, Any] | None = None) -> tuple[Floats, Infos]:
        """Begins new episodes; leases the rows at the first time, and again when the session is gone (LeaseExpired), or the
        server is (ServerLost) and `server` has another in its place.

        Args:
            seed: s gives row i the base seed s + i, a list gives each row its own. Every episode of a row draws from its base
                seed and the episode's number. None: each row goes on with its next episode; at first base seeds are random.
            options:
                `reset_mask`: bool array of shape (n,), the rows that are reset; the others stay as they are.
                `snapshot`: id of a saved state, or uint64 array of shape (n,), where the episodes begin; 0: at the start.
                `starts`: where episodes begin from now on, those of autoresets too: `start`, or a kept state from
                    `checkpoints`, `line` or `failures` (wants `keep_every_m`).
                `start_share`: in [0, 1], the part of them that begins at the start all the same.

        Returns:
            Observations, float32 of shape (n, d), and infos. In modes other than DISABLED those of rows that a mask leaves
            alone are taken from the array that the latest call returned.

        Raises:
            RowsRefused: a saved state does not fit its row.
        """
        options = options or {}
        if unknown := [name for name in options if name not in _OPTIONS]:
            raise ValueError(f'options has {unknown[0]!r}, allowed are {", ".join(_OPTIONS)}')
        mask = self._mask(options.get('reset_mask'))
        snapshots = None if options.get('snapshot') is None else self._snapshots(options['snapshot'])
        client = self._living_client()
        if client is not None and self._is_gone(client):
            client.close()
            client = None
        is_first = client is None
        if client is None:
            client = self._lease()
        batch = client.reset(mask=mask, snapshots=snapshots, seeds=self._seeds(seed, is_first), starts=options.get('starts'),
                             start_share=options.get('start_share'))
        return self._begun(batch)

    def step(self, actions: npt.ArrayLike) -> Step:
        """One step of every row.

        Args:
            actions: indices of shape (n,), or float32 of shape (n, components).

        Returns:
            Observations, float32 (n, d); rewards, float64 (n,); terminated and truncated, bool (n,); infos.

        Raises:
            ResetNeeded: before the first reset; in mode DISABLED also when a row has ended. Nothing is sent then.
            AlreadyPendingCallError: an earlier step was sent and not received, or has timed out. Nothing is sent then.
            RowsRefused: an action is not in the space; the other rows have stepped, and its `result` has what they gave.
        """
        client = self._client
        if client is None or self._pid != os.getpid():
            raise ResetNeeded('reset before the first step')
        if self._is_disabled:
            self._check_rows_live(None)
        if client.num_in_flight > 0:
            raise AlreadyPendingCallError('a step that was sent was not received: step_wait or recv gives it', 'step')
        return self._result(client.step(actions))

    def step_async(self, actions: npt.ArrayLike) -> None:
        """Sends a step of every row; `step_wait` gives what it gave."""
        client = self._stepping(None)
        client.send_step(actions)

    def step_wait(self) -> Step:
        """What the oldest step that was sent gave."""
        return self._result(self._leased_client().receive_step())

    def send(self, actions: npt.ArrayLike, rows: npt.ArrayLike | None = None) -> None:
        """Sends a step of some rows, or of all, and does not wait.

        Halves of neighbours are best: `send(a, rows=first_half)`, `send(b, rows=second_half)`, then `recv()` and `send` in turns.

        Args:
            actions: as for `step`, one per row that steps.
            rows: int of shape (m,), each once; None: all.

        Raises:
            Busy: as many steps as the server takes were sent and not received.
        """
        client = self._stepping(rows)
        if self._batch_size is None:
            client.send_step(actions, rows)
        else:
            client.send(actions, rows)

    def recv(self) -> Step:
        """What rows that were sent gave, as `step` has it but of shape (m, ...); `infos['row']` says which rows.

        Without a `batch_size` these are the rows of the oldest `send` that was not received; with it, the first so many that
        are done.
        """
        client = self._leased_client()
        return self._result(client.receive_step() if self._batch_size is None else client.recv(self._batch_size))

    def render(self) -> tuple[Any, ...] | None:
        """What each row looks like now, as the render mode has it; None without one. Leaves episodes as they are.

        `rgb_array`: a picture, uint8 of shape (480, 640, 3): the car from above and the road around it.
        `track`: a picture of the whole track and of the line driven in this episode, coloured by speed; as long as an episode
            has just begun, that of the one before. The server is asked where the cars are after every step, so steps are slower.
        `ansi`: a line of text.
        `human`: None; shows row 0 in the window, as each reset and step does by itself while no other is in flight.

        Raises:
            ResetNeeded: before the first reset.
            AlreadyPendingCallError: steps were sent and not received.
        """
        if self._renderer is None:
            gym.logger.warn('render gives nothing without a render_mode')
            return None
        client = self._leased_client()
        if client.num_in_flight > 0:
            raise AlreadyPendingCallError('render when all steps that were sent are received', 'render')
        return self._renderer.frames(client)

    def close_extras(self, **kwargs: Any) -> None:
        """Gives the rows back, and closes the window."""
        if self._client is not None and self._pid == os.getpid():
            self._client.close()
        self._client = None
        if self._renderer is not None:
            self._renderer.close()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """A method of this object, or an attribute as `get_attr` has it, once per row: rows are no objects of their own."""
        found = None if name in self._of_rows else getattr(self, name)
        return (found(*args, **kwargs),) * self.num_envs if callable(found) else self.get_attr(name)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """`track` of each row; another attribute of this object as often as there are rows."""
        if name in self._of_rows:
            return cast(tuple[Any, ...], getattr(self, self._of_rows[name]))
        return (getattr(self, name),) * self.num_envs

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute of this object, to one value: rows have none of their own.

        Raises:
            AttributeError: it has none of that name.
            ValueError: a list or tuple with different values.
        """
        getattr(self, name)
        if isinstance(values, list | tuple):
            if len(values) != self.num_envs or any(value != values[0] for value in values):
                raise ValueError(f'{name}: all rows must get one value')
            values = values[0]
        setattr(self, name, values)

    # Saved states

    def save(self, mask: npt.ArrayLike | None = None) -> npt.NDArray[np.uint64]:
        """Saves the rows (mask: bool of shape (n,); None: all). Returns ids of shape (n,), 0 where nothing was saved."""
        return self._leased_client().save(None if mask is None else self._mask(mask))

    def restore(self, snapshots: npt.ArrayLike) -> tuple[Floats, Infos]:
        """Continues saved episodes, bit for bit.

        Args:
            snapshots: an id for all rows, or ids of shape (n,), 0 leaves the row alone.

        Raises:
            RowsRefused: a state does not fit its row.
            InvalidId: it is gone.
        """
        return self._begun(self._leased_client().restore(self._snapshots(snapshots)))

    def branch(self, row: int, mask: npt.ArrayLike | None = None) -> tuple[Floats, Infos]:
        """Gives rows (mask: bool of shape (n,); None: all) the state of one row, which stays as it is."""
        return self._begun(self._leased_client().branch(row, None if mask is None else self._mask(mask)))

    def export_snapshot(self, snapshots: npt.ArrayLike) -> list[bytes]:
        """Saved states as bytes, for a file or another server; of an id or ids of shape (m,)."""
        return self._leased_client().export(snapshots)

    def import_snapshot(self, states: Sequence[bytes]) -> npt.NDArray[np.uint64]:
        """Stores exported states. Returns their ids, of shape (m,).

        Raises:
            BadArgument: one is damaged or fits no row.
        """
        return self._leased_client().import_(states)

    def drop(self, snapshots: npt.ArrayLike) -> None:
        """Frees saved states."""
        self._leased_client().drop(snapshots)

    # What is behind them

    @property
    def client(self) -> Client:
        """The session that has the rows.

        Raises:
            ResetNeeded: before the first reset.
        """
        return self._leased_client()

    def _endpoint(self) -> str:
        if self._server is None:
            return default_endpoint()
        if isinstance(self._server, str):
            return self._server
        if not (endpoint := self._server.endpoint):
            raise ValueError('server was not started: use it in a with block')
        return endpoint

    def _is_gone(self, client: Client) -> bool:
        """Whether its rows are nobody's any more. Where its server is lost this starts or finds a successor."""
        if client.session_is_lost:
            return True
        if not client.server_is_lost:
            return False
        if client.endpoint != self._endpoint():
            return True
        deadline = time.monotonic() + _SUCCESSOR_WITHIN_S
        while True:
            try:
                client.ping()
                return False
            except LeaseExpired:
                return True
            except ServerLost:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _connect(self) -> Client:
        return Client(self._endpoint(), timeout_s=self._timeout_s, keys=self._keys, nick=self._nick, reconnect=self._reconnect)

    def _describe(self, settings: str) -> EnvironmentSpec:
        key = (self._endpoint(), self._environment, settings)
        if key not in _specs:
            with self._connect() as client:
                _specs[key] = client.describe(self._environment, settings)
        return _specs[key]

    def _living_client(self) -> Client | None:
        """The session of this process; that of a process from which this one was forked is not ours."""
        return self._client if self._pid == os.getpid() else None

    def _leased_client(self) -> Client:
        client = self._living_client()
        if client is None:
            raise ResetNeeded('reset first: it leases the rows')
        return client

    def _lease(self) -> Client:
        client = self._connect()
        try:
            client.attach(self._environment, self.num_envs, self._track_names, settings=self._settings, **self._attach_options)
        except BaseException as error:
            if isinstance(error, SpecMismatch):
                _specs.clear()  # the server is another one by now
            client.close()
            raise
        assert client.attached is not None
        at_end = dict(zip(self.server_spec.info, self.server_spec.info_only_at_end, strict=True))
        columns = [(name, f'_{name}', place, is_float) for place, (name, is_float)
                   in enumerate(zip(client.attached.info, client.attached.info_is_float, strict=True))]
        self._columns = tuple(column for column in columns if not at_end[column[0]])
        self._columns_at_end = tuple(column for column in columns if at_end[column[0]])
        self._client, self._pid = client, os.getpid()
        self._ended[:] = True
        return client

    def _stepping(self, rows: npt.ArrayLike | None) -> Client:
        client = self._leased_client()
        if self._is_disabled:
            self._check_rows_live(rows)
        return client

    def _check_rows_live(self, rows: npt.ArrayLike | None) -> None:
        ended = self._ended if rows is None else self._ended[np.asarray(rows)]
        if ended.any():
            found = np.flatnonzero(ended) if rows is None else np.asarray(rows)[ended]
            raise ResetNeeded(f'rows {found.tolist()} have ended: reset them by a mask')

    def _mask(self, mask: Any) -> Flags | None:
        if mask is None:
            return None
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f'the mask must be an array of bool, is {mask!r}')
        if mask.shape != (self.num_envs,):
            raise ValueError(f'the mask has shape {mask.shape}, must have ({self.num_envs},)')
        if not mask.any():
            raise ValueError('the mask has no row')
        return mask

    def _snapshots(self, ids: npt.ArrayLike) -> npt.NDArray[np.uint64]:
        return np.broadcast_to(np.asarray(ids, np.uint64), (self.num_envs,))

    def _seeds(self, seed: int | Sequence[int | None] | None, is_first: bool) -> npt.NDArray[np.uint64] | None:
        if isinstance(seed, int | np.integer):
            if seed < 0:
                raise ValueError(f'seed is {seed}, must not be negative')
            super().reset(seed=int(seed))
            return np.arange(self.num_envs, dtype=np.uint64) + np.uint64(seed)
        if seed is None and not is_first:
            return None
        drawn = self.np_random.integers(_LONG_SEED, size=self.num_envs, dtype=np.uint64)
        if seed is None:
            return drawn
        if len(seed) != self.num_envs:
            raise ValueError(f'there are {len(seed)} seeds, must be {self.num_envs}')
        if any(given is not None and given < 0 for given in seed):
            raise ValueError(f'seeds are {list(seed)}, must not be negative')
        return np.array([own if given is None else given for given, own in zip(seed, drawn, strict=True)], np.uint64)

    def _check(self, batch: Batch, result: tuple[Any, ...]) -> None:
        bad = np.flatnonzero((batch.status != RowStatus.OK) & (batch.status != RowStatus.SKIPPED))
        if len(bad) == 0:
            return
        rows = bad if batch.rows is None else batch.rows[bad]
        named = ', '.join(f'{row} {RowStatus(batch.status[place]).name.lower()}'
                          for row, place in zip(rows[:8].tolist(), bad[:8].tolist(), strict=True))
        raise RowsRefused(batch.status.tolist(), f'{len(bad)} rows were refused: {named}{", ..." if len(bad) > 8 else ""}',
                          result)

    def _begun(self, batch: Batch) -> tuple[Floats, Infos]:
        """What a reset, restore or branch gave: rows that it left alone are as they were."""
        self._observe()
        done = batch.status == RowStatus.OK
        self._ended[done] = False
        observations = batch.observations
        if not done.all():
            observations[~done] = self._latest()[~done]
        infos = self._infos(batch.info, done, None)
        self._remember(observations, None)
        if not self._copy:
            np.copyto(self._reused[0], observations)
            observations = self._reused[0]
        self._check(batch, (observations, infos))
        return observations, infos

    def _result(self, batch: Batch) -> Step:
        rows = batch.rows
        done = self._all_rows if rows is None else self._all_rows[:len(rows)]
        if batch.is_plain or not batch.status.any():
            return self._stepped(batch, done)
        done = batch.status == RowStatus.OK
        batch.observations[~done] = (self._latest() if rows is None else self._latest()[rows])[~done]
        result = self._stepped(batch, done)
        self._check(batch, result)
        return result

    def _stepped(self, batch: Batch, done: Flags) -> Step:
        observations, terminated, truncated, rows = batch.observations, batch.terminated, batch.truncated, batch.rows
        self._observe()
        if batch.is_plain:
            infos = self._infos(batch.info, done, None)
        else:
            ended = terminated | truncated
            if self._is_disabled:
                self._ended[slice(None) if rows is None else rows] |= ended  # one that was refused stays as it was
            infos = self._infos(batch.info, done, None if self._is_same_step or not ended.any() else ended)
            if self._is_same_step and ended.any():
                self._add_finals(infos, batch, ended)
        if rows is not None:
            infos['row'], infos['_row'] = rows, self._all_rows[:len(rows)]
        self._remember(observations, rows)
        rewards = batch.rewards.astype(np.float64)
        if self._copy:
            return observations, rewards, terminated, truncated, infos
        fresh: tuple[Array, ...] = (observations, rewards, terminated, truncated)
        kept: tuple[Array, ...] = self._reused if rows is None else tuple(array[:len(rewards)] for array in self._reused)
        for array, values in zip(kept, fresh, strict=True):
            np.copyto(array, values)
        return cast(Step, (*kept, infos))

    def _observe(self) -> None:
        if self._renderer is not None and self._client is not None and self._client.num_in_flight == 0:
            self._renderer.observe(self._client)

    def _remember(self, observations: Floats, rows: npt.NDArray[np.int32] | None) -> None:
        """For a masked reset, whose other rows are shown as they were; it is put together then, for that is not usual."""
        if self._is_disabled:
            observations = observations.copy()  # there it is, and the caller may write to its own
        if rows is None:
            self._shown = observations
            self._shown_parts.clear()
            return
        key = rows.tobytes()
        self._shown_parts.pop(key, None)
        self._shown_parts[key] = rows, observations
        if len(self._shown_parts) > _MOST_PARTS:
            self._latest()

    def _latest(self) -> Floats:
        """The latest observations of all rows."""
        if self._shown_parts:
            self._shown = self._shown.copy()
            for rows, observations in self._shown_parts.values():
                self._shown[rows] = observations
            self._shown_parts.clear()
        return self._shown

    def _infos(self, info: InfoColumns, done: Flags, ended: Flags | None) -> Infos:
        """Columns and their masks: the rows that have them, and those that have the ones known at an end alone, if any do."""
        infos: Infos = {}
        ints, floats = info.ints, info.floats
        for name, mask_name, place, is_float in self._columns:
            infos[name] = floats[place] if is_float else ints[place]
            infos[mask_name] = done
        if ended is not None:
            for name, mask_name, place, is_float in self._columns_at_end:
                infos[name] = floats[place] if is_float else ints[place]
                infos[mask_name] = ended
        return infos

    def _add_finals(self, infos: Infos, batch: Batch, mask: Flags) -> None:
        assert batch.final_observations is not None
        assert batch.final_info is not None
        m = len(mask)
        places = np.flatnonzero(mask)
        final_obs = np.full(m, None, object)
        for place, observation in zip(places.tolist(), batch.final_observations, strict=True):
            final_obs[place] = observation
        final_info: Infos = {}
        for name, column in batch.final_info.items():
            final_info[name] = np.zeros(m, column.dtype)
            final_info[name][places] = column
            final_info[f'_{name}'] = mask
        infos |= {'final_obs': final_obs, '_final_obs': mask, 'final_info': final_info, '_final_info': mask}
