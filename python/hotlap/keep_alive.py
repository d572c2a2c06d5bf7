"""Keeps a session alive while its learner computes: a thread with a socket of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from hotlap import protocol
from hotlap.errors import BadReply
from hotlap.sockets import ClientKeys, dealer

_QUEUE = 16  # pings and acknowledgements; while the server is away more are dropped
_REMEMBERED = 1024  # numbers of events: no older one is sent again


class KeepAlive:
    """Pings with the session's token, hears the server's events, and so is the first to know when it does not answer.

    Attributes:
        session_is_lost: the server has said that it does not know the session (any more).
        server_is_lost: nothing was answered for the timeout, of the time in which this process ran; until something is.
        was_heard: set it when the server has answered the learner.
    """

    def __init__(self, endpoint: str, keys: ClientKeys | None, token: bytes, *, interval_s: float, timeout_s: float,
                 on_event: Callable[[Mapping[str, Any]], None] | None, seen: set[int]) -> None:
        self._interval_s, self._timeout_s = interval_s, timeout_s
        self._token, self._on_event, self._seen = token, on_event, seen
        self.session_is_lost = self.server_is_lost = self.was_heard = False
        self._stopping = self._closes_wakeup = False
        self._wakeup = os.eventfd(0, os.EFD_CLOEXEC)
        self._socket = dealer(endpoint, keys, linger_ms=0, queue=_QUEUE)
        self._last_ping, self._pinged_at, self._round_trip_us = 0, 0.0, -1
        self._thread = threading.Thread(target=self._run, name='hotlap-keep-alive', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, or has it end by itself when that is what calls: the garbage collector works on any thread."""
        self._stopping = True
        if threading.current_thread() is self._thread:
            self._closes_wakeup = True
            return
        os.eventfd_write(self._wakeup, 1)
        self._thread.join()
        os.close(self._wakeup)

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._wakeup, zmq.POLLIN)
        silence, last_turn = 0.0, time.monotonic()
        while not self._stopping:
            is_heard, self.was_heard = self.was_heard, False
            if not is_heard or self._on_event is not None:
                self._ping()
            next_turn = time.monotonic() + self._interval_s
            while not self._stopping and (left := next_turn - time.monotonic()) > 0:
                poller.poll(max(1, int(left * 1000)))
                is_heard |= self._take_all()
            now = time.monotonic()
            # A turn that took longer was this process's own absence, which says nothing of the server.
            passed, last_turn = min(now - last_turn, 2 * self._interval_s), now
            silence = 0.0 if is_heard else silence + passed
            self.server_is_lost = silence >= self._timeout_s - self._interval_s
        self._socket.close()
        if self._closes_wakeup:
            os.close(self._wakeup)

    def _take_all(self) -> bool:
        is_heard = False
        while not self._stopping:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            is_heard, self.server_is_lost = True, False
            try:
                self._take(protocol.decode(frames[0]))
            except BadReply:
                continue
        return is_heard

    def _ping(self) -> None:
        self._last_ping += 1
        told = {} if self._round_trip_us < 0 else {'round_trip_us': self._round_trip_us}
        self._round_trip_us, self._pinged_at = -1, time.monotonic()
        self._send('ping' if self._on_event is None else 'listen', id=self._last_ping, **told)

    def _take(self, message: Mapping[str, Any]) -> None:
        if 'event' in message and 'status' not in message:
            self._hear(message)
            return
        if message.get('status') == -21:
            self.session_is_lost = True
        if message.get('id') == self._last_ping and message.get('status') == 0:
            self._round_trip_us = min(int((time.monotonic() - self._pinged_at) * 1e6), 2**32 - 1)

    def _hear(self, event: Mapping[str, Any]) -> None:
        number = event['event']
        if event.get('mode') != -1:
            self._send('ack', id=0, event=number)
        if self._on_event is None or number in self._seen:
            return
        self._seen.add(number)
        self._seen.discard(number - _REMEMBERED)
        self._on_event(event)

    def _send(self, op: str, **fields: Any) -> None:
        try:
            self._socket.send(protocol.encode({'v': protocol.VERSION, 'op': op, 'token': self._token, **fields}), zmq.NOBLOCK)
        except zmq.Again:
            pass  # the server is away
