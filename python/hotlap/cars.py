"""Where the cars of a session's rows are and what they do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hotlap.client import Client
from hotlap.errors import BadReply
from hotlap.protocol import Array, Flags, Floats, array

_MOST = 256  # instances that one question may name


class Cars(NamedTuple):
    """n cars, one per row; zero where nothing is known.

    Attributes:
        known: bool (n,).
        episodes: uint64 (n,), numbers of the rows' episodes.
        race_times_ms: int32 (n,).
        checkpoints: int32 (n,), taken so far, over all laps.
        positions: float32 (n, 3), m, world: x west, y up, z north.
        velocities: float32 (n, 3), m/s.
        rotations: float32 (n, 3, 3), car to world: the columns are the car's left, up and forward axes.
        steer, gas: float64 (n,), in [-1, 1]; keys and pedals as the car has them.
    """

    known: Flags
    episodes: npt.NDArray[np.uint64]
    race_times_ms: npt.NDArray[np.int32]
    checkpoints: npt.NDArray[np.int32]
    positions: Floats
    velocities: Floats
    rotations: Floats
    steer: Array
    gas: Array

    @property
    def speeds_mps(self) -> Array:
        """Of shape (n,)."""
        speeds: Array = np.linalg.norm(self.velocities, axis=1)
        return speeds

    @staticmethod
    def ask(client: Client, count: int | None = None) -> Cars:
        """Those of the first so many rows (None: of all) of a session with nothing in flight, as its latest request left them."""
        instances = _instances(client, client.num_rows if count is None else count)
        parts = [_ask_some(client, instances[first:first + _MOST]) for first in range(0, len(instances), _MOST)]
        return Cars(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _instances(client: Client, count: int) -> npt.NDArray[np.uint64]:
    """The number of each row's game; 0: it has none just now."""
    numbers = np.zeros(count, np.uint64)
    first, session = 0, client.hello.session
    while True:
        header, _ = client.ask('instances', first=first)
        try:
            for number, owner, row in zip(header['numbers'], header['sessions'], header['rows'], strict=True):
                if owner == session and row < count:
                    numbers[row] = number
            after = header['next']
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadReply(f"its instances cannot be read: {error}") from error
        if after == 0 or numbers.all():
            return numbers
        if after <= first:
            raise BadReply("field 'next' goes back")
        first = after


def _ask_some(client: Client, instances: npt.NDArray[np.uint64]) -> Cars:
    _, frames = client.ask('states', instances.tobytes())
    if len(frames) != 8:
        raise BadReply(f'it has {len(frames)} arrays, must have 8')
    m = len(instances)
    inputs = array(frames[7], np.int32, 'inputs', m, 6)
    steer, gas = inputs[:, 0] / 65536, inputs[:, 1] / 65536
    return Cars(array(frames[0], np.bool_, 'known', m), array(frames[1], np.uint64, 'episodes', m),
                array(frames[2], np.int32, 'race_times', m), array(frames[3], np.int32, 'checkpoints', m),
                array(frames[4], np.float32, 'positions', m, 3), array(frames[5], np.float32, 'velocities', m, 3),
                array(frames[6], np.float32, 'rotations', m, 3, 3),
                np.where(steer != 0, steer, inputs[:, 3] - inputs[:, 2]), np.where(gas != 0, gas, inputs[:, 4] - inputs[:, 5]))
