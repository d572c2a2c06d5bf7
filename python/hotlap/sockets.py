"""ZeroMQ sockets of this process. None survives a fork: each process has a context and sockets of its own."""

from __future__ import annotations

import multiprocessing.util
import os
import pathlib
import stat
import weakref
from dataclasses import dataclass
from typing import Protocol

import zmq


class Closable(Protocol):
    """What has sockets."""

    def close(self) -> None:
        """Lets them go; may be called twice."""


_context: zmq.Context[zmq.Socket[bytes]] | None = None
_pid = 0
_open: weakref.WeakSet[Closable] = weakref.WeakSet()


def _close_all() -> None:
    if _pid != os.getpid():
        return
    for user in list(_open):
        user.close()
    if _context is not None:
        _context.destroy()  # with what was left open; waits, as long as sockets linger, until the goodbyes are out


def context() -> zmq.Context[zmq.Socket[bytes]]:
    """The context of this process."""
    global _context, _pid, _open
    if _context is None or _pid != os.getpid():
        _context, _pid, _open = zmq.Context(), os.getpid(), weakref.WeakSet()
        # Unlike atexit it also runs when a child of multiprocessing ends.
        multiprocessing.util.Finalize(None, _close_all, exitpriority=10)
    return _context


def close_at_exit(user: Closable) -> None:
    """Has it closed when this process ends, unless it is gone by then."""
    _open.add(user)


@dataclass(frozen=True)
class ClientKeys:
    """What a server with keys asks for, each as 40 characters (Z85): see `docs/operations.md`."""

    server: bytes
    public: bytes
    secret: bytes

    @staticmethod
    def read(server_file: str | os.PathLike[str], own_file: str | os.PathLike[str]) -> ClientKeys:
        """Reads the server's public key and one's own secret key.

        Raises:
            OSError: a file cannot be read.
            ValueError: it holds no key, or is a secret that others may read.
        """
        if stat.S_IMODE(os.stat(own_file).st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(f'{os.fspath(own_file)}: is a secret that others may read: chmod 600 it')
        secret = _read_key(own_file)
        return ClientKeys(_read_key(server_file), zmq.curve_public(secret), secret)


def _read_key(file: str | os.PathLike[str]) -> bytes:
    key = pathlib.Path(file).read_bytes().rstrip(b'\r\n')
    if len(key) != 40:
        raise ValueError(f'{os.fspath(file)}: holds no key: one of 40 characters')
    return key


def dealer(endpoint: str, keys: ClientKeys | None, *, linger_ms: int, queue: int = 1000) -> zmq.Socket[bytes]:
    """A new connection to a server, which holds so many messages while that is away.

    Raises:
        ValueError: the endpoint is none.
    """
    socket = context().socket(zmq.DEALER)
    socket.linger = linger_ms
    socket.sndhwm = queue
    socket.ipv6 = '[' in endpoint
    if keys is not None:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys.server, keys.public, keys.secret
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise ValueError(f'{endpoint}: {error.strerror}') from None
    return socket
