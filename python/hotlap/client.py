"""The raw protocol, for those who write their own learner.

    with Client('tcp://127.0.0.1:5555') as client:
        client.attach('default', 64, ['hockolicious'])
        batch = client.reset()
        while True:
            batch = client.step(choose_actions(batch.observations))

A request whose reply does not come is sent again with the same id until the deadline; the server never runs it twice. A thread
with a socket of its own keeps the session alive while the learner computes.

When the server answers nothing for the session's timeout, a call raises ServerLost, or, with `reconnect`, tries new connections
until its deadline and goes on with the session as if nothing had been. A server that does not know the session (any more) is
LeaseExpired.

Steps in flight: while the learner chooses the actions of one half of its rows, the server steps the other.

    for half in halves: client.send_step(first_actions, rows=half)
    for i in itertools.cycle((0, 1)):
        batch = client.receive_step()  # of halves[i]
        client.send_step(choose_actions(batch.observations), rows=halves[i])

One thread at a time, and only in the process that made it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import zmq
from zmq.utils.monitor import recv_monitor_message

from hotlap import protocol, sockets
from hotlap.backoff import Backoff
from hotlap.errors import (
    AlreadyConnected,
    BadArgument,
    BadReply,
    Busy,
    PermissionDenied,
    Refused,
    ServerLost,
    ShuttingDown,
    TimedOut,
    WrongProcess,
)
from hotlap.keep_alive import KeepAlive
from hotlap.protocol import Attachment, Batch, BatchReader, EnvironmentSpec, Hello
from hotlap.sockets import ClientKeys

_SLICE_S = 0.05  # of a wait, then what else may have happened is looked at
_AWAKE_S = 0.0002
_LINGER_MS = 100  # for the goodbye
_HELLO_S = 1.0  # between two, until the server has told its own interval
_MIN_KEEP_ALIVE_S = _MIN_RETRY_S = 0.01
_LEASE_EXPIRED = -21
_NOBLOCK, _NOBLOCK_MORE, _POLLIN = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE), int(zmq.POLLIN)  # enumerations are slow
_UNCOUNTED = 1 << 63  # ids of hellos and pings begin here and at random: those of two clients with one key differ
_FAILED_HANDSHAKES: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "it does not admit this client's key or address",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: 'it broke off the handshake',
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: 'it broke off the handshake',
}

_T = TypeVar('_T')
_Reply = tuple[dict[str, Any], list[Any]]  # header, and the frames behind it
_Rows = npt.ArrayLike | None


@dataclass(slots=True)
class _Sent:
    """A request that is not answered yet."""

    op: str
    id: int
    fields: Mapping[str, Any]
    arrays: tuple[bytes, ...]
    header: bytes
    rows: npt.NDArray[np.int32] | None = None  # of a step of some rows
    num_copies: int = 0  # how often it was sent
    is_dropped: bool = False  # its reply is nobody's


def _bytes_of(values: npt.ArrayLike | None, dtype: Any) -> bytes:
    return b'' if values is None else np.asarray(values, dtype).tobytes()


def _named(environment: str, settings: str) -> dict[str, str]:
    return {'environment': environment, 'settings': settings} if settings else {'environment': environment}


def _read(read: Callable[[Mapping[str, Any]], _T], header: Mapping[str, Any]) -> _T:
    try:
        return read(header)
    except (TypeError, ValueError) as error:
        raise BadReply(str(error)) from error


class Client:
    """A session on a server, and its rows.

    Every call takes `timeout_s`, after which it raises TimedOut; left out, the client's own. Every call may raise Refused (its
    subclasses say why), TimedOut, ServerLost, BadReply and WrongProcess. After TimedOut and ServerLost the request may be in
    flight all the same: `resume` waits on for its batch; any other call drops what is in flight and waits for it first, but
    `send_step`, which adds to it, and `receive_step`. What was dropped is run all the same, and its reply is nobody's.

    Attributes:
        endpoint: of the server.
        hello: what the server offers.
        spec: of the rows' environment; None without rows.
        attached: the rows; None without.
        key: names the session for a successor, see `last_id`.
    """

    def __init__(self, endpoint: str, *, timeout_s: float = 10.0, keys: ClientKeys | None = None, nick: str = '',
                 session_timeout_s: float | None = None, keep_alive_s: float = 0.1, retry_s: float | None = None,
                 key: bytes | None = None, last_id: int | None = None, reconnect: Backoff | None = None,
                 environment: str = '', policy_hash: int | None = None, task_hash: int | None = None,
                 on_event: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        """Opens a session.

        Args:
            endpoint: `tcp://host:port` or `ipc://path`.
            timeout_s: of this call, and of every other that does not bring its own.
            keys: for a server that asks for them.
            nick: for others to see; printable, at most 32 bytes.
            session_timeout_s: asked for; the server's bounds limit it.
            keep_alive_s: between pings; a tenth of the session's timeout at most.
            retry_s: after which an unanswered request goes again; None: what the server tells.
            key: 16 bytes that name the session; None: at random. That of a client that is gone goes on with its session when
                that has rows; one that lives is AlreadyConnected, or waited for with `reconnect`.
            last_id: the latest request of that client whose reply is used; calls make those after it again. None: the latest
                that the server has counted. When it is given and there is no such session: LeaseExpired.
            reconnect: reach a lost server again, with these waits between attempts; None: raise ServerLost.
            environment, policy_hash, task_hash: what the learner was made for: SpecMismatch when the environment's policy
                hash is another, `hello.warning` when its task hash is.
            on_event: hears what the server tells unasked, each event once, as the map of `docs/protocol.md`. Called on the
                thread that keeps the session alive: it must be quick, not raise, and call nothing of the client.

        Raises:
            PermissionDenied: the server, or the client for its sake, broke off every handshake.
            TimedOut: nobody answered.
            Refused: see its subclasses.
            ValueError: the endpoint is none.
        """
        self.endpoint = endpoint
        self.key = os.urandom(16) if key is None else key
        self.spec: EnvironmentSpec | None = None
        self.attached: Attachment | None = None
        self._timeout_s, self._keys, self._keep_alive_s, self._retry_s = timeout_s, keys, keep_alive_s, retry_s
        self._reconnect, self._on_event = reconnect, on_event
        fields = {'key': self.key, 'nick': nick, 'environment': environment, 'policy_hash': policy_hash,
                  'task_hash': task_hash}
        self._hello_fields = {name: value for name, value in fields.items() if value not in (None, '')}
        if session_timeout_s is not None:
            self._hello_fields['timeout_ms'] = int(session_timeout_s * 1000)
        self._pid = os.getpid()
        self._in_flight: deque[_Sent] = deque()  # oldest first
        self._last_id = 0  # the latest used; one that was refused uncounted is used again
        self._uncounted_id = _UNCOUNTED | int.from_bytes(os.urandom(7))
        self._session_is_lost = False  # said to a request
        self._wait_is_short = False  # the latest was
        self._must_settle = False  # replies with the next id may be those of copies
        self._keep_alive: KeepAlive | None = None
        self._seen_events: set[int] = set()
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._is_closed = False
        try:
            self._open(last_id, self._deadline(timeout_s))
        except BaseException:
            self._close_sockets()  # without a goodbye: the session stays for another attempt
            raise
        sockets.close_at_exit(self)

    # The session

    @property
    def last_id(self) -> int:
        """The latest request whose reply a call has had. With `key`, what a successor needs."""
        for sent in self._in_flight:
            if 0 < sent.id <= self._last_id:
                return sent.id - 1
        return self._last_id

    @property
    def num_rows(self) -> int:
        """Rows that the session leases."""
        return 0 if self.attached is None else self.attached.rows

    @property
    def num_in_flight(self) -> int:
        """Requests whose replies are wanted and not received yet."""
        return sum(not sent.is_dropped for sent in self._in_flight) if self._in_flight else 0

    @property
    def session_is_lost(self) -> bool:
        """The server has forgotten the session: it was away, or has not heard of us for too long."""
        return self._session_is_lost or (self._keep_alive is not None and self._keep_alive.session_is_lost)

    @property
    def server_is_lost(self) -> bool:
        """The server has answered nothing for the session's timeout, until it does."""
        return self._keep_alive is not None and self._keep_alive.server_is_lost

    def close(self) -> None:
        """Tells the server that the session ends; does not wait. May be called twice."""
        if self._is_closed or self._pid != os.getpid():
            return
        self._is_closed = True
        if self._keep_alive is not None and self._socket is not None:
            self._last_id = max(self._last_id, self.hello.last_id)  # a successor may not have made its calls again
            self._last_id += 1
            self._post('detach', self._last_id, {'close': True})
        self._close_sockets()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, '_is_closed'):
            self.close()

    # Calls

    def describe(self, environment: str, settings: str = '', *, timeout_s: float | None = None) -> EnvironmentSpec:
        """The spec of an environment that the server has, with `settings` over its own (YAML, see `attach`)."""
        header, _ = self._call('spec', _named(environment, settings), (), timeout_s)
        return _read(EnvironmentSpec.of, header)

    def attach(self, environment: str, rows: int, tracks: Sequence[str], *, settings: str = '', kind: str = 'any',
               autoreset: str = 'next_step', observations: str = 'f32', info: Sequence[str] = (),
               seeds: npt.ArrayLike | None = None, keep_every_m: float | None = None, starts: str | None = None,
               start_share: float | None = None, wait_s: float = 0.0, policy_hash: int | None = None,
               timeout_s: float | None = None) -> Attachment:
        """Leases rows. They have to be reset before they are stepped.

        Args:
            environment: by name.
            rows: n, from 1 to `hello.max_rows`.
            tracks: row i drives `tracks[i % len(tracks)]`.
            settings: YAML as in `configs/environments`: what it says holds in place of what the environment says.
            kind: `simulated`, `tminterface` or `any`.
            autoreset: `next_step`, `same_step` or `disabled`.
            observations: `f32`, or `f16` to send half the bytes; batches have float32 all the same.
            info: columns by name; empty: the default ones.
            seeds: uint64 of shape (n,), base seeds of the rows; None: row i has i.
            keep_every_m: the rows keep states to begin at, one every so many m of the line; None: none.
            starts, start_share: as in `reset`, for all rows at first.
            wait_s: for how long to wait for games that are lent to others.
            policy_hash: what the learner was made for; None: not compared.

        Raises:
            ServerFull: not as many free games.
            UnknownName: there is no such environment or track.
            SpecMismatch: the policy hash is another.
        """
        spec = self.describe(environment, settings, timeout_s=timeout_s)
        fields = {**_named(environment, settings), 'rows': rows, 'tracks': list(tracks), 'kind': kind, 'autoreset': autoreset,
                  'observations': observations, 'info': list(info), 'keep_every_m': keep_every_m, 'starts': starts,
                  'start_share': start_share, 'wait_ms': int(wait_s * 1000), 'policy_hash': policy_hash}
        fields = {name: value for name, value in fields.items() if value is not None}
        header, _ = self._call('attach', fields, (_bytes_of(seeds, np.uint64),), timeout_s)
        self._take_rows(_read(Attachment.of, header), spec)
        assert self.attached is not None
        return self.attached

    def detach(self, *, timeout_s: float | None = None) -> None:
        """Gives the rows back."""
        self._call('detach', {}, (), timeout_s)
        self.attached = self.spec = None

    def reset(self, *, mask: npt.ArrayLike | None = None, seeds: npt.ArrayLike | None = None,
              snapshots: npt.ArrayLike | None = None, starts: str | None = None, start_share: float | None = None,
              timeout_s: float | None = None) -> Batch:
        """Begins new episodes.

        Args:
            mask: bool of shape (n,), the rows that are reset; None: all.
            seeds: uint64 of shape (n,), their new base seeds; None: each goes on with its next episode.
            snapshots: uint64 of shape (n,), ids of saved states to begin at, 0 for the start; None: where the rows' `starts`
                have it.
            starts: where episodes of these rows begin from now on: `start`, `checkpoints`, `line` or `failures`; None: as
                before.
            start_share: in [0, 1], the part of them that begins at the start all the same.
        """
        fields: dict[str, Any] = {}
        if starts is not None:
            fields['starts'] = starts
        if start_share is not None:
            fields['start_share'] = float(start_share)
        arrays = (_bytes_of(mask, np.bool_), _bytes_of(seeds, np.uint64), _bytes_of(snapshots, np.uint64))
        return self._batch(self._call_sent('reset', fields, arrays, timeout_s))

    def step(self, actions: npt.ArrayLike, rows: _Rows = None, *, timeout_s: float | None = None) -> Batch:
        """One step of every row, or of these.

        Args:
            actions: int32 of shape (m,), indices; or float32 of shape (m, components).
            rows: int32 of shape (m,), each once, in any order; None: all, in their order.
        """
        deadline = self._deadline(timeout_s)
        if self._in_flight or self._must_settle:
            self._settle(deadline)
        self._post_step('step', actions, rows)
        return self._batch(self._await(deadline))

    def send_step(self, actions: npt.ArrayLike, rows: _Rows = None, *, timeout_s: float | None = None) -> None:
        """Sends a step, which the server runs when it has run those before; at most `hello.window` may be in flight.

        Raises:
            Busy: as many are.
        """
        if len(self._in_flight) >= self.hello.window:
            raise Busy(-62, f'{self.hello.window} requests are in flight already')
        self._settle_ids(self._deadline(timeout_s))
        self._post_step('step', actions, rows)

    def receive_step(self, *, timeout_s: float | None = None) -> Batch:
        """What the oldest step in flight gave. After TimedOut it is still in flight.

        One that the server has not taken at all (LeaseExpired, ShuttingDown) takes those behind it along.

        Raises:
            BadArgument: no step is in flight.
        """
        deadline = self._deadline(timeout_s)
        while self._in_flight:
            oldest = self._in_flight[0]
            if oldest.op == 'step' and not oldest.is_dropped:
                return self._batch(self._await(deadline))
            try:
                self._await(deadline)
            except Refused:
                if not self._in_flight:  # it took the steps along
                    raise
        raise BadArgument(-65, 'no step is in flight')

    def resume(self, *, timeout_s: float | None = None) -> Batch:
        """What the `reset`, `step`, `recv`, `restore` or `branch` that timed out would have returned.

        Raises:
            BadArgument: no call that gives a batch is in flight; nothing is waited for or lost.
        """
        if not self._in_flight or self._in_flight[0].is_dropped or self._in_flight[0].op not in protocol.GIVES_BATCH:
            raise BadArgument(-65, 'no call that gives a batch is in flight')
        return self._batch(self._await(self._deadline(timeout_s)))

    def send(self, actions: npt.ArrayLike, rows: _Rows = None, *, timeout_s: float | None = None) -> None:
        """Begins steps, which `recv` gives when they are done: so a slow game holds up nobody."""
        deadline = self._deadline(timeout_s)
        self._settle(deadline)
        self._post_step('send', actions, rows)
        self._await(deadline)

    def recv(self, count: int, *, timeout_s: float | None = None) -> Batch:
        """The first `count` rows under way that are done (all of them when they are fewer), named by `rows`."""
        return self._batch(self._call_sent('recv', {'count': count}, (), timeout_s))

    def save(self, mask: npt.ArrayLike | None = None, *, timeout_s: float | None = None) -> npt.NDArray[np.uint64]:
        """Saves rows (mask: bool of shape (n,); None: all). Returns ids of shape (n,), 0 where nothing was saved."""
        _, frames = self._call('save', {}, (_bytes_of(mask, np.bool_),), timeout_s)
        return self._ids(frames, self.num_rows)

    def restore(self, snapshots: npt.ArrayLike, *, timeout_s: float | None = None) -> Batch:
        """Continues the episodes of saved states, bit for bit (ids of shape (n,), 0 leaves the row alone)."""
        return self._batch(self._call_sent('restore', {}, (_bytes_of(snapshots, np.uint64),), timeout_s))

    def branch(self, row: int, mask: npt.ArrayLike | None = None, *, timeout_s: float | None = None) -> Batch:
        """Gives rows (mask: bool of shape (n,); None: all) the state of one row, which stays as it is."""
        return self._batch(self._call_sent('branch', {'row': row}, (_bytes_of(mask, np.bool_),), timeout_s))

    def export(self, snapshots: npt.ArrayLike, *, timeout_s: float | None = None) -> list[bytes]:
        """Saved states as bytes, for a file or another server; ids of shape (m,), 0 gives no bytes."""
        ids = np.atleast_1d(np.asarray(snapshots, np.uint64))
        _, frames = self._call('export', {}, (ids.tobytes(),), timeout_s)
        if len(frames) != 2:
            raise BadReply('it has another number of arrays')
        ends = np.cumsum(protocol.array(frames[0], np.uint32, 'sizes', len(ids)), dtype=np.int64).tolist()
        states = bytes(frames[1])
        if ends and ends[-1] != len(states):
            raise BadReply("array 'bytes' has another size")
        return [states[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]

    def import_(self, states: Sequence[bytes], *, timeout_s: float | None = None) -> npt.NDArray[np.uint64]:
        """Stores states that were exported, here or by another server. Returns their ids, of shape (m,).

        Raises:
            BadArgument: one is damaged or fits no row; the text says which. Nothing is stored then.
        """
        sizes = np.array([len(state) for state in states], np.uint32)
        _, frames = self._call('import', {}, (sizes.tobytes(), b''.join(states)), timeout_s)
        return self._ids(frames, len(states))

    def drop(self, snapshots: npt.ArrayLike, *, timeout_s: float | None = None) -> None:
        """Frees saved states; ids that name nothing any more are passed over."""
        self._call('drop', {}, (_bytes_of(snapshots, np.uint64),), timeout_s)

    def ping(self, *, timeout_s: float | None = None) -> float:
        """The round trip in seconds."""
        deadline = self._deadline(timeout_s)
        self._settle(deadline)
        begin = time.monotonic()
        self._post_uncounted('ping')
        self._await(deadline)
        return time.monotonic() - begin

    def ask(self, question: str, *arrays: bytes, timeout_s: float | None = None, **fields: Any) -> _Reply:
        """A question of the protocol (`sessions`, `instances`, `states`, `logs`, `stats`, `messages`): header and frames."""
        deadline = self._deadline(timeout_s)
        self._settle(deadline)
        self._post_uncounted(question, fields, arrays)
        _, header, frames = self._await(deadline)
        return header, frames

    def call(self, op: str, *arrays: bytes, timeout_s: float | None = None, **fields: Any) -> _Reply:
        """A counted operation that has no method of its own (`track`, `post_message`, ...): header and frames."""
        return self._call(op, fields, arrays, timeout_s)

    # Requests and replies

    def _deadline(self, timeout_s: float | None) -> float:
        return time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)

    def _header(self, op: str, request_id: int, fields: Mapping[str, Any]) -> bytes:
        if op == 'step':
            return self._step_header + request_id.to_bytes(8)  # this one has to be fast
        return protocol.encode({'v': protocol.VERSION, 'op': op, 'id': request_id, 'token': self.hello.token, **fields})

    def _post(self, op: str, request_id: int, fields: Mapping[str, Any], arrays: Sequence[bytes] = ()) -> _Sent:
        if self._pid != os.getpid():
            raise WrongProcess('this client was made in another process')
        while arrays and not arrays[-1]:
            arrays = arrays[:-1]  # what is left out at the end needs no frame
        sent = _Sent(op, request_id, fields, tuple(arrays), self._header(op, request_id, fields))
        self._in_flight.append(sent)
        self._send_copy(sent)
        return sent

    def _post_uncounted(self, op: str, fields: Mapping[str, Any] | None = None, arrays: Sequence[bytes] = ()) -> None:
        self._uncounted_id += 1
        self._post(op, self._uncounted_id, fields or {}, arrays)

    def _post_step(self, op: str, actions: npt.ArrayLike, rows: _Rows) -> None:
        if self.spec is None:
            raise BadArgument(-65, 'there are no rows: attach first')
        packed = np.asarray(actions, self._action_type).tobytes()
        arrays: tuple[bytes, ...] = (packed,)
        named, m = None, self.num_rows
        if rows is not None:
            named = np.array(rows, np.int32)
            arrays, m = (packed, named.tobytes()), len(named)
        if len(packed) != self._action_size * m or m == 0:
            raise BadArgument(-65, f'actions have {len(packed)} bytes, must have {self._action_size * m}')
        self._last_id += 1
        self._post(op, self._last_id, {}, arrays).rows = named

    def _send_copy(self, sent: _Sent) -> None:
        assert self._socket is not None
        send, frame = self._socket.send, sent.header
        try:
            for array in sent.arrays:
                send(frame, _NOBLOCK_MORE)
                frame = array
            send(frame, _NOBLOCK)
        except zmq.Again:
            return  # without a peer the queue may be full: then this was sent often enough
        sent.num_copies += 1

    def _receive(self, until: float) -> list[Any] | None:
        """A message, or None: at the latest after a slice of the wait.

        Stays awake for a moment when the latest wait was short: to be woken takes longer than many a step.
        """
        assert self._socket is not None
        receive, look, now = self._socket.recv, self._socket.get, time.monotonic
        begin = now()
        if self._wait_is_short:
            while not int(look(zmq.EVENTS)) & _POLLIN and now() - begin < _AWAKE_S:
                os.sched_yield()
        left = until - now()
        if left < _SLICE_S and not self._socket.poll(max(0, int(left * 1000 + 1))):
            self._wait_is_short = False
            return None
        try:
            frame = receive(0, False)  # waits for a slice
        except zmq.Again:
            self._wait_is_short = False
            return None
        self._wait_is_short = now() - begin < 2 * _AWAKE_S
        frames = [frame]
        while frame.more:
            frame = receive(0, False)
            frames.append(frame)
        return frames

    def _await(self, deadline: float) -> tuple[_Sent, dict[str, Any], list[Any]]:
        """The oldest request in flight, and the reply to it; sends all of them again meanwhile."""
        if self._pid != os.getpid():
            raise WrongProcess('this client was made in another process')
        assert self._keep_alive is not None
        next_send = time.monotonic() + self._retry_interval_s
        while True:
            frames = self._receive(min(deadline, next_send))
            if frames is not None:
                self._keep_alive.was_heard = True
                header = protocol.decode(frames[0])
                status, reply_id = header.get('status', 0), header.get('id')
                # A repeat of an earlier one, or a later one that is ahead because those before it were lost: it comes again
                # when its request is sent again.
                if reply_id == self._in_flight[0].id or (reply_id == 0 and status != 0):
                    return self._take_reply(status, header, frames[1:])
                continue
            if self._keep_alive.server_is_lost:
                if self._reconnect is None:
                    raise self._server_is_lost()
                self._reach(self._reconnect, deadline)
                next_send = time.monotonic() + self._retry_interval_s
                continue
            now = time.monotonic()
            if now >= deadline:
                raise TimedOut(f'no reply from {self.endpoint} in time')
            if now >= next_send:
                for sent in self._in_flight:
                    self._send_copy(sent)
                next_send = now + self._retry_interval_s

    def _take_reply(self, status: int, header: dict[str, Any], frames: list[Any]) -> tuple[_Sent, dict[str, Any], list[Any]]:
        answered = self._in_flight.popleft()
        if status == 0:
            return answered, header, frames
        self._session_is_lost |= status == _LEASE_EXPIRED
        if 0 < answered.id <= self._last_id and status in protocol.NOT_COUNTED:
            # Neither it nor those behind it have been counted.
            self._last_id = answered.id - 1
            self._must_settle = answered.num_copies > 1 or len(self._in_flight) > 0
            self._in_flight.clear()
        raise Refused.of(status, header.get('error', ''))

    def _settle(self, deadline: float) -> None:
        """Drops what is in flight, and waits until nothing that the server still says can be taken for a new reply."""
        for sent in self._in_flight:
            sent.is_dropped = True
        while self._in_flight:
            try:
                self._await(deadline)
            except Refused:
                pass
        self._settle_ids(deadline)

    def _settle_ids(self, deadline: float) -> None:
        """Waits for the refusals of all copies of a request whose id is used again."""
        if not self._must_settle:
            return
        self._must_settle = False
        self._post_uncounted('ping')
        try:
            self._await(deadline)
        except Refused:
            pass

    def _call_sent(self, op: str, fields: Mapping[str, Any], arrays: Sequence[bytes],
                   timeout_s: float | None) -> tuple[_Sent, dict[str, Any], list[Any]]:
        limit = max((1 << 16) + 64 * self.hello.max_rows, self.hello.max_transfer_bytes)
        for packed in arrays:
            if len(packed) > limit:
                raise BadArgument(-65, f"an array of '{op}' has {len(packed)} bytes, the server takes at most {limit}")
        deadline = self._deadline(timeout_s)
        self._settle(deadline)
        self._last_id += 1
        self._post(op, self._last_id, fields, arrays)
        return self._await(deadline)

    def _call(self, op: str, fields: Mapping[str, Any], arrays: Sequence[bytes], timeout_s: float | None) -> _Reply:
        _, header, frames = self._call_sent(op, fields, arrays, timeout_s)
        return header, frames

    def _batch(self, reply: tuple[_Sent, dict[str, Any], list[Any]]) -> Batch:
        sent, _, frames = reply
        return self._reader.read(frames, sent.rows, sent.op)

    def _ids(self, frames: list[Any], count: int) -> npt.NDArray[np.uint64]:
        if not frames:
            raise BadReply("array 'ids' is missing")
        return protocol.array(frames[0], np.uint64, 'ids', count)

    # Connections

    def _open_socket(self) -> None:
        self._close_connection()
        self._socket = sockets.dealer(self.endpoint, self._keys, linger_ms=_LINGER_MS)
        self._socket.rcvtimeo = int(_SLICE_S * 1000)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)

    def _handshake_failure(self) -> str:
        """Why the server gave no connection; empty when it did, or nobody is there."""
        assert self._monitor is not None
        failure = ''
        while self._monitor.poll(0):
            failure = _FAILED_HANDSHAKES.get(recv_monitor_message(self._monitor)['event'], failure)
        return failure

    def _close_connection(self) -> None:
        if self._socket is not None:
            if self._monitor is not None:
                self._socket.disable_monitor()
                self._monitor.close()
            self._socket.close()
        self._socket = self._monitor = None

    def _close_sockets(self) -> None:
        if self._keep_alive is not None:
            self._keep_alive.stop()
            self._keep_alive = None
        self._close_connection()

    def _hello(self, *, resume: bool) -> dict[str, Any]:
        """One for all attempts: a repeated hello gets the reply that was late, another one would be a stranger's."""
        self._uncounted_id += 1
        hello = {'v': protocol.VERSION, 'op': 'hello', 'id': self._uncounted_id, **self._hello_fields}
        return {**hello, 'resume': True} if resume else hello

    def _greet(self, hello: Mapping[str, Any], until: float) -> Hello:
        """Says hello once. Raises TimedOut, PermissionDenied, Refused."""
        assert self._socket is not None
        try:
            self._socket.send(protocol.encode(hello), zmq.NOBLOCK)
        except zmq.Again:
            pass  # as for any other message: it goes again
        while True:
            frames = self._receive(until)
            if frames is not None:
                header = protocol.decode(frames[0])
                if header.get('id') not in (hello['id'], 0):
                    continue
                if header.get('status', 0) != 0:
                    raise Refused.of(header['status'], header.get('error', ''))
                return _read(Hello.of, header)
            if time.monotonic() >= until:
                break
        if failure := self._handshake_failure():
            raise PermissionDenied(-40, f'the server at {self.endpoint}: {failure}')
        raise TimedOut(f'no reply from {self.endpoint} in time')

    def _open(self, last_id: int | None, deadline: float) -> None:
        self._open_socket()
        hello = self._hello(resume=last_id is not None)
        waits = (self._reconnect or Backoff()).waits()
        while True:
            wait = next(waits) if self._reconnect is not None else (self._retry_s or _HELLO_S)
            until = min(deadline, time.monotonic() + wait)
            try:
                self._take_session(self._greet(hello, until))
                break
            except PermissionDenied:
                if time.monotonic() >= deadline:
                    raise
                self._open_socket()  # ZeroMQ does not try again with this one
            except TimedOut:
                if time.monotonic() >= deadline:
                    raise
            except AlreadyConnected:
                if self._reconnect is None or time.monotonic() >= deadline:
                    raise
                time.sleep(max(0.0, until - time.monotonic()))
        self._last_id = self.hello.last_id if last_id is None else last_id
        if self._last_id > self.hello.last_id:
            raise BadArgument(-65, f"'last_id' is {self._last_id}, the session has counted {self.hello.last_id}")
        if self.hello.attached is not None:
            attached = self.hello.attached
            self._post('spec', 0, _named(attached.environment, attached.settings))  # uncounted: the next id is a call's
            self._take_rows(attached, _read(EnvironmentSpec.of, self._await(deadline)[1]))

    def _take_session(self, hello: Hello) -> None:
        self.hello = hello
        self._retry_interval_s = (max(_MIN_RETRY_S, hello.message_timeout_ms / 1000) if self._retry_s is None
                                  else self._retry_s)
        self._step_header = protocol.encode({'v': protocol.VERSION, 'op': 'step', 'token': hello.token, 'id': 1})[:-1] + b'\xcf'
        timeout_s = hello.session_timeout_ms / 1000
        interval_s = max(_MIN_KEEP_ALIVE_S, min(self._keep_alive_s, timeout_s / 10))
        if self._keep_alive is not None:
            self._keep_alive.stop()  # both hear of the same events
        self._keep_alive = KeepAlive(self.endpoint, self._keys, hello.token, interval_s=interval_s,
                                     timeout_s=max(timeout_s, 10 * interval_s), on_event=self._on_event,
                                     seen=self._seen_events)

    def _take_rows(self, attached: Attachment, spec: EnvironmentSpec) -> None:
        if attached.observation_size != len(spec.observation):
            raise BadReply('its observations are not those of the spec')
        self._reader = BatchReader(attached)
        self._action_type = np.dtype(np.int32 if spec.is_discrete else np.float32)
        self._action_size = 4 if spec.is_discrete else 4 * len(spec.action)
        self.attached, self.spec = attached, spec

    def _reach(self, reconnect: Backoff, deadline: float) -> None:
        """New connections until one is answered; then what is in flight goes again."""
        hello, waits, reason = self._hello(resume=True), reconnect.waits(), ''
        while True:
            self._open_socket()  # the server may never hear of the old connection again
            until = min(deadline, time.monotonic() + next(waits))
            try:
                self._take_session(self._greet(hello, until))
                break
            except AlreadyConnected:
                self._take_session(self.hello)  # a session that was not dropped goes on under its token
                break
            except TimedOut:
                pass
            except PermissionDenied as error:
                reason = str(error)
            except ShuttingDown:
                time.sleep(max(0.0, until - time.monotonic()))
            except Refused as error:
                self._session_is_lost |= error.status == _LEASE_EXPIRED
                self._in_flight.clear()  # it has nobody to answer it
                raise
            if time.monotonic() >= deadline:
                raise self._server_is_lost(reason)
        for sent in self._in_flight:
            sent.header, sent.num_copies = self._header(sent.op, sent.id, sent.fields), 0  # no reply to those before comes here
            self._send_copy(sent)

    def _server_is_lost(self, reason: str = '') -> ServerLost:
        text = f'{self.endpoint} has not answered for {self.hello.session_timeout_ms} ms'
        return ServerLost(f'{text}; {reason}' if reason else text)

