"""The geometry of a track, as the server tells it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hotlap.client import Client
from hotlap.errors import BadReply
from hotlap.protocol import Floats, array


class Track(NamedTuple):
    """The middle of the road as p points, and the g gates of one lap, in m; world: x west, y up, z north.

    Attributes:
        name: of the track.
        length_m: of the line, on a circuit of one lap.
        closed: a circuit; then `laps` are driven.
        lower_bound_ms: no car with the settings of the server's own is faster from start to finish.
        points: float32 (p, 3), the middle of the road.
        lefts: float32 (p, 3), unit, across the road.
        half_widths: float32 (p, 2), to the left and to the right.
        walls: float32 (p, 2), height at the left and the right edge; 0: an open one.
        surfaces: uint8 (p,), from here to the next point; 0: a gap. See `track` in `docs/protocol.md`.
        gate_points, gate_directions: float32 (g, 3); the last gate is the finish, or the line that ends a lap.
        gate_reaches: float32 (g, 2), to the left and to the right.
    """

    name: str
    length_m: float
    closed: bool
    laps: int
    lower_bound_ms: int
    points: Floats
    lefts: Floats
    half_widths: Floats
    walls: Floats
    surfaces: npt.NDArray[np.uint8]
    gate_points: Floats
    gate_directions: Floats
    gate_reaches: Floats

    @staticmethod
    def ask(client: Client, name: str) -> Track:
        """That of the track of this name.

        Raises:
            UnknownName: the server has none.
        """
        header, frames = client.call('track', track=name)
        if len(frames) != 10:
            raise BadReply(f'it has {len(frames)} arrays, must have 10')
        p, g = len(frames[5]), len(frames[6]) // 4

        def read(place: int, what: str, *shape: int) -> Any:
            return array(frames[place], np.float32, what, *shape)

        try:
            told = header['length_m'], bool(header['closed']), int(header['laps']), int(header['lower_bound_ms'])
        except KeyError as error:
            raise BadReply(f'field {error} is missing') from None
        return Track(name, *told, read(0, 'points', p, 3), read(2, 'lefts', p, 3), read(3, 'half_widths', p, 2),
                     read(4, 'walls', p, 2), array(frames[5], np.uint8, 'surfaces', p), read(7, 'gate_points', g, 3),
                     read(8, 'gate_directions', g, 3), read(9, 'gate_reaches', g, 2))

    def distance_m(self, position: npt.ArrayLike) -> float:
        """How far along the line its point next to a position (3,) is, in [0, length_m]."""
        nearest = int(np.argmin(np.sum((self.points - np.asarray(position)) ** 2, axis=1)))
        return self.length_m * nearest / max(1, len(self.points) - (not self.closed))
