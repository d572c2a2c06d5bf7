"""What can go wrong between a learner and its server, as exceptions.

Every refusal of the server is a `Refused` with its `status` (see `docs/protocol.md`, *Status codes*) and a text that names
the field or array that was wrong; those that a learner may want to tell apart have classes of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class HotlapError(Exception):
    """Whatever this package raises beside the usual ValueError and TypeError of a wrong argument."""


class ServerNotStarted(HotlapError):
    """A local server did not become ready; the text has what it printed."""


class BadReply(HotlapError):
    """The server said what the protocol does not have: another program, or another version, listens there."""


class NoReply(HotlapError):
    """Nothing is known of a request: the server may run it, or have run it, all the same."""


class TimedOut(NoReply, TimeoutError):
    """The deadline has passed. The server still answers pings: it waits for games, or computes."""


class ServerLost(NoReply, ConnectionError):
    """The server has answered nothing, no ping either, for the session's timeout."""


class WrongProcess(HotlapError):
    """A client was used in another process than the one that made it: sockets do not survive a fork. Make a new one."""


class RowsRefused(HotlapError):
    """Rows did not do what they were asked, and are as they were; the others did.

    Attributes:
        status: of each row of the batch, see `protocol.RowStatus`.
        result: what the call returns when no row is refused: a step's five, or observations and infos. Refused rows have
            their latest observation in it, reward 0 and no infos (by the masks).
    """

    def __init__(self, status: Sequence[int], text: str, result: tuple[Any, ...]) -> None:
        super().__init__(text)
        self.status, self.result = tuple(status), result

    def __reduce__(self) -> tuple[type[RowsRefused], tuple[tuple[int, ...], str, tuple[Any, ...]]]:
        return type(self), (self.status, str(self), self.result)


class Refused(HotlapError):
    """The server did not do what it was asked, and nothing changed.

    Attributes:
        status: the status code of the protocol.
    """

    _classes: ClassVar[dict[int, type[Refused]]] = {}
    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def __reduce__(self) -> tuple[type[Refused], tuple[int, str]]:
        return type(self), (self.status, str(self))

    def __init_subclass__(cls) -> None:
        for status in cls.statuses:
            Refused._classes[status] = cls

    @staticmethod
    def of(status: int, text: str) -> Refused:
        """The exception of a status, of the class that it has."""
        return Refused._classes.get(status, Refused)(status, text)


class ServerFull(Refused):
    """There are not as many free games, or sessions. The text says how many there are."""

    statuses = (-1,)


class InvalidId(Refused):
    """A saved state that there is not (any more), or a request without an id."""

    statuses = (-20,)


class LeaseExpired(Refused):
    """The session is gone, and its rows with it: it was not heard of for too long, or the server is another one."""

    statuses = (-21,)


class AlreadyConnected(Refused):
    """A client with this key lives."""

    statuses = (-22,)


class PermissionDenied(Refused):
    """A state that another session saved, what is for the administrator alone, or a key that lets nobody in."""

    statuses = (-40,)


class Busy(Refused):
    """As many requests are in flight as the server takes: receive one first."""

    statuses = (-62,)


class NotAttached(Refused):
    """The session has no rows."""

    statuses = (-63,)


class BadArgument(Refused, ValueError):
    """An array or a field does not fit the rows, or what the server offers."""

    statuses = (-65,)


class SpecMismatch(Refused):
    """The environment's observation, action or ticks per step are not those that the learner was made for."""

    statuses = (-67,)


class UnknownName(Refused, ValueError):
    """An environment or a track that the server does not have. The text lists what there is."""

    statuses = (-68, -69)


class ShuttingDown(Refused):
    """The server is leaving."""

    statuses = (-71,)
