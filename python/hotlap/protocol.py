"""The wire's words as Python types: `docs/protocol.md` is the normative text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import msgpack
import numpy as np
import numpy.typing as npt

from hotlap.errors import BadReply

VERSION = 1
_LINE = 64  # each array of a batch begins at a multiple of so many bytes

# Refusals after which the request's id is still free.
NOT_COUNTED = frozenset((-3, -21, -60, -61, -62, -66, -70, -71))
# Operations whose reply is a batch.
GIVES_BATCH = frozenset(('reset', 'step', 'recv', 'restore', 'branch'))

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class RowStatus(IntEnum):
    """Whether a row did what it was asked; its part of a batch is zero when it did not."""

    OK = 0
    NOT_RESET = 1
    BAD_ACTION = 2
    BAD_SNAPSHOT = 3
    SKIPPED = 4
    UNDER_WAY = 5


class EndReason(IntEnum):
    """What ended an episode: the info column `end_reason`."""

    NONE = 0
    FINISH = 1
    NO_PROGRESS = 2
    OFF_ROAD = 3
    FALL = 4
    ROOF = 5
    TIME_LIMIT = 6
    GAME_LOST = 7


def decode(frame: Any) -> dict[str, Any]:
    """A header frame as a map.

    Raises:
        BadReply: the frame holds none.
    """
    try:
        header = msgpack.unpackb(frame)
    except Exception as error:
        raise BadReply(f'its header cannot be read: {error}') from error
    if not isinstance(header, dict):
        raise BadReply('its header is no map')
    return header


def encode(header: Mapping[str, Any]) -> bytes:
    """A map as a header frame."""
    frame: bytes = msgpack.packb(header)
    return frame


def _field(reply: Mapping[str, Any], name: str) -> Any:
    try:
        return reply[name]
    except KeyError:
        raise BadReply(f"field '{name}' is missing") from None


@dataclass(frozen=True)
class Hello:
    """What a server tells of itself and of the session.

    Attributes:
        session: public id of the session.
        capabilities: what the server can beside the least.
        session_timeout_ms: without a message, then the session is silent.
        message_timeout_ms: without a reply, then a request is sent again.
        lease_grace_ms: for which the rows of a silent session are kept.
        last_id: the latest request that the session has counted.
        window: requests that may be in flight.
        max_rows: of one session.
        max_transfer_bytes: of the states of one export or import.
        environments: names; `policy_hashes` and `task_hashes` are theirs.
        tracks: names.
        warning: empty when there is none.
        attached: the rows that the session has already.
    """

    token: bytes = field(repr=False)
    session: str
    capabilities: tuple[str, ...]
    session_timeout_ms: int
    message_timeout_ms: int
    lease_grace_ms: int
    last_id: int
    window: int
    max_rows: int
    max_transfer_bytes: int
    environments: tuple[str, ...]
    policy_hashes: tuple[int, ...]
    task_hashes: tuple[int, ...]
    tracks: tuple[str, ...]
    warning: str
    attached: Attachment | None

    @staticmethod
    def of(reply: Mapping[str, Any]) -> Hello:
        """Reads the reply to a `hello`; raises BadReply."""

        def get(name: str) -> Any:
            return _field(reply, name)

        return Hello(
            token=get('token'), session=get('session'), capabilities=tuple(get('capabilities')),
            session_timeout_ms=get('session_timeout_ms'), message_timeout_ms=get('message_timeout_ms'),
            lease_grace_ms=get('lease_grace_ms'), last_id=get('last_id'), window=get('window'), max_rows=get('max_rows'),
            max_transfer_bytes=get('max_transfer_bytes'), environments=tuple(get('environments')),
            policy_hashes=tuple(get('policy_hashes')), task_hashes=tuple(get('task_hashes')), tracks=tuple(get('tracks')),
            warning=reply.get('warning', ''), attached=Attachment.of(reply) if 'rows' in reply else None)


@dataclass(frozen=True)
class EnvironmentSpec:
    """What an environment shows, takes and pays.

    Attributes:
        ticks_per_step: game ticks of 10 ms in one step.
        policy_hash: of observation, action and ticks per step.
        task_hash: of reward, rules and randomisation.
        observation: names of the d columns; value = clip(physical * scale, low, high).
        observation_unit, observation_scale: of the physical value.
        observation_low, observation_high: bounds, float32 of shape (d,).
        is_discrete: actions are indices; else vectors of floats.
        action: a name per action, or per component of a continuous one.
        action_low, action_high: bounds per component, float32; empty when discrete.
        info: every info column that can be chosen, and whether it is a float, its unit, and whether it is zero while the
            episode runs.
        reward: terms and their weights.
        rules: episode rules, and whether they terminate (else they truncate).
        randomisation: what each episode draws, and its range.
    """

    ticks_per_step: int
    policy_hash: int
    task_hash: int
    observation: tuple[str, ...]
    observation_unit: tuple[str, ...]
    observation_scale: tuple[float, ...]
    observation_low: Floats
    observation_high: Floats
    is_discrete: bool
    action: tuple[str, ...]
    action_low: Floats
    action_high: Floats
    info: tuple[str, ...]
    info_is_float: tuple[bool, ...]
    info_unit: tuple[str, ...]
    info_only_at_end: tuple[bool, ...]
    reward: Mapping[str, float]
    rules: Mapping[str, bool]
    randomisation: Mapping[str, tuple[float, float]]

    @staticmethod
    def of(reply: Mapping[str, Any]) -> EnvironmentSpec:
        """Reads the reply to a `spec`; raises BadReply."""

        def get(name: str) -> Any:
            return _field(reply, name)

        is_discrete = get('action_kind') == 0
        spec = EnvironmentSpec(
            ticks_per_step=get('ticks_per_step'), policy_hash=get('policy_hash'), task_hash=get('task_hash'),
            observation=tuple(get('observation')), observation_unit=tuple(get('observation_unit')),
            observation_scale=tuple(get('observation_scale')),
            observation_low=np.array(get('observation_low'), np.float32),
            observation_high=np.array(get('observation_high'), np.float32),
            is_discrete=is_discrete, action=tuple(get('action')),
            action_low=np.array([] if is_discrete else get('action_low'), np.float32),
            action_high=np.array([] if is_discrete else get('action_high'), np.float32),
            info=tuple(get('info')), info_is_float=tuple(kind == 1 for kind in get('info_type')),
            info_unit=tuple(get('info_unit')), info_only_at_end=tuple(end == 1 for end in get('info_only_at_end')),
            reward=dict(zip(get('reward'), get('reward_weight'), strict=True)),
            rules=dict(zip(get('rules'), (flag == 1 for flag in get('rules_terminate')), strict=True)),
            randomisation=dict(zip(get('randomisation'), zip(get('randomisation_low'), get('randomisation_high'),
                                                             strict=True), strict=True)))
        if not len(spec.observation) == len(spec.observation_low) == len(spec.observation_high):
            raise BadReply("the lists of 'observation' have other lengths")
        return spec


@dataclass(frozen=True)
class Attachment:
    """The rows that a session leases.

    Attributes:
        environment: its name.
        settings: what holds in place of what the environment says, as it was asked for.
        rows: n, how many.
        autoreset: `next_step`, `same_step` or `disabled`.
        observations: `f32` or `f16`, as they are sent.
        observation_size: d columns.
        info: the chosen columns; `info_is_float` says which are float32, the others are int32.
        kinds: rows by kind of game, as runs in row order.
        warning: empty when there is none.
    """

    environment: str
    settings: str
    rows: int
    autoreset: str
    observations: str
    observation_size: int
    info: tuple[str, ...]
    info_is_float: tuple[bool, ...]
    policy_hash: int
    task_hash: int
    kinds: tuple[tuple[str, int], ...]
    warning: str

    @staticmethod
    def of(reply: Mapping[str, Any]) -> Attachment:
        """Reads what an `attach` is told, or a `hello` of a session with rows; raises BadReply."""

        def get(name: str) -> Any:
            return _field(reply, name)

        return Attachment(
            environment=get('environment'), settings=reply.get('settings', ''), rows=get('rows'), autoreset=get('autoreset'),
            observations=get('observations'), observation_size=get('observation_size'), info=tuple(get('info')),
            info_is_float=tuple(kind == 1 for kind in get('info_types')), policy_hash=get('policy_hash'),
            task_hash=get('task_hash'), kinds=tuple(zip(get('kinds'), get('kind_rows'), strict=True)),
            warning=reply.get('warning', ''))


class InfoColumns(Mapping[str, Array]):
    """Columns of shape (m,) by name, int32 or float32: parts of one frame, made when they are asked for.

    Attributes:
        ints, floats: all of them, of shape (c, m), as either type.
    """

    __slots__ = ('_columns', 'floats', 'ints')

    def __init__(self, columns: Mapping[str, tuple[int, bool]], ints: Array) -> None:
        """Of int32 (c, m): column by name is the row that its pair tells, of floats where that says so."""
        self._columns, self.ints, self.floats = columns, ints, ints.view(np.float32)

    def __getitem__(self, name: str) -> Array:
        place, is_float = self._columns[name]
        column: Array = (self.floats if is_float else self.ints)[place]
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Batch(NamedTuple):
    """What m rows gave.

    The arrays are fresh: nobody else reads or writes them. They are parts of one message: who keeps one keeps its memory whole.

    Attributes:
        observations: float32 (m, d), in the bounds of the spec.
        rewards: float32 (m,).
        terminated: bool (m,), the task ended.
        truncated: bool (m,), it was cut; never both.
        status: uint8 (m,), see RowStatus.
        info: a column of shape (m,) by name, int32 or float32.
        is_plain: no episode ended and every status is OK.
        rows: int32 (m,), the rows in their order; None: all.
        final_rows: int32 (k,), the rows whose episode ended in this step; same_step alone, else None, and so are the
            next two.
        final_observations: float32 (k, d), the last of these episodes.
        final_info: a column of shape (k,) by name.
    """

    observations: Floats
    rewards: Floats
    terminated: Flags
    truncated: Flags
    status: npt.NDArray[np.uint8]
    info: InfoColumns
    is_plain: bool
    rows: npt.NDArray[np.int32] | None = None
    final_rows: npt.NDArray[np.int32] | None = None
    final_observations: Floats | None = None
    final_info: InfoColumns | None = None


def array(frame: Any, dtype: Any, name: str, *shape: int) -> Array:
    """A received frame as an array of that shape, in place when its memory is aligned.

    Raises:
        BadReply: the frame has another size.
    """
    try:
        found = np.frombuffer(frame, dtype).reshape(shape)
    except ValueError:
        raise BadReply(f"array '{name}' has {len(frame)} bytes, must be {np.dtype(dtype)} of shape {shape}") from None
    return found if found.flags.aligned else found.copy()


class _Places(NamedTuple):
    """Where the arrays of a batch of m rows begin in its frame, in bytes, and how long that is."""

    rewards: int
    terminated: int
    truncated: int
    status: int
    info: int
    size: int


def _in_lines(size: int) -> int:
    return (size + _LINE - 1) // _LINE * _LINE


def _frame(frame: Any, size: int, name: str) -> Any:
    """A received frame of that size, whose memory is aligned for what it holds."""
    if len(frame) != size:
        raise BadReply(f"array '{name}' has {len(frame)} bytes, must have {size}")
    return frame if size == 0 or np.ndarray((), np.int32, frame).flags.aligned else bytearray(frame)


class BatchReader:
    """Turns the frames behind a reply's header into a Batch."""

    def __init__(self, attached: Attachment) -> None:
        self._n = attached.rows
        self._d = attached.observation_size
        self._columns = {name: (place, is_float) for place, (name, is_float)
                         in enumerate(zip(attached.info, attached.info_is_float, strict=True))}
        self._has_finals = attached.autoreset == 'same_step'
        self._is_half = attached.observations == 'f16'
        self._places: dict[int, _Places] = {}  # by m; a learner has a few

    def read(self, frames: Sequence[Any], rows: npt.NDArray[np.int32] | None, op: str) -> Batch:
        """The reply to an operation on these rows (None: on all); that to `recv` names them itself."""
        first = 0
        if op == 'recv':
            if not frames:
                raise BadReply("array 'rows' is missing")
            rows = array(frames[0], np.int32, 'rows', -1)
            first = 1
        if len(frames) != first + 1 + self._has_finals:
            raise BadReply('it has another number of arrays')
        m = self._n if rows is None else len(rows)
        places = self._places.get(m)
        if places is None:
            places = self._places[m] = self._place(m)
        frame = _frame(frames[first], places.size, 'batch')
        # From `terminated` to the end of `status`, and zeros between them.
        flags: Flags = np.ndarray((places.status + m - places.terminated,), np.bool_, frame, places.terminated)
        terminated, truncated = flags[:m], flags[places.truncated - places.terminated:][:m]
        is_plain = not np.count_nonzero(flags)
        batch = Batch(self._observations(frame, m), np.ndarray((m,), np.float32, frame, places.rewards), terminated, truncated,
                      np.ndarray((m,), np.uint8, frame, places.status), self._info(frame, places.info, m), is_plain, rows)
        if not self._has_finals:
            return batch
        has_ends = not is_plain and op in ('step', 'recv')  # elsewhere nothing ends, but a game may be lost as an episode begins
        ended = np.flatnonzero(terminated | truncated) if has_ends else np.empty(0, np.int64)
        k = len(ended)
        info_place = _in_lines(self._observations_size(k))
        finals = _frame(frames[first + 1], info_place + 4 * len(self._columns) * k, 'finals')
        return batch._replace(final_rows=(ended.astype(np.int32) if rows is None else rows[ended]),
                              final_observations=self._observations(finals, k), final_info=self._info(finals, info_place, k))

    def _observations_size(self, m: int) -> int:
        return (2 if self._is_half else 4) * self._d * m

    def _place(self, m: int) -> _Places:
        rewards = _in_lines(self._observations_size(m))
        terminated = rewards + _in_lines(4 * m)
        truncated, status, info = (terminated + place * _in_lines(m) for place in (1, 2, 3))
        return _Places(rewards, terminated, truncated, status, info, info + 4 * len(self._columns) * m)

    def _observations(self, frame: Any, m: int) -> Floats:
        if self._is_half:
            return np.ndarray((m, self._d), np.float16, frame).astype(np.float32)
        return np.ndarray((m, self._d), np.float32, frame)

    def _info(self, frame: Any, place: int, m: int) -> InfoColumns:
        return InfoColumns(self._columns, np.ndarray((len(self._columns), m), np.int32, frame, place))
