"""What the rows of a VectorEnv look like, as its render mode has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hotlap.cars import Cars
from hotlap.client import Client
from hotlap.track import Track

if TYPE_CHECKING:
    from hotlap.window import Window

MODES = ('ansi', 'human', 'rgb_array', 'track')
_BAR = 40  # characters
_KMH_PER_MPS = 3.6


class Renderer:
    """Asks the server for tracks and cars, and draws them."""

    def __init__(self, mode: str, names: Sequence[str], fps: float) -> None:
        """Pillow is imported for modes that draw, pygame for a window, which opens with the first picture.

        Args:
            mode: one of MODES.
            names: of the rows' tracks.
            fps: pictures that a window shows per second.

        Raises:
            DependencyNotInstalled: one of them is not there.
        """
        self._mode, self._names, self._fps = mode, names, fps
        if mode != 'ansi':
            from hotlap import drawing
            self._drawing = drawing
        if mode == 'human':
            from hotlap import window
            self._window_of = window.Window
        self._window: Window | None = None
        self._tracks: dict[str, Track] = {}
        self._driven: list[_Driven] = []

    def observe(self, client: Client) -> None:
        """Follows the rows to where a step or a reset has brought them; nothing may be in flight."""
        if self._mode == 'track':
            self._follow(Cars.ask(client))
        elif self._mode == 'human':
            self._show(client)

    def frames(self, client: Client) -> tuple[Any, ...] | None:
        """A picture (or text) per row; None of a window. Nothing may be in flight."""
        if self._mode == 'human':
            self._show(client)
            return None
        tracks = [self._track(client, name) for name in self._names]
        cars = Cars.ask(client)
        if self._mode == 'ansi':
            return tuple(_text(track, cars, row) for row, track in enumerate(tracks))
        if self._mode == 'rgb_array':
            return tuple(self._drawing.follow(track, cars, row) for row, track in enumerate(tracks))
        self._follow(cars)
        return tuple(self._drawing.whole(track, cars, row, self._drawing.Line(*self._driven[row].line()))
                     for row, track in enumerate(tracks))

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def _track(self, client: Client, name: str) -> Track:
        if name not in self._tracks:
            self._tracks[name] = Track.ask(client, name)
        return self._tracks[name]

    def _show(self, client: Client) -> None:
        """Row 0 in the window; nothing once that was closed."""
        if self._window is None:
            self._window = self._window_of(self._fps)
        if self._window.is_open:
            self._window.show(self._drawing.follow(self._track(client, self._names[0]), Cars.ask(client, 1), 0))

    def _follow(self, cars: Cars) -> None:
        if len(self._driven) != len(cars.known):
            self._driven = [_Driven() for _ in cars.known]
        speeds = cars.speeds_mps
        for row in np.flatnonzero(cars.known).tolist():
            self._driven[row].add(int(cars.episodes[row]), int(cars.race_times_ms[row]), cars.positions[row], float(speeds[row]))


class _Driven:
    """The line of a row's episode."""

    def __init__(self) -> None:
        self._episode = -1
        self._points: list[tuple[int, Any, float]] = []  # race time (ms), position, speed (m/s)
        self._before: list[tuple[int, Any, float]] = []  # of the episode before

    def add(self, episode: int, race_time_ms: int, position: Any, speed_mps: float) -> None:
        if episode != self._episode:
            self._before, self._points, self._episode = self._points, [], episode
        while self._points and self._points[-1][0] >= race_time_ms:  # asked twice, or restored to an earlier time
            self._points.pop()
        self._points.append((race_time_ms, position, speed_mps))

    def line(self) -> tuple[Any, Any]:
        """Positions (k, 3) and speeds (k,); those of the episode before as long as this one has just begun."""
        points = self._points if len(self._points) > 1 or not self._before else self._before
        positions = np.array([position for _, position, _ in points], np.float32).reshape(-1, 3)
        return positions, np.array([speed for *_, speed in points])


def _text(track: Track, cars: Cars, row: int) -> str:
    """One line: how far, how long, how fast, and what is pressed."""
    if not cars.known[row]:
        return f'{track.name}: no car'
    distance_m = track.distance_m(cars.positions[row])
    gates = len(track.gate_points) * track.laps - 1  # without the finish
    done = min(_BAR, int(_BAR * distance_m / track.length_m))
    return (f'{track.name} [{"=" * done}{" " * (_BAR - done)}] {distance_m:6.0f} m {cars.race_times_ms[row] / 1000:8.2f} s '
            f'checkpoint {min(gates, cars.checkpoints[row])} of {gates} '
            f'{cars.speeds_mps[row] * _KMH_PER_MPS:4.0f} km/h steer {cars.steer[row]:+.2f} gas {cars.gas[row]:+.2f}')
